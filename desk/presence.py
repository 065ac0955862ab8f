"""Which agents are there: ``ready``, ``busy`` or ``offline``. Held in memory, mirrored to Redis so as to outlive a restart."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from config.clock import Clock
from desk.contract import LiveStore
from desk.queue import ReadyAgent

_TABLE: Final = "hotline:presence"
GONE_AFTER_S: Final = 15.0
"""An agent whose page has been away this long is offline."""


class PresenceState(StrEnum):
    READY = "ready"
    BUSY = "busy"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class _Entry:
    state: PresenceState
    since: datetime


class Presence:
    """The agents' own word on whether they take calls."""

    def __init__(self, clock: Clock, store: LiveStore) -> None:
        self._clock = clock
        self._store = store
        self._entries: dict[str, _Entry] = {}
        self.on_change: Callable[[str, PresenceState], None] = lambda agent_id, state: None

    async def restore(self) -> None:
        """Take up what Redis still knows; agents whose page does not come back go offline by themselves."""
        for agent_id, state in (await self._store.all(_TABLE)).items():
            if agent_id not in self._entries and state in set(PresenceState):
                self._entries[agent_id] = _Entry(PresenceState(state), self._clock.now())

    async def mirror(self) -> None:
        """Write everything again, after Redis was away."""
        for agent_id, entry in list(self._entries.items()):
            await self._store.put(_TABLE, agent_id, entry.state.value)

    async def set(self, agent_id: str, state: PresenceState) -> None:
        """Change an agent's state; ``since`` starts anew only when it does change."""
        if self.of(agent_id) is state:
            return
        self._entries[agent_id] = _Entry(state, self._clock.now())
        self.on_change(agent_id, state)
        await self._store.put(_TABLE, agent_id, state.value)

    def of(self, agent_id: str) -> PresenceState:
        entry = self._entries.get(agent_id)
        return entry.state if entry else PresenceState.OFFLINE

    def ready(self) -> tuple[ReadyAgent, ...]:
        """The agents who may be asked."""
        return tuple(
            ReadyAgent(agent_id, entry.since)
            for agent_id, entry in self._entries.items()
            if entry.state is PresenceState.READY
        )

    def online(self) -> tuple[str, ...]:
        """Everybody who is logged in and not offline."""
        return tuple(agent_id for agent_id, entry in self._entries.items() if entry.state is not PresenceState.OFFLINE)

    def counts(self) -> dict[str, int]:
        """``{"ready", "busy"}``."""
        states = [entry.state for entry in self._entries.values()]
        return {"ready": states.count(PresenceState.READY), "busy": states.count(PresenceState.BUSY)}
