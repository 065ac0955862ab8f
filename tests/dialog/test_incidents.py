"""Lists of emergencies: decided by the office, in force from their moment, never without 110, 119 and 120."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from config.clock import ManualClock
from config.rulebook import load_rulebook
from dialog.incidents import IncidentBook, IncidentLists, IncidentsRefused, incidents_to_json, parse_incidents
from store.accounts import Accounts
from store.engine import Database
from store.schema import audit
from store.vault import Vault

RULEBOOK = load_rulebook("zhanjiang")
TYPHOON = {
    "id": "typhoon",
    "name": "台风险情",
    "number": "119",
    "advice": "请马上到坚固的房子里，离开窗户。",
    "cues": ["屋顶被吹走", "广告牌吹倒砸人"],
    "basis": {"document": "湛府办函〔2022〕116号", "article": "第十四条"},
}


def with_typhoon() -> list[dict[str, Any]]:
    return [*incidents_to_json(RULEBOOK.emergency), TYPHOON]


@pytest.fixture
async def lists(each_database: Database, vault: Vault, clock: ManualClock) -> IncidentLists:
    accounts = Accounts(each_database, vault, clock)
    await accounts.create("boss", "", "office")
    await accounts.create("8001", "", "agent")
    return IncidentLists(each_database, clock, "zhanjiang")


async def test_a_decided_list_holds_from_its_moment(lists: IncidentLists, clock: ManualClock) -> None:
    book, tomorrow = IncidentBook(RULEBOOK), clock.now() + timedelta(days=1)
    before = await lists.version()
    await lists.decide(parse_incidents(with_typhoon()), "boss", "台风季增加一项", tomorrow)
    assert await lists.version() > before
    book.replace(await lists.all())
    assert book.at(tomorrow - timedelta(seconds=1)).version == 0
    assert book.at(tomorrow).version == 1
    assert [one.id for one in book.at(tomorrow).incidents][-1] == "typhoon"


async def test_the_newest_decision_in_force_wins_and_going_back_is_a_decision(
    lists: IncidentLists, clock: ManualClock
) -> None:
    book = IncidentBook(RULEBOOK)
    await lists.decide(parse_incidents(with_typhoon()), "boss", "台风季增加一项")
    clock.advance(60)
    await lists.decide(RULEBOOK.emergency, "boss", "台风季结束")
    book.replace(await lists.all())
    assert book.at(clock.now() - timedelta(seconds=30)).version == 1
    assert book.at(clock.now()).version == 2
    assert book.at(clock.now()).incidents == RULEBOOK.emergency


async def test_a_question_asked_under_an_earlier_list_can_still_be_answered(
    lists: IncidentLists, clock: ManualClock
) -> None:
    book = IncidentBook(RULEBOOK)
    await lists.decide(parse_incidents(with_typhoon()), "boss", "台风季增加一项")
    await lists.decide(RULEBOOK.emergency, "boss", "台风季结束")
    book.replace(await lists.all())
    found = book.incident("typhoon", clock.now())
    assert found is not None
    assert found.number == "119"
    assert book.incident("nothing", clock.now()) is None


async def test_each_decision_leaves_its_trace(lists: IncidentLists, each_database: Database) -> None:
    await lists.decide(parse_incidents(with_typhoon()), "boss", "台风季增加一项")
    async with each_database.connect() as connection:
        rows = (await connection.execute(select(audit).where(audit.c.action == "incidents.decided"))).all()
    assert [(row.by, row.subject, row.detail) for row in rows] == [("boss", "1", "台风季增加一项")]


@pytest.mark.parametrize(
    ("by", "note", "earlier_s", "code"),
    [
        ("8001", "想改", 0, "not_office"),
        ("nobody", "想改", 0, "not_office"),
        ("boss", " ", 0, "note_missing"),
        ("boss", "想改", 60, "in_the_past"),
    ],
)
async def test_who_may_not_or_says_too_little_is_refused(
    lists: IncidentLists, clock: ManualClock, by: str, note: str, earlier_s: int, code: str
) -> None:
    at = clock.now() - timedelta(seconds=earlier_s) if earlier_s else None
    with pytest.raises(IncidentsRefused) as refused:
        await lists.decide(RULEBOOK.emergency, by, note, at)
    assert refused.value.code == code
    assert await lists.all() == ()
    assert await lists.version() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "缺少：fire"),
        (lambda rows: [*rows, rows[0]], "重复的 id：fire"),
        (lambda rows: [*rows, {**TYPHOON, "cues": []}], "typhoon 的 cues：至少要有一个"),
        (lambda rows: [*rows, {key: TYPHOON[key] for key in TYPHOON if key != "advice"}], "typhoon 的 advice：缺少"),
        (lambda rows: [*rows, {**TYPHOON, "advise": "？"}], "typhoon 的 advise：没有这一项"),
        (lambda rows: [*rows, "台风"], "第8项"),
        (lambda rows: [], "1 至 200"),
        (lambda rows: "着火", "1 至 200"),
    ],
)
def test_a_list_with_faults_is_refused_by_name(change: Any, said: str) -> None:
    rows = incidents_to_json(RULEBOOK.emergency)
    rows.sort(key=lambda row: row["id"] != "fire")
    with pytest.raises(IncidentsRefused) as refused:
        parse_incidents(change(rows))
    assert said in refused.value.message


def test_what_is_shown_can_be_handed_in_again() -> None:
    assert parse_incidents({"incidents": incidents_to_json(RULEBOOK.emergency)}) == RULEBOOK.emergency
