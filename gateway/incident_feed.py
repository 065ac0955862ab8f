"""Keeps the nodes' list of emergencies: read again when the office has decided, pushed when another list comes into force."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from config.clock import Clock
from config.rulebook_model import Rulebook
from dialog.incidents import IncidentBook, IncidentLists
from ivr.protocol import IncidentRow, Incidents

log = structlog.get_logger("gateway")

POLL_S: Final = 0.5
"""A change reaches the nodes within a second."""


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
        self._task: asyncio.Task[None] | None = None
        self.current: Incidents | None = None
        """``None`` while the city's own list holds, which every node has."""

    async def start(self) -> None:
        with contextlib.suppress(Exception):
            await self.look()
        self._task = asyncio.create_task(self._run(), name="incident-feed")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

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

    async def _run(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.look()
                failing = False
            except Exception:
                if not failing:
                    log.exception("incidents_not_read")
                failing = True
