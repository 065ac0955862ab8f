"""From a draft to an answer and back: two people, dates, locks, disputes, roll-back."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from config.clock import LOCAL_ZONE, ManualClock
from knowledge.contract import Actor, Entry, KnowledgeError
from knowledge.drafts import Draft, DraftConflict
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from store.accounts import Role
from store.engine import Database
from store.schema import audit, drafts, entries
from store.vault import Vault

from .conftest import MakeForm

ANNA = Actor("anna", Role.EDITOR)
BAO = Actor("bao", Role.EDITOR)
REN = Actor("ren", Role.REVIEWER)
SHU = Actor("shu", Role.REVIEWER)
UNIT = Actor("gjj", Role.UNIT, "市住房公积金管理中心")
AGENT = Actor("8001", Role.AGENT)
CONTENT: dict[str, Any] = {
    "id": "GJJ-9",
    "question": "公积金怎么提取",
    "similar": ["取公积金"],
    "answer": "带身份证到窗口。",
    "speech": "请带身份证到窗口。",
    "unit": "市住房公积金管理中心",
    "field": "公积金",
    "effective_at": "2023-01-01",
}


@pytest.fixture
def life(each_database: Database, vault: Vault, clock: ManualClock) -> Lifecycle:
    return Lifecycle(each_database, vault, clock)


@pytest.fixture
def light(database: Database, vault: Vault, clock: ManualClock) -> Lifecycle:
    """On SQLite alone: for rules that no database has a part in."""
    return Lifecycle(database, vault, clock)


@pytest.fixture
def repository(light: Lifecycle, database: Database, clock: ManualClock) -> Repository:
    return Repository(database, clock)


def at(text: str) -> datetime:
    """A moment in Asia/Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE)


async def submitted(life: Lifecycle, by: Actor = ANNA, **changes: Any) -> Draft:
    draft = await life.save_draft(by, CONTENT | changes)
    return await life.submit(by, draft.id, draft.revision)


async def published(life: Lifecycle, **changes: Any) -> Entry:
    draft = await submitted(life, **changes)
    return await life.approve(REN, draft.id, draft.revision)


async def refused(code: str, attempt: Callable[[], Any]) -> KnowledgeError:
    with pytest.raises(KnowledgeError) as caught:
        await attempt()
    assert caught.value.code == code, caught.value.message
    return caught.value


async def test_a_draft_is_answered_only_after_a_second_person(life: Lifecycle, each_database: Database) -> None:
    repository = Repository(each_database, ManualClock(at("2023-04-03 10:00")))
    draft = await life.save_draft(ANNA, CONTENT, note="新事项")
    assert (draft.status, draft.revision, draft.editors, draft.base_version) == ("draft", 1, ("anna",), 0)
    before = await repository.counter()
    draft = await life.submit(ANNA, draft.id, 1)
    assert (await repository.snapshot()).versions == ()
    assert await repository.counter() == before
    entry = await life.approve(REN, draft.id, draft.revision, "核对过文件")
    assert (entry.version, entry.author, entry.reviewed_by) == (1, "anna", "ren")
    assert await repository.counter() == before + 1
    assert (await repository.snapshot()).answerable(at("2023-04-03 10:00")) == (entry,)
    done = await life.draft(ANNA, draft.id)
    assert (done.status, done.published_version, done.review_note) == ("published", 1, "核对过文件")
    async with each_database.connect() as connection:
        actions = (await connection.execute(select(audit.c.by, audit.c.action).order_by(audit.c.at))).all()
        note = (await connection.execute(select(entries.c.note))).scalar_one()
    assert {("anna", "knowledge.draft.submitted"), ("ren", "knowledge.approved")} <= {tuple(row) for row in actions}
    assert note == "新事项"


async def test_whoever_wrote_or_submitted_does_not_approve(light: Lifecycle) -> None:
    draft = await light.save_draft(REN, CONTENT)
    draft = await light.save_draft(ANNA, CONTENT | {"answer": "改过。"}, draft_id=draft.id, revision=1)
    draft = await light.submit(SHU, draft.id, draft.revision)
    assert draft.editors == ("ren", "anna")
    await refused("second_person", lambda: light.approve(REN, draft.id, draft.revision))
    await refused("second_person", lambda: light.approve(SHU, draft.id, draft.revision))
    third = Actor("wen", Role.REVIEWER)
    assert (await light.approve(third, draft.id, draft.revision)).reviewed_by == "wen"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REVIEWER])
async def test_only_reviewers_decide(light: Lifecycle, role: Role) -> None:
    draft = await submitted(light)
    actor = Actor("x", role, "市住房公积金管理中心" if role is Role.UNIT else "")
    await refused("forbidden", lambda: light.approve(actor, draft.id, draft.revision))
    await refused("forbidden", lambda: light.return_(actor, draft.id, draft.revision, "不对"))
    await refused("forbidden", lambda: light.archive(actor, "GJJ-9", "过时"))
    await refused("forbidden", lambda: light.roll_back(actor, "GJJ-9", 1, ""))
    await refused("forbidden", lambda: light.resolve_dispute(actor, "d", "unfounded", "无误"))
    if role not in (Role.EDITOR, Role.UNIT):
        await refused("forbidden", lambda: light.save_draft(actor, CONTENT))


async def test_a_unit_writes_for_itself_alone(light: Lifecycle) -> None:
    draft = await light.save_draft(UNIT, CONTENT)
    assert draft.origin == "unit"
    other = Actor("sb", Role.UNIT, "市社会保险事业中心")
    await refused("forbidden", lambda: light.save_draft(other, CONTENT | {"id": "SB-1"}))
    await refused("forbidden", lambda: light.draft(other, draft.id))
    await refused("forbidden", lambda: light.submit(other, draft.id, 1))
    stolen = CONTENT | {"unit": other.unit}
    await refused("forbidden", lambda: light.save_draft(UNIT, stolen, draft_id=draft.id, revision=1))
    await refused("forbidden", lambda: light.save_draft(other, stolen, draft_id=draft.id, revision=1))
    assert await light.drafts(other) == ()
    assert [one.id for one in await light.drafts(UNIT)] == [draft.id]
    draft = await light.submit(UNIT, draft.id, 1)
    await light.approve(REN, draft.id, draft.revision)
    await refused("forbidden", lambda: light.save_draft(other, stolen))


async def test_what_is_wrong_is_kept_but_not_submitted(light: Lifecycle) -> None:
    draft = await light.save_draft(ANNA, CONTENT | {"speech": "", "effective_at": ""})
    assert {problem.field for problem in draft.problems} == {"speech", "effective_at"}
    error = await refused("invalid", lambda: light.submit(ANNA, draft.id, 1))
    assert {field for field, _ in error.fields} == {"speech", "effective_at"}
    await refused("invalid", lambda: light.save_draft(ANNA, {"id": "X", "price": 1}))
    await refused("invalid", lambda: light.save_draft(ANNA, {"id": "X", "answer": "长" * 300_000}))
    made = await light.save_draft(ANNA, {"question": "没有编号的"})
    assert made.entry_id.startswith("KB-20230403-")


async def test_an_attachment_that_is_not_there_is_not_submitted(light: Lifecycle) -> None:
    file = {"id": "f" * 32, "name": "办法.pdf", "bytes": 10, "media": "application/pdf"}
    draft = await light.save_draft(ANNA, CONTENT | {"attachments": [file]})
    assert "附件" in (await refused("invalid", lambda: light.submit(ANNA, draft.id, 1))).message


async def test_a_change_in_review_must_be_submitted_again(light: Lifecycle) -> None:
    draft = await submitted(light)
    changed = await light.save_draft(BAO, CONTENT | {"answer": "新的。"}, draft_id=draft.id, revision=draft.revision)
    assert (changed.status, changed.editors) == ("draft", ("anna", "bao"))
    await refused("conflict", lambda: light.approve(REN, draft.id, draft.revision))
    await refused("conflict", lambda: light.approve(REN, draft.id, changed.revision))


async def test_a_returned_draft_says_why_and_may_come_again(light: Lifecycle) -> None:
    draft = await submitted(light)
    await refused("invalid", lambda: light.return_(REN, draft.id, draft.revision, " "))
    back = await light.return_(REN, draft.id, draft.revision, "缺文号")
    assert (back.status_label, back.review_note, back.last_hand) == ("已退回", "缺文号", "ren")
    again = await light.save_draft(
        ANNA, CONTENT | {"source_no": "〔2023〕1号"}, draft_id=draft.id, revision=back.revision
    )
    again = await light.submit(ANNA, again.id, again.revision)
    assert (await light.approve(REN, again.id, again.revision)).source_no == "〔2023〕1号"


async def test_of_two_who_save_at_once_one_wins_and_the_other_is_told(life: Lifecycle, clock: ManualClock) -> None:
    draft = await life.save_draft(ANNA, CONTENT)
    clock.advance(60)
    done = await asyncio.gather(
        life.save_draft(ANNA, CONTENT | {"answer": "安娜的。"}, draft_id=draft.id, revision=1),
        life.save_draft(BAO, CONTENT | {"answer": "小宝的。"}, draft_id=draft.id, revision=1),
        return_exceptions=True,
    )
    (won,) = [one for one in done if isinstance(one, Draft)]
    (lost,) = [one for one in done if isinstance(one, DraftConflict)]
    kept = await life.draft(ANNA, draft.id)
    assert kept == won
    assert lost.theirs == won
    assert f"{won.last_hand} 在 04月03日 10:01:00 改过这份草稿" in lost.message
    assert (lost.status, kept.revision) == (409, 2)


async def test_an_entry_has_one_open_draft(life: Lifecycle) -> None:
    made = await asyncio.gather(life.save_draft(ANNA, CONTENT), life.save_draft(BAO, CONTENT), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["Draft", "DraftConflict"]
    (draft,) = [one for one in made if isinstance(one, Draft)]
    assert await life.open_draft(ANNA, "GJJ-9") == draft
    await life.withdraw(ANNA, draft.id, 1)
    assert (await life.save_draft(BAO, CONTENT)).status == "draft"


async def test_of_two_who_approve_at_once_one_publishes(life: Lifecycle) -> None:
    draft = await submitted(life)
    done = await asyncio.gather(
        life.approve(REN, draft.id, draft.revision), life.approve(SHU, draft.id, draft.revision), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["DraftConflict", "Entry"]
    assert len(await life.history("GJJ-9")) == 1


async def test_a_draft_of_an_older_version_is_not_published_over_a_newer(
    light: Lifecycle, repository: Repository, make_form: MakeForm
) -> None:
    await published(light)
    draft = await submitted(light, answer="照第一版改的。")
    await repository.publish([make_form("GJJ-9", "公积金怎么提取")], "kb import")
    error = await refused("conflict", lambda: light.approve(REN, draft.id, draft.revision))
    assert "已有第 2 版" in error.message
    assert isinstance(error, DraftConflict)
    assert (error.newest, await light.newest_published("GJJ-9"), await light.newest_published("NEW")) == (2, 2, 0)
    back = await light.return_(REN, draft.id, draft.revision, "请对照第 2 版")
    stale = await light.save_draft(ANNA, CONTENT, draft_id=draft.id, revision=back.revision)
    error = await refused("conflict", lambda: light.submit(ANNA, stale.id, stale.revision))
    assert "请先对照它更新" in error.message
    await refused(
        "conflict", lambda: light.save_draft(ANNA, CONTENT, draft_id=draft.id, revision=stale.revision, base_version=3)
    )
    assert (await light.draft(ANNA, draft.id)) == stale
    back = stale
    await refused("conflict", lambda: light.save_draft(ANNA, CONTENT, base_version=1))
    again = await light.save_draft(ANNA, CONTENT, draft_id=draft.id, revision=back.revision, base_version=2)
    again = await light.submit(ANNA, again.id, again.revision)
    assert (await light.approve(REN, again.id, again.revision)).version == 3


async def test_an_archived_entry_is_silent_until_a_new_version(light: Lifecycle, repository: Repository) -> None:
    await published(light)
    await light.archive(REN, "GJJ-9", "事项取消")
    assert (await repository.snapshot()).versions == ()
    assert [entry.version for entry in await light.history("GJJ-9")] == [1]
    await refused("invalid", lambda: light.archive(REN, "GJJ-9", ""))
    await refused("not_found", lambda: light.archive(REN, "GJJ-0", "过时"))
    assert (await published(light)).version == 2
    assert [one.version for one in (await repository.snapshot()).versions] == [2]


async def test_rolling_back_restores_the_bytes(life: Lifecycle, each_database: Database) -> None:
    first = await published(life, answer="第一版：\n- 带身份证\n\n| 表 | 格 |", tags=["提取"])
    await published(life, answer="第二版。", similar=[])
    back = await life.roll_back(SHU, "GJJ-9", 1, "第二版有误")
    assert (back.version, back.author, back.reviewed_by) == (3, "anna", "ren")
    async with each_database.connect() as connection:
        rows = (await connection.execute(select(entries).order_by(entries.c.version))).mappings().all()
    own = {"version", "created_at", "changed_in", "note", "status"}
    assert {key: rows[2][key] for key in rows[2] if key not in own} == {
        key: rows[0][key] for key in rows[0] if key not in own
    }
    assert rows[2]["note"] == "回退到第 1 版：第二版有误"
    assert first.answer == back.answer
    await refused("not_found", lambda: life.roll_back(SHU, "GJJ-9", 9, ""))


async def test_an_expired_version_is_not_rolled_back_to(light: Lifecycle, clock: ManualClock) -> None:
    await published(light, expires_at="2023-04-10")
    await published(light)
    clock.advance(8 * 86400)
    await refused("invalid", lambda: light.roll_back(REN, "GJJ-9", 1, ""))


async def test_the_difference_is_shown_by_field_and_line(light: Lifecycle) -> None:
    await published(light, answer="一\n二\n三")
    draft = await submitted(light, answer="一\n二点五\n三", tags=["甲"])
    (waiting,) = await light.reviews(REN)
    assert waiting.draft.id == draft.id
    answer, tags = waiting.changes
    assert (answer.label, [(line.op, line.text) for line in answer.lines]) == (
        "答案",
        [("same", "一"), ("del", "二"), ("add", "二点五"), ("same", "三")],
    )
    assert (tags.name, tags.before, tags.after) == ("tags", "", "甲")
    assert await light.diff(ANNA, "GJJ-9", 1, "draft") == waiting.changes
    await light.approve(REN, draft.id, draft.revision)
    assert await light.diff(ANNA, "GJJ-9", 1, 2) == waiting.changes
    assert len(await light.diff(ANNA, "GJJ-9", 0, 1)) >= 6
    await refused("not_found", lambda: light.diff(ANNA, "GJJ-9", 1, "draft"))
    await refused("not_found", lambda: light.diff(ANNA, "GJJ-9", 1, 7))


async def test_an_embargoed_version_speaks_from_midnight(light: Lifecycle, repository: Repository) -> None:
    old = await published(light)
    new = await published(light, answer="新政策。", effective_at="2023-04-10")
    snapshot = await repository.snapshot()
    assert snapshot.answerable(at("2023-04-09 23:59:59.999")) == (old,)
    assert snapshot.answerable(at("2023-04-10 00:00")) == (new,)
    assert snapshot.until(at("2023-04-03 10:00")) == at("2023-04-10 00:00")
    assert snapshot.since(at("2023-04-10 00:00")) == at("2023-04-10 00:00")


async def test_an_urgent_script_begins_and_ends_by_itself(light: Lifecycle, repository: Repository) -> None:
    old = await published(light)
    script = await published(
        light,
        kind="script",
        urgent=True,
        answer="台风停工停课。",
        effective_at="",
        starts_at="2023-04-03 12:30",
        ends_at="2023-04-04 08:00",
    )
    snapshot = await repository.snapshot()
    assert snapshot.answerable(at("2023-04-03 12:29:59")) == (old,)
    assert snapshot.answerable(at("2023-04-03 12:30")) == (script,)
    assert snapshot.answerable(at("2023-04-04 07:59:59")) == (script,)
    assert snapshot.answerable(at("2023-04-04 08:00")) == (old,)


async def test_what_is_for_agents_is_not_told_to_the_public(light: Lifecycle, repository: Repository) -> None:
    entry = await published(light, audience="agents")
    snapshot = await repository.snapshot()
    assert snapshot.answerable(at("2023-04-03 10:00")) == ()
    assert snapshot.in_force(at("2023-04-03 10:00")) == (entry,)


async def test_a_disputed_entry_is_silent_at_once_and_due_in_two_working_days(
    life: Lifecycle, each_database: Database, clock: ManualClock
) -> None:
    repository = Repository(each_database, clock)
    entry = await published(life)
    counter = await repository.counter()
    dispute = await life.report_dispute(AGENT, "GJJ-9", "窗口说不要身份证", conversation_id="c" * 32)
    assert await repository.counter() == counter + 1
    assert (await repository.snapshot()).answerable(clock.now()) == ()
    # 2023-04-03 is a Monday and 2023-04-05 清明节, off: two working days later is Thursday the 6th.
    assert dispute.due_at == at("2023-04-07 00:00")
    assert (dispute.question, dispute.unit, dispute.overdue) == (entry.question, entry.unit, False)
    clock.advance(3.6 * 86400)
    assert [one.id for one in await life.overdue(ANNA)] == [dispute.id]
    await refused("invalid", lambda: life.resolve_dispute(REN, dispute.id, "corrected", "改了"))
    done = await life.resolve_dispute(REN, dispute.id, "unfounded", "已向单位核实")
    assert (done.outcome, done.resolved_by, done.overdue) == ("unfounded", "ren", False)
    assert (await repository.snapshot()).answerable(clock.now()) == (entry,)
    assert await life.overdue(ANNA) == ()
    await refused("conflict", lambda: life.resolve_dispute(SHU, dispute.id, "unfounded", "再次"))


async def test_a_corrected_version_settles_its_disputes(
    light: Lifecycle, repository: Repository, database: Database
) -> None:
    await published(light)
    await light.dispute_from("citizen", "GJJ-9", "说错了")
    await light.dispute_from("bot", "GJJ-9", "连续三人否定")
    entry = await published(light, answer="改正后的。")
    assert (await repository.snapshot()).answerable(at("2023-04-03 10:00")) == (entry,)
    assert {(one.outcome, one.note) for one in await light.disputes(REN, "GJJ-9")} == {("corrected", "第 2 版改正")}
    async with database.connect() as connection:
        raw = str((await connection.execute(select(audit))).all())
    assert "说错了" not in raw
    await refused("not_found", lambda: light.dispute_from("bot", "NO-1", "x"))
    await refused("invalid", lambda: light.report_dispute(AGENT, "GJJ-9", " "))
    await refused("forbidden", lambda: light.report_dispute(UNIT, "GJJ-9", "有错"))


async def test_a_dispute_in_a_year_without_a_calendar_has_no_due_day(light: Lifecycle, clock: ManualClock) -> None:
    await published(light)
    clock.advance(20 * 366 * 86400)
    dispute = await light.report_dispute(ANNA, "GJJ-9", "有错")
    assert (dispute.due_at, dispute.overdue) == (None, False)


async def test_freshness_by_unit(
    light: Lifecycle, repository: Repository, clock: ManualClock, make_form: MakeForm
) -> None:
    await published(light)
    clock.advance(400 * 86400)
    await repository.publish([make_form("A-1", "怎么办证", expires_at=date(2024, 5, 30))])
    await light.report_dispute(ANNA, "GJJ-9", "有错")
    first, second = await light.freshness(ANNA)
    assert (first.unit, first.entries, first.stale, first.disputed, first.overdue) == (CONTENT["unit"], 1, 1, 1, 0)
    assert (second.unit, second.stale, second.disputed) == ("市政务服务数据管理局", 0, 0)
    assert [row.unit for row in await light.freshness(UNIT)] == [CONTENT["unit"]]
    assert [entry.id for entry in await light.expiring(ANNA)] == ["A-1"]
    await refused("forbidden", lambda: light.freshness(AGENT))


async def test_the_filing_clock_of_a_policy(light: Lifecycle, clock: ManualClock) -> None:
    """Monday 2023-04-03: Wednesday the 5th is 清明节, so the 7th is three working days ahead and the 6th two; 23 April and 6 May are worked."""
    late = await submitted(light, id="P-1", kind="policy", effective_at="2023-04-06", official="全文")
    fine = await submitted(light, id="P-2", kind="policy", effective_at="2023-04-07", official="全文")
    early = await submitted(light, id="P-3", kind="policy", effective_at="2023-05-20")
    unknown = await submitted(light, id="P-4", kind="policy", effective_at="2099-01-01")
    stands = {draft.entry_id: light.filing(draft) for draft in (late, fine, early, unknown)}
    assert {id: one and one.working_days for id, one in stands.items()} == {"P-1": 2, "P-2": 3, "P-3": 33, "P-4": None}
    warned = {row.entry_id: row.filing for row in await light.filing_warnings(ANNA)}
    assert set(warned) == {"P-1", "P-3", "P-4"}
    assert "只提前了 2 个工作日" in warned["P-1"].warning
    assert "没有全部公布" in warned["P-4"].warning
    entry = await light.approve(REN, early.id, early.revision)
    clock.advance(47 * 86400)
    (alarm,) = [row for row in await light.filing_warnings(ANNA) if row.filing.alarm]
    assert (alarm.entry_id, alarm.draft_id, entry.official) == ("P-3", "", "")
    assert await light.filing_warnings(Actor("x", Role.UNIT, "别的单位")) == ()


async def test_no_draft_is_lost_from_the_table(light: Lifecycle, database: Database) -> None:
    draft = await submitted(light)
    await light.withdraw(ANNA, draft.id, draft.revision)
    await refused("conflict", lambda: light.submit(ANNA, draft.id, draft.revision + 1))
    async with database.connect() as connection:
        assert (await connection.execute(select(drafts.c.status))).scalars().all() == ["withdrawn"]
    await refused("not_found", lambda: light.draft(ANNA, "0"))
