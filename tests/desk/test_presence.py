"""Presence: since when, who counts, and what outlives a restart."""

from config.clock import ManualClock
from desk.presence import Presence, PresenceState


class Shelf:
    """A live store in a dictionary."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, str]] = {}

    async def put(self, table: str, field: str, value: str) -> None:
        self.tables.setdefault(table, {})[field] = value

    async def all(self, table: str) -> dict[str, str]:
        return self.tables.get(table, {})


async def test_since_starts_anew_only_when_the_state_changes(clock: ManualClock) -> None:
    presence = Presence(clock, Shelf())
    begun = clock.now()
    await presence.set("8001", PresenceState.READY)
    clock.advance(5)
    await presence.set("8001", PresenceState.READY)
    assert [agent.since for agent in presence.ready()] == [begun]


async def test_only_those_who_are_not_offline_count_as_there(clock: ManualClock) -> None:
    presence = Presence(clock, Shelf())
    await presence.set("8001", PresenceState.READY)
    await presence.set("8002", PresenceState.BUSY)
    await presence.set("8003", PresenceState.READY)
    await presence.set("8003", PresenceState.OFFLINE)
    assert presence.online() == ("8001", "8002")
    assert presence.counts() == {"ready": 1, "busy": 1}
    assert presence.of("nobody") is PresenceState.OFFLINE


async def test_presence_outlives_a_restart_and_a_lost_store(clock: ManualClock) -> None:
    shelf = Shelf()
    before = Presence(clock, shelf)
    await before.set("8001", PresenceState.READY)
    after = Presence(clock, shelf)
    await after.restore()
    assert after.of("8001") is PresenceState.READY
    shelf.tables.clear()
    await after.mirror()
    assert shelf.tables == {"hotline:presence": {"8001": "ready"}}


async def test_what_a_store_should_not_hold_is_passed_over(clock: ManualClock) -> None:
    shelf = Shelf()
    await shelf.put("hotline:presence", "8001", "dancing")
    presence = Presence(clock, shelf)
    await presence.restore()
    assert presence.online() == ()
