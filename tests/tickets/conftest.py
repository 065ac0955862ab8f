"""A service over a fresh database, a conversation to belong to, and elements as the bot leaves them."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import insert

from config.clock import ManualClock
from store.engine import Database
from store.ids import new_id
from store.schema import conversations
from store.vault import Vault
from tickets.model import Element, ElementName, ElementStatus, FiveElements, Span
from tickets.service import Tickets

Converse = Callable[[], Awaitable[str]]


@pytest.fixture
def database(each_database: Database) -> Database:
    """A migrated database, on SQLite and on PostgreSQL."""
    return each_database


@pytest.fixture
def tickets(database: Database, vault: Vault, clock: ManualClock) -> Tickets:
    return Tickets(database, vault, clock, "zhanjiang")


@pytest.fixture
def converse(database: Database, clock: ManualClock) -> Converse:
    """Begins a conversation and returns its id."""

    async def begin() -> str:
        conversation_id = new_id()
        async with database.begin() as connection:
            await connection.execute(
                insert(conversations).values(
                    id=conversation_id, channel="phone", external_id=conversation_id, started_at=clock.now()
                )
            )
        return conversation_id

    return begin


@pytest.fixture
def noise() -> FiveElements:
    """A complaint about noise, the person still missing."""

    def filled(name: ElementName, text: str, start: int) -> Element:
        span = Span("turn-1", start, start + len(text), text, 100, 900)
        return Element(name, {"text": text}, ElementStatus.FILLED, (span,), 0.9)

    return FiveElements(
        time=filled(ElementName.TIME, "昨天晚上十点半", 0),
        place=filled(ElementName.PLACE, "赤坎区海滨大道", 7),
        event=filled(ElementName.EVENT, "工地一直施工", 15),
        demand=filled(ElementName.DEMAND, "希望尽快停工", 22),
    )
