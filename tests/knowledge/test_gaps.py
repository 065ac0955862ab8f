"""Gaps: near-duplicates in one row, ranked by who asked, drafted with the callers' own words, answered, opened again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from config.clock import ManualClock, local
from knowledge.consultations import Consultation, Consultations, Reason, Result
from knowledge.contract import Actor, KnowledgeError
from knowledge.document import Document
from knowledge.gap_grouping import PICKED_WITHIN, Grouping
from knowledge.gap_likeness import SAME, likeness, signature
from knowledge.gaps import Gap, Gaps
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from store.accounts import Role
from store.engine import Database
from store.schema import gaps as gap_rows
from store.vault import Vault
from tests.knowledge.conftest import MakeForm

EDITOR = Actor("e1", Role.EDITOR)
REVIEWER = Actor("r1", Role.REVIEWER)
OFFICE = Actor("o1", Role.OFFICE)
POLICE = Actor("u1", Role.UNIT, "市公安局")
DRONE = "无人机飞行要不要报备"
DOG = "养犬证去哪里办"
PAIRS = yaml.safe_load((Path(__file__).parent / "data" / "gap_pairs.yaml").read_text(encoding="utf-8"))

Ask = Callable[..., Awaitable[str]]


@pytest.fixture
def log(database: Database, vault: Vault, clock: ManualClock) -> Consultations:
    return Consultations(database, vault, clock)


@pytest.fixture
def lifecycle(database: Database, vault: Vault, clock: ManualClock) -> Lifecycle:
    return Lifecycle(database, vault, clock)


@pytest.fixture
def gaps(database: Database, vault: Vault, clock: ManualClock, lifecycle: Lifecycle) -> Gaps:
    return Gaps(database, vault, clock, lifecycle)


@pytest.fixture
def ask(log: Consultations, clock: ManualClock) -> Ask:
    """Ask ``text`` in vain, in a conversation of the caller's own."""

    async def asked(text: str, who: str = "p1", result: Result = Result.NO_MATCH, **changes: str) -> str:
        clock.advance(60)
        known = {"unit": "市公安局", "topic": "治安", "channel": "phone", "conversation_id": f"c-{who}"} | changes
        return await log.record(
            Consultation(text=text, contact_key=who, at=clock.now(), result=result, **known)  # type: ignore[arg-type]
        )

    return asked


async def board(gaps: Gaps, status: str = "open") -> tuple[Gap, ...]:
    return (await gaps.board(EDITOR, status)).gaps


def likeness_of(pair: list[str]) -> float:
    one, other = (signature(text, lambda term: f"{hash(term):032x}"[-8:]) for text in pair)
    return likeness(one, other)


def test_no_pair_that_asks_different_things_is_grouped() -> None:
    assert [pair for pair in PAIRS["different"] if likeness_of(pair) >= SAME] == []


def test_most_pairs_that_ask_the_same_are_grouped() -> None:
    grouped = [pair for pair in PAIRS["same"] if likeness_of(pair) >= SAME]
    assert len(grouped) / len(PAIRS["same"]) >= 0.55


async def test_near_duplicates_are_one_gap_with_its_askers(gaps: Gaps, ask: Ask) -> None:
    await ask(DOG, "p1")
    await ask("办养犬证要去哪里", "p2")
    await ask("养犬证去那里办", "p2")
    await ask(DRONE, "p1")
    dog, drone = await board(gaps)
    assert (dog.askers, dog.asked, set(dog.samples)) == (2, 3, {DOG, "办养犬证要去哪里", "养犬证去那里办"})
    assert (drone.title, drone.askers, drone.reason) == (DRONE, 1, "no_match")


async def test_what_is_known_of_a_question_cannot_be_read_on_disk(gaps: Gaps, ask: Ask, database: Database) -> None:
    await ask(DRONE)
    await board(gaps)
    async with database.connect() as connection:
        row = (await connection.execute(select(gap_rows))).one()
    assert not any(word in str(row) for word in ("无人机", "飞行", "报备"))


async def test_what_was_answered_joins_no_gap_until_it_is_denied(gaps: Gaps, ask: Ask, log: Consultations) -> None:
    await ask(DOG, result=Result.ANSWERED)
    assert await board(gaps) == ()
    await log.mark("c-p1", Result.DENIED)
    (gap,) = await board(gaps)
    assert gap.reason == "denied"


async def test_an_offer_may_still_be_picked_for_a_while(
    gaps: Gaps, ask: Ask, log: Consultations, clock: ManualClock
) -> None:
    await ask(DOG, "p1", Result.OFFERED)
    await ask(DRONE, "p2", Result.OFFERED)
    assert await board(gaps) == ()
    await log.mark("c-p2", Result.CHOSEN)
    clock.advance(PICKED_WITHIN.total_seconds())
    assert [gap.title for gap in await board(gaps)] == [DOG]


async def test_a_question_that_an_agent_answered_is_still_one_that_the_bot_should_know(
    gaps: Gaps, ask: Ask, log: Consultations, make_form: MakeForm, database: Database, clock: ManualClock
) -> None:
    await Repository(database, clock).publish([make_form("Q1", "办理犬只登记", "狗证")])
    await ask(DOG)
    await log.mark("c-p1", Result.AGENT_ANSWERED, entry_id="Q1", version=1)
    (gap,) = await board(gaps)
    assert gap.entry_id == "Q1"
    draft = await gaps.draft_from(gap.id, EDITOR)
    assert (draft.entry_id, draft.base_version) == ("Q1", 1)
    assert list(draft.content["similar"]) == ["狗证", DOG]
    assert draft.content["answer"] == "办理犬只登记：请带证件到窗口办理。"


async def test_the_board_begins_with_the_topic_and_unit_most_people_asked_about(gaps: Gaps, ask: Ask) -> None:
    for who in ("p1", "p2"):
        await ask("充电桩怎么报装", who, unit="供电局", topic="供电")
    await ask("人才公寓怎么申请", "p1", unit="供电局", topic="供电")
    for who in ("p1", "p2", "p3"):
        await ask(DRONE, who)
    await ask("宅基地可以买卖吗", "p4", unit="市自然资源局", topic="土地")
    found = await gaps.board(EDITOR)
    assert [(group.topic, group.askers, group.gaps) for group in found.groups] == [
        ("治安", 3, 1),
        ("供电", 2, 2),
        ("土地", 1, 1),
    ]
    assert [gap.askers for gap in found.gaps] == [3, 2, 1, 1]
    assert [gap.topic for gap in found.gaps] == ["治安", "供电", "供电", "土地"]


async def test_a_gap_is_due_by_the_rule_and_then_overdue(gaps: Gaps, ask: Ask, clock: ManualClock) -> None:
    await ask(DRONE)
    (gap,) = await board(gaps)
    assert gap.due_at is not None
    assert f"{local(gap.due_at):%Y-%m-%d %H:%M}" == "2023-04-04 08:00"
    assert (gap.due_on_holiday, gap.overdue) == (False, False)
    clock.advance(86_400)
    assert (await board(gaps))[0].overdue


async def test_one_click_drafts_with_the_callers_own_words(gaps: Gaps, ask: Ask, lifecycle: Lifecycle) -> None:
    await ask(DOG, "p1")
    await ask("办养犬证要去哪里", "p2")
    await ask("养犬证去哪里办，我电话【号码】", "p3")
    (gap,) = await board(gaps)
    draft = await gaps.draft_from(gap.id, EDITOR)
    assert (draft.origin, draft.gap_id, draft.base_version) == ("gap", gap.id, 0)
    assert draft.content["question"] == DOG
    assert list(draft.content["similar"]) == ["办养犬证要去哪里"]
    assert (draft.content["unit"], draft.content["field"]) == ("市公安局", "治安")
    (drafted,) = await board(gaps, "drafted")
    assert drafted.draft_id == draft.id
    with pytest.raises(KnowledgeError) as refused:
        await gaps.draft_from(gap.id, EDITOR)
    assert refused.value.code == "conflict"
    assert len(await lifecycle.drafts(EDITOR)) == 1


async def test_the_duty_unit_s_answer_goes_in_as_a_draft_that_still_needs_review(gaps: Gaps, ask: Ask) -> None:
    await ask(DOG)
    (gap,) = await board(gaps)
    sent = Document("答复.docx", "关于养犬登记的答复", "请到派出所办理。", "湛公规〔2026〕3号", date(2026, 11, 1))
    draft = await gaps.draft_from(gap.id, EDITOR, sent)
    assert (draft.origin, draft.status, draft.content["answer"]) == ("document", "draft", "请到派出所办理。")
    assert draft.content["question"] == DOG
    source = [draft.content[name] for name in ("source", "source_no", "source_date", "official")]
    assert source == ["关于养犬登记的答复", "湛公规〔2026〕3号", "2026-11-01", "请到派出所办理。"]
    assert draft.note == "由文件“答复.docx”录入"


async def publish(gap: Gap, gaps: Gaps, lifecycle: Lifecycle, **changes: str) -> None:
    draft = await gaps.draft_from(gap.id, EDITOR)
    content = {**draft.content, "answer": "请到派出所办理。", "speech": "请到派出所办理。", **changes}
    draft = await lifecycle.save_draft(EDITOR, content, draft_id=draft.id, revision=draft.revision)
    draft = await lifecycle.submit(EDITOR, draft.id, draft.revision)
    await lifecycle.approve(REVIEWER, draft.id, draft.revision, "已核对")


async def test_publication_answers_a_gap_and_asking_on_in_vain_opens_it_again(
    gaps: Gaps, ask: Ask, lifecycle: Lifecycle, clock: ManualClock
) -> None:
    await ask(DOG, "p1")
    await publish((await board(gaps))[0], gaps, lifecycle)
    (answered,) = await board(gaps, "answered")
    assert answered.entry_id is not None
    clock.advance(2 * 86_400)
    await ask("办养犬证要去哪里", "p2", Result.DENIED)
    (opened,) = await board(gaps)
    assert (opened.id, opened.askers, opened.draft_id) == (answered.id, 2, None)
    assert opened.due_at is not None
    assert f"{local(opened.due_at):%Y-%m-%d}" == "2023-04-06"


async def test_what_is_published_for_later_is_not_missed_before(
    gaps: Gaps, ask: Ask, lifecycle: Lifecycle, clock: ManualClock
) -> None:
    await ask(DOG, "p1")
    await publish((await board(gaps))[0], gaps, lifecycle, effective_at="2023-04-20")
    await ask("办养犬证要去哪里", "p2")
    assert await board(gaps) == ()
    (answered,) = await board(gaps, "answered")
    assert answered.askers == 2


async def test_a_draft_that_is_withdrawn_leaves_the_gap_open(gaps: Gaps, ask: Ask, lifecycle: Lifecycle) -> None:
    await ask(DOG)
    draft = await gaps.draft_from((await board(gaps))[0].id, EDITOR)
    await lifecycle.withdraw(EDITOR, draft.id, draft.revision)
    assert len(await board(gaps)) == 1


async def test_a_reason_of_the_five_holds_for_every_question_of_the_gap(
    gaps: Gaps, ask: Ask, log: Consultations
) -> None:
    await ask(DOG, "p1")
    await ask("办养犬证要去哪里", "p2", Result.LOW_CONFIDENCE)
    (gap,) = await board(gaps)
    changed = await gaps.change(gap.id, EDITOR, reason="needs_interpretation", unit="市农业农村局", note="转农业局")
    assert (changed.reason, changed.unit, changed.note) == ("needs_interpretation", "市农业农村局", "转农业局")
    for who in ("p1", "p2"):
        assert [one.reason for one in await log.of_conversation(f"c-{who}")] == ["needs_interpretation"]


async def test_a_closed_gap_stays_closed_until_it_is_opened(gaps: Gaps, ask: Ask) -> None:
    await ask(DOG, "p1")
    (gap,) = await board(gaps)
    await gaps.change(gap.id, EDITOR, status="closed")
    await ask("办养犬证要去哪里", "p2")
    assert await board(gaps) == ()
    assert (await gaps.change(gap.id, EDITOR, status="open")).askers == 2


@pytest.mark.parametrize(
    "changes", [{"reason": "why"}, {"status": "answered"}, {"note": "长" * 501}, {"unit": "长" * 101}]
)
async def test_a_change_that_cannot_be_is_refused_with_its_field(gaps: Gaps, ask: Ask, changes: dict[str, str]) -> None:
    await ask(DOG)
    (gap,) = await board(gaps)
    with pytest.raises(KnowledgeError) as refused:
        await gaps.change(gap.id, EDITOR, **changes)
    assert refused.value.code == "invalid"
    assert [name for name, _ in refused.value.fields] == list(changes)


async def test_a_unit_sees_and_drafts_its_own_gaps_only(gaps: Gaps, ask: Ask) -> None:
    await ask(DOG, unit="市公安局")
    await ask(DRONE, unit="民航局")
    mine = (await gaps.board(POLICE)).gaps
    assert [gap.title for gap in mine] == [DOG]
    assert (await gaps.draft_from(mine[0].id, POLICE)).content["unit"] == "市公安局"
    (other,) = await board(gaps)
    with pytest.raises(KnowledgeError) as refused:
        await gaps.draft_from(other.id, POLICE)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("role", [Role.AGENT, Role.OPERATOR])
async def test_who_has_no_business_with_gaps_sees_none(gaps: Gaps, role: Role) -> None:
    with pytest.raises(KnowledgeError) as refused:
        await gaps.board(Actor("x", role))
    assert refused.value.code == "forbidden"


@pytest.mark.parametrize("actor", [OFFICE, POLICE])
async def test_only_maintainers_change_gaps(gaps: Gaps, ask: Ask, actor: Actor) -> None:
    await ask(DOG)
    (gap,) = await board(gaps)
    with pytest.raises(KnowledgeError) as refused:
        await gaps.change(gap.id, actor, status="closed")
    assert refused.value.code == "forbidden"


async def test_every_reason_has_its_name(gaps: Gaps, ask: Ask) -> None:
    await ask(DOG)
    (gap,) = await board(gaps)
    for reason in Reason:
        assert (await gaps.change(gap.id, EDITOR, reason=reason.value)).to_json()["reason_label"]


async def test_two_processes_place_each_question_once(
    each_database: Database, vault: Vault, clock: ManualClock, make_form: MakeForm
) -> None:
    log = Consultations(each_database, vault, clock)
    for number, text in enumerate((DOG, "办养犬证要去哪里", DRONE)):
        await log.record(
            Consultation(
                f"c{number}", f"p{number}", "phone", text, clock.now() + timedelta(minutes=number), Result.NO_MATCH
            )
        )
    one, other = (Grouping(each_database, vault, clock) for _ in range(2))
    await asyncio.gather(one.gather(), other.gather())
    found = (await Gaps(each_database, vault, clock, Lifecycle(each_database, vault, clock)).board(EDITOR)).gaps
    assert sorted((gap.askers, gap.title) for gap in found) == [(1, DRONE), (2, DOG)]
