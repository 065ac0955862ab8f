"""Keeps the restriction table that the nodes check callers against: polled by version, pushed on every change."""

from collections.abc import Callable

import structlog

from callers.restrictions import VERSION_NAME
from callers.restrictions import Restrictions as Decisions
from config.rulebook_model import Rulebook
from gateway.follower import Follower
from ivr.protocol import RestrictionRow, Restrictions
from store import versions
from store.engine import Database

log = structlog.get_logger("gateway")


class RestrictionFeed:
    """The table as it stands, and a word to ``push`` whenever it changes."""

    def __init__(
        self, database: Database, decisions: Decisions, rulebook: Rulebook, push: Callable[[Restrictions], None]
    ) -> None:
        self._database = database
        self._decisions = decisions
        self._rulebook = rulebook
        self._push = push
        self._follower = Follower("restrictions", self.look)
        self.current: Restrictions | None = None
        """``None`` until it was read for the first time: nodes then ask for each call."""

    @property
    def notice(self) -> str:
        """What a restricted caller hears."""
        return self._rulebook.restriction.notice

    async def start(self) -> None:
        await self._follower.start()

    async def stop(self) -> None:
        await self._follower.stop()

    async def look(self) -> bool:
        """Read the table if its version has changed; true when it has."""
        async with self._database.connect() as connection:
            version = await versions.read(connection, VERSION_NAME)
        if self.current is not None and version == self.current.version:
            return False
        version, rows = await self._decisions.table()
        self.current = Restrictions(
            version=version,
            rows=tuple(RestrictionRow(number_key=row.number_key, ends_at=row.ends_at.isoformat()) for row in rows),
            notice=self.notice,
        )
        self._push(self.current)
        log.info("restrictions_pushed", version=version, rows=len(rows))
        return True
