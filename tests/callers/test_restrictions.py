"""Restrictions: at most 30 calendar days, the day of decision being day 1, by the office's decision, ending by themselves."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from callers.restrictions import RestrictionRefused, Restrictions, end_of, restriction_to_json
from config.clock import LOCAL_ZONE, ManualClock, local
from config.rulebook import load_rulebook
from store.accounts import Accounts
from store.engine import Database
from store.schema import audit
from store.schema import restrictions as table
from store.vault import Vault

NUMBER = "13800138000"


def at_local(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=LOCAL_ZONE)


async def decide(restrictions: Restrictions, **changes: Any) -> Any:
    given_: dict[str, Any] = {"number": NUMBER, "ground": "harass", "evidence": "录音 0001", "by": "boss", **changes}
    return await restrictions.add(**given_)


async def test_thirty_days_from_the_third_of_april(restrictions: Restrictions) -> None:
    """The check of Z22: decided 2023-04-03 10:00, held until 2023-05-02 24:00."""
    made = await decide(restrictions)
    assert made.basis == "湛府办函〔2022〕116号 第九条"
    assert made.ends_at == at_local(2023, 5, 3)
    assert await restrictions.active(NUMBER, at_local(2023, 5, 2, 23, 59, 59)) == made
    assert await restrictions.active(NUMBER, at_local(2023, 5, 3)) is None
    assert await restrictions.active(NUMBER, at_local(2023, 4, 3, 9, 59, 59)) is None
    assert restriction_to_json(made, made.decided_at)["last_day"] == "2023-05-02"


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(decided=MOMENTS, days=st.integers(1, 30))
def test_it_holds_on_exactly_so_many_local_days(decided: datetime, days: int) -> None:
    end = end_of(decided, days)
    last = local(end - timedelta(microseconds=1)).date()
    assert local(end).time() == time()
    assert (last - local(decided).date()).days == days - 1
    assert timedelta(days=days - 1) < end - decided <= timedelta(days=days)


@given(decided=MOMENTS, days=st.integers(1, 29))
def test_a_day_more_ends_a_day_later(decided: datetime, days: int) -> None:
    assert end_of(decided, days + 1) - end_of(decided, days) == timedelta(days=1)


async def test_it_ends_by_itself_and_may_then_be_decided_anew(restrictions: Restrictions, clock: ManualClock) -> None:
    await decide(restrictions, days=1)
    with pytest.raises(RestrictionRefused, match="期满后"):
        await decide(restrictions)
    clock.advance(14 * 3600 - 1)
    assert await restrictions.active(NUMBER, clock.now()) is not None
    clock.advance(1)
    assert await restrictions.active(NUMBER, clock.now()) is None
    assert (await restrictions.table())[1] == ()
    again = await decide(restrictions, days=1)
    assert await restrictions.active(NUMBER, clock.now()) == again
    assert len(await restrictions.list()) == 2


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"days": 31}, "bad_days", "1 至 30 个自然日（湛府办函〔2022〕116号 第九条）"),
        ({"days": 0}, "bad_days", "不能是 0"),
        ({"number": "anonymous"}, "number_withheld", "不能限制"),
        ({"number": None}, "number_withheld", "不能限制"),
        ({"ground": "annoying"}, "bad_ground", "harass（骚扰热线工作人员）"),
        ({"ground": ""}, "bad_ground", "没有事由"),
        ({"ground": "热线工作人员"}, "bad_ground", "没有事由"),
        ({"evidence": "  "}, "evidence_missing", "--evidence"),
        ({"by": "8001"}, "not_office", "热线办"),
        ({"by": "nobody"}, "not_office", "热线办"),
        ({"by": ""}, "not_office", "--by"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    restrictions: Restrictions, changes: dict[str, Any], code: str, told: str
) -> None:
    with pytest.raises(RestrictionRefused, match=told) as caught:
        await decide(restrictions, **changes)
    assert caught.value.code == code
    assert await restrictions.list() == ()
    assert await restrictions.table() == (0, ())


async def test_every_spelling_of_the_number_is_held_and_no_other(
    restrictions: Restrictions, clock: ManualClock
) -> None:
    await decide(restrictions, number="+86 138-0013-8000", ground="骚扰")
    for spelling in ("13800138000", "008613800138000", "013800138000"):
        assert await restrictions.active(spelling, clock.now()) is not None
    for other in ("13800138001", "anonymous", None):
        assert await restrictions.active(other, clock.now()) is None


async def test_nodes_get_hashes_and_a_version_that_grows(restrictions: Restrictions, vault: Vault) -> None:
    assert await restrictions.table() == (0, ())
    made = await decide(restrictions)
    version, rows = await restrictions.table()
    assert version == 1
    assert [(row.number_key, row.ends_at) for row in rows] == [(vault.key(NUMBER), made.ends_at)]
    await restrictions.lift(made.id, "boss", "核查有误")
    assert await restrictions.table() == (2, ())


async def test_the_office_lifts_by_number_or_id_with_a_reason(restrictions: Restrictions, clock: ManualClock) -> None:
    made = await decide(restrictions)
    clock.advance(60)
    with pytest.raises(RestrictionRefused, match="理由"):
        await restrictions.lift(made.id, "boss", "")
    with pytest.raises(RestrictionRefused, match="热线办"):
        await restrictions.lift(made.id, "8001", "核查有误")
    lifted = await restrictions.lift("+8613800138000", "boss", "核查有误")
    assert (lifted.id, lifted.lifted_by, lifted.lift_reason) == (made.id, "boss", "核查有误")
    assert await restrictions.active(NUMBER, clock.now()) is None
    assert not lifted.in_force(clock.now())
    assert lifted.in_force(made.decided_at)
    with pytest.raises(RestrictionRefused, match="没有正在执行"):
        await restrictions.lift(made.id, "boss", "再来一次")
    await decide(restrictions)


async def test_a_number_that_many_share_is_never_held_back_by_the_number_alone(
    restrictions: Restrictions, clock: ManualClock
) -> None:
    """CLAUSES Z24."""
    made = await decide(restrictions, shared=True)
    assert made.in_force(clock.now())
    assert restriction_to_json(made, clock.now())["shared"]
    assert await restrictions.active(NUMBER, clock.now()) is None
    assert (await restrictions.table())[1] == ()
    with pytest.raises(RestrictionRefused, match="期满后"):
        await decide(restrictions)


async def test_the_office_may_find_out_later_that_a_number_is_shared(
    restrictions: Restrictions, clock: ManualClock, database: Database
) -> None:
    made = await decide(restrictions)
    assert await restrictions.active(NUMBER, clock.now()) is not None
    with pytest.raises(RestrictionRefused, match="热线办"):
        await restrictions.share(made.id, "8001")
    shared = await restrictions.share(NUMBER, "boss")
    assert (shared.id, shared.shared, shared.lifted_at) == (made.id, True, None)
    assert await restrictions.active(NUMBER, clock.now()) is None
    assert await restrictions.table() == (2, ())
    async with database.connect() as connection:
        actions = (await connection.execute(select(audit.c.action).where(audit.c.subject == made.id))).scalars().all()
    assert "restriction.shared" in actions


async def test_decisions_are_audited_without_personal_data(restrictions: Restrictions, database: Database) -> None:
    made = await decide(restrictions)
    await restrictions.lift(made.id, "boss", "核查有误")
    async with database.connect() as connection:
        trail = (await connection.execute(select(audit).where(audit.c.subject == made.id))).all()
        row = (await connection.execute(select(table))).one()
    assert {(entry.action, entry.by) for entry in trail} == {
        ("restriction.added", "boss"),
        ("restriction.lifted", "boss"),
    }
    for text in (str(trail), str(tuple(row)), repr(made), str(restriction_to_json(made, made.decided_at))):
        assert NUMBER not in text
        assert "录音 0001" not in text


async def test_qionghai_makes_none_and_lets_calls_pass(
    database: Database, vault: Vault, clock: ManualClock, accounts: Accounts
) -> None:
    qionghai = Restrictions(database, vault, clock, load_rulebook("qionghai"))
    with pytest.raises(RestrictionRefused, match="琼海营函〔2024〕100号 五") as caught:
        await decide(qionghai)
    assert caught.value.code == "restriction_off"
    assert await qionghai.active(NUMBER, clock.now()) is None
    assert await qionghai.table() == (0, ())


@pytest.mark.parametrize("city", ["haikou", "haidong"])
async def test_without_an_article_the_office_types_the_basis(
    city: str, database: Database, vault: Vault, clock: ManualClock, accounts: Accounts
) -> None:
    restrictions = Restrictions(database, vault, clock, load_rulebook(city))
    with pytest.raises(RestrictionRefused, match="--basis"):
        await decide(restrictions, basis=" ")
    made = await decide(restrictions, basis="某文 第三条")
    assert made.basis == "某文 第三条"


async def test_one_citys_decision_does_not_hold_in_another(
    restrictions: Restrictions, database: Database, vault: Vault, clock: ManualClock
) -> None:
    await decide(restrictions)
    haikou = Restrictions(database, vault, clock, load_rulebook("haikou"))
    assert await haikou.active(NUMBER, clock.now()) is None
    assert await haikou.list() == ()
