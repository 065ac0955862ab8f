"""What was asked is on record, and the rate of what was settled at once is right to the second decimal."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from config.clock import LOCAL_ZONE, ManualClock
from knowledge.consultations import INSTANT, Consultation, Consultations, Result, Settled, share
from store.engine import Database
from store.schema import consultations
from store.vault import Vault


@pytest.fixture
def log(database: Database, vault: Vault, clock: ManualClock) -> Consultations:
    return Consultations(database, vault, clock)


@pytest.fixture
def each_log(each_database: Database, vault: Vault, clock: ManualClock) -> Consultations:
    return Consultations(each_database, vault, clock)


def asked(at: datetime, result: Result = Result.ANSWERED, **changes: str) -> Consultation:
    values = {"conversation_id": "c1", "contact_key": "p1", "channel": "phone", "text": "养犬证去哪里办"} | changes
    return Consultation(at=at, result=result, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instant", "total", "percent"),
    [(99_809, 101_592, 98.24), (110_698, 135_879, 81.47), (1, 3, 33.33), (2, 3, 66.67), (1, 800, 0.13), (0, 5, 0.0)],
)
def test_a_share_is_rounded_once_half_up(instant: int, total: int, percent: float) -> None:
    assert share(instant, total) == percent


def test_nothing_asked_has_no_share() -> None:
    assert share(0, 0) is None


async def test_the_question_is_unreadable_on_disk_and_readable_here(
    log: Consultations, database: Database, clock: ManualClock
) -> None:
    await log.record(asked(clock.now()))
    async with database.connect() as connection:
        row = (await connection.execute(select(consultations))).one()
    assert "养犬" not in "".join(map(str, row))
    (read,) = await log.of_conversation("c1")
    assert read.text == "养犬证去哪里办"


@pytest.mark.parametrize("result", list(Result))
async def test_what_was_not_settled_at_once_has_a_reason(
    log: Consultations, clock: ManualClock, result: Result
) -> None:
    if result in {Result.HANDED_OVER, Result.AGENT_ANSWERED}:
        id = await log.record(asked(clock.now(), Result.NO_MATCH))
        assert await log.mark("c1", result) == id
    else:
        await log.record(asked(clock.now(), result))
    (read,) = await log.of_conversation("c1")
    assert read.result is result
    assert bool(read.reason) is (result not in {Result.ANSWERED, Result.CHOSEN})
    rate = await log.rate("day", clock.now(), clock.now() + timedelta(minutes=1))
    assert (rate.instant, rate.total) == (int(result in INSTANT), 1)


async def test_a_choice_made_late_settles_the_question(log: Consultations, clock: ManualClock) -> None:
    await log.record(asked(clock.now(), Result.OFFERED))
    await log.mark("c1", Result.CHOSEN, entry_id="Q1", version=2, unit="市公安局", topic="户籍")
    (read,) = await log.of_conversation("c1")
    assert (read.reason, read.entry_id, read.version, read.unit) == ("", "Q1", 2, "市公安局")
    assert await log.answers("Q1", clock.now()) == 1


async def test_an_answer_that_the_citizen_denies_no_longer_counts(log: Consultations, clock: ManualClock) -> None:
    await log.record(asked(clock.now(), entry_id="Q1"))
    await log.mark("c1", Result.DENIED)
    (read,) = await log.of_conversation("c1")
    assert (read.result, read.reason, read.entry_id) == (Result.DENIED, "denied", "Q1")


async def test_a_conversation_without_a_question_has_nothing_to_mark(log: Consultations) -> None:
    assert await log.mark("c9", Result.HANDED_OVER) is None


async def test_the_rate_is_by_the_city_s_day(each_log: Consultations) -> None:
    midnight = datetime(2023, 4, 4, tzinfo=LOCAL_ZONE)
    await each_log.record(asked(midnight - timedelta(seconds=1)))
    await each_log.record(asked(midnight, Result.NO_MATCH))
    await each_log.record(asked(midnight))
    rate = await each_log.rate("day", midnight - timedelta(days=1), midnight + timedelta(days=2))
    assert [(row.key, row.instant, row.total, row.share) for row in rate.rows] == [
        ("2023-04-03", 1, 1, 100.0),
        ("2023-04-04", 1, 2, 50.0),
        ("2023-04-05", 0, 0, None),
    ]
    assert (rate.instant, rate.total, rate.share) == (2, 3, 66.67)


async def test_the_rate_counts_from_the_moment_asked_for(log: Consultations, clock: ManualClock) -> None:
    start = clock.now()
    for minutes in (-1, 0, 59, 60):
        await log.record(asked(start + timedelta(minutes=minutes)))
    assert (await log.rate("day", start, start + timedelta(hours=1))).total == 2
    assert (await log.rate("channel", start, start + timedelta(hours=1))).total == 2


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("unit", [("市公安局", 1, 2, 50.0), ("市民政局", 1, 1, 100.0)]),
        ("topic", [("户籍", 1, 2, 50.0), ("养老", 1, 1, 100.0)]),
        ("channel", [("phone", 1, 2, 50.0), ("web", 1, 1, 100.0)]),
    ],
)
async def test_the_rate_by_unit_topic_and_channel(
    each_log: Consultations, clock: ManualClock, by: str, rows: list[tuple[str, int, int, float]]
) -> None:
    await each_log.record(asked(clock.now(), unit="市公安局", topic="户籍"))
    await each_log.record(asked(clock.now(), Result.NO_MATCH, unit="市公安局", topic="户籍"))
    await each_log.record(asked(clock.now(), unit="市民政局", topic="养老", channel="web"))
    rate = await each_log.rate(by, clock.now(), clock.now() + timedelta(seconds=1))
    assert [(row.key, row.instant, row.total, row.share) for row in rate.rows] == rows
    assert (rate.instant, rate.total) == (2, 3)
    own = await each_log.rate(by, clock.now(), clock.now() + timedelta(seconds=1), unit="市民政局")
    assert (own.instant, own.total) == (1, 1)


async def test_a_rate_by_something_else_is_refused(log: Consultations, clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="by day"):
        await log.rate("text_enc", clock.now(), clock.now())


async def test_new_rows_and_later_outcomes_are_one_transaction(
    log: Consultations, database: Database, clock: ManualClock
) -> None:
    first = asked(clock.now())
    await log.record(first)
    with pytest.raises(RuntimeError, match="lost"):
        async with database.begin() as connection:
            again = asked(clock.now(), Result.NO_MATCH)
            await log.write(connection, (again,), (Settled(first.id, Result.DENIED),))
            raise RuntimeError("lost")
    (read,) = await log.of_conversation("c1")
    assert read.result is Result.ANSWERED
