"""Keeps the nodes' list of emergencies: read again when the office has decided, pushed when another list comes into force."""

from collections.abc import Callable

import structlog

from config.clock import Clock
from config.rulebook_model import Rulebook
from dialog.incidents import IncidentBook, IncidentLists
from gateway.follower import Follower
from ivr.protocol import IncidentRow, Incidents

log = structlog.get_logger("gateway")


class IncidentFeed:
    """The list in force, and a word to ``push`` whenever another one takes its place."""

    def __init__(
        self, lists: IncidentLists, rulebook: Rulebook, clock: Clock, push: Callable[[Incidents], None]
    ) -> None:
        self._lists = lists
        self._book = IncidentBook(rulebook)
        self._clock = clock
        self._push = push
        self._seen = 0
        self._follower = Follower("incidents", self.look)
        self.current: Incidents | None = None
        """``None`` while the city's own list holds, which every node has."""

    async def start(self) -> None:
        await self._follower.start()

    async def stop(self) -> None:
        await self._follower.stop()

    async def look(self) -> bool:
        """Push the list in force if it is another one than before; true when it is."""
        version = await self._lists.version()
        if version != self._seen:
            self._book.replace(await self._lists.all())
            self._seen = version
        holds = self._book.at(self._clock.now())
        if holds.version == (self.current.version if self.current else 0):
            return False
        rows = tuple(
            IncidentRow.model_validate(incident.model_dump(include=set(IncidentRow.model_fields)))
            for incident in holds.incidents
        )
        self.current = Incidents(version=holds.version, rows=rows)
        self._push(self.current)
        log.info("incidents_pushed", version=holds.version, rows=len(rows))
        return True
