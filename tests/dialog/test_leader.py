"""「要找值班领导」 in 海口: noted before 15:00, put through until 17:00, told after; elsewhere nothing special."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from config.clock import ManualClock
from config.settings import Settings
from dialog.contract import Contact, Do
from dialog.leader import wants_leader
from store.engine import Database
from store.schema import callbacks
from store.vault import Vault
from tests.dialog.conftest import Begin


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"city": "haikou"})


async def booked(database: Database) -> AsyncIterator[tuple[str, str | None]]:
    async with database.connect() as connection:
        for row in await connection.execute(select(callbacks)):
            yield row.reason, row.number_enc


def set_clock(clock: ManualClock, hour: int, minute: int) -> None:
    """The turn is taken five seconds after this, see ``Talk.say``."""
    clock.advance((datetime(2023, 4, 4, hour - 8, minute, tzinfo=UTC) - clock.now()).total_seconds())


@pytest.mark.parametrize(
    ("hour", "minute", "said", "transfer", "bookings"),
    [
        (14, 59, "已为您登记", False, 1),
        (15, 0, "正在为您转接", True, 0),
        (16, 59, "正在为您转接", True, 0),
        (17, 0, "已经结束", False, 0),
    ],
)
async def test_the_leader_has_hours(
    begin: Begin,
    clock: ManualClock,
    database: Database,
    vault: Vault,
    hour: int,
    minute: int,
    said: str,
    transfer: bool,
    bookings: int,
) -> None:
    talk = await begin()
    set_clock(clock, hour, minute)
    reply = await talk.say("我要找值班领导")
    assert said in reply.messages[0].speech
    reasons = [directive.reason for directive in reply.directives if directive.do is Do.TRANSFER]
    assert reasons == (["leader"] if transfer else [])
    found = [row async for row in booked(database)]
    assert len(found) == bookings
    for reason, number in found:
        assert (reason, vault.decrypt(number or "")) == ("leader", "13800000000")


async def test_without_a_number_nothing_is_promised(begin: Begin, clock: ManualClock, database: Database) -> None:
    talk = await begin(contact=Contact(None))
    set_clock(clock, 10, 0)
    reply = await talk.say("请转值班领导")
    assert "不能为您登记回电" in reply.messages[0].speech
    assert [row async for row in booked(database)] == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("我要找值班领导", True),
        ("请帮我转一下带班的领导", True),
        ("投诉值班领导态度差", False),
        ("值班领导几点上班", False),
    ],
)
def test_asking_for_the_leader(text: str, wanted: bool) -> None:
    assert wants_leader(text) is wanted
