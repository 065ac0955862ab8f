"""How long talks have taken lately, which tells those who wait about how long it will be. Nothing is told from too few."""

from datetime import datetime, timedelta
from typing import Final

from config.clock import Clock
from desk.handovers import Handovers
from desk.presence import Presence
from desk.queue import expected_wait_s

WINDOW_S: Final = 2 * 3600.0
"""Talks that ended this recently count."""
FRESH_S: Final = 30.0


class TalkTimes:
    """Looks at the store now and then, not for each caller."""

    def __init__(self, handovers: Handovers, presence: Presence, clock: Clock) -> None:
        self._handovers = handovers
        self._presence = presence
        self._clock = clock
        self._handling_s: list[float] = []
        self._read_at: datetime | None = None

    async def refresh(self) -> None:
        """Look up how long talks take, unless that was done just now."""
        now = self._clock.now()
        if self._read_at is None or (now - self._read_at).total_seconds() >= FRESH_S:
            self._read_at = now
            self._handling_s = await self._handovers.handling_s(now - timedelta(seconds=WINDOW_S))

    def wait_s(self, position: int) -> float | None:
        """About how long the caller at ``position`` will wait for the agents who are on duty."""
        return expected_wait_s(position, self._handling_s, len(self._presence.online()))
