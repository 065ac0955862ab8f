"""A conversation core that is still being loaded: who needs it waits, while nodes and pages are already connected.

Dictionaries and the knowledge index take seconds to load, and a node holds its calls for ten (``RESUME_WINDOW_S``): a
gateway that restarts must take the link up at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dialog.contract import Channel, Contact, Reply, Utterance
from gateway.assembly import Core
from knowledge.web.tester import Asked

if TYPE_CHECKING:
    from knowledge.explanation import Explanation


class LateCore:
    """Starts ``load`` and stands for its result. Implements :class:`dialog.contract.DialogEngine`."""

    def __init__(self, load: Callable[[], Awaitable[Core]]) -> None:
        async def run() -> Core:
            return await load()

        self.loading: asyncio.Task[Core] = asyncio.create_task(run(), name="core-loading")

    @property
    def core(self) -> Core:
        """What the gateway is given in place of the core."""
        return Core(self, self._suggest, self._refresh_draft, self._probe, self._close, self._explain)

    async def open(self, channel: Channel, contact: Contact, external_id: str, at: datetime) -> tuple[str, Reply]:
        return await (await self._loaded()).dialog.open(channel, contact, external_id, at)

    async def turn(self, conversation_id: str, utterance: Utterance, at: datetime) -> Reply:
        return await (await self._loaded()).dialog.turn(conversation_id, utterance, at)

    async def partial(self, conversation_id: str, text: str, at: datetime, *, settled: bool = True) -> Reply | None:
        return await (await self._loaded()).dialog.partial(conversation_id, text, at, settled=settled)

    async def silence(self, conversation_id: str, count: int, at: datetime) -> Reply:
        return await (await self._loaded()).dialog.silence(conversation_id, count, at)

    async def close(self, conversation_id: str, ended_by: str, at: datetime) -> None:
        await (await self._loaded()).dialog.close(conversation_id, ended_by, at)

    async def _suggest(self, question: str) -> dict[str, Any]:
        return await (await self._loaded()).suggest(question)

    async def _explain(self, asked: Asked) -> "Explanation":
        return await (await self._loaded()).explain(asked)

    async def _refresh_draft(self, conversation_id: str) -> object:
        return await (await self._loaded()).refresh_draft(conversation_id)

    async def _probe(self) -> str:
        return await (await self._loaded()).probe()

    async def _close(self) -> None:
        if self.loading.done() and self.loading.exception() is None:
            await self.loading.result().close()
            return
        self.loading.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.loading

    async def _loaded(self) -> Core:
        return await asyncio.shield(self.loading)
