"""Looks again and again whether something in the store has changed, and goes on when looking fails."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

log = structlog.get_logger("gateway")

POLL_S: Final = 0.5
"""A change is taken up within a second."""


class Follower:
    """Calls ``look`` every ``every_s`` seconds from :meth:`start` to :meth:`stop`; ``what`` names it in the log."""

    def __init__(self, what: str, look: Callable[[], Awaitable[object]], *, every_s: float = POLL_S) -> None:
        self._what = what
        self._look = look
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    async def start(self) -> None:
        """Look once, then go on in the background."""
        await self._once()
        self._task = asyncio.create_task(self._run(), name=f"follow-{self._what}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._once()

    async def _once(self) -> None:
        try:
            await self._look()
            self._failing = False
        except Exception:
            if not self._failing:
                log.exception("changes_not_read", what=self._what)
            self._failing = True
