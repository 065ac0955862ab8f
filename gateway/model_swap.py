"""Puts another model into service while turns go on: the supervisor tries it on a second server and then switches over."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from config.errors import HotlineError
from config.settings import Settings
from dialog.bot_server import free_port
from dialog.live_model import LiveModel, write_live
from gateway.plan import rasa_successor
from gateway.running import running_status

SWAP_LIMIT_S: Final = 180.0
"""Longer than the supervisor tries a new server, lets the old one linger and stops it."""


class ModelSwap:
    """Implements :data:`dialog.candidates.Swap` for the instance on a data folder; without one, the next start takes it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, model: Path, live: LiveModel) -> None:
        """Raises :class:`HotlineError` (``swap_refused``, ``swap_unreachable``); the old model then goes on serving."""
        if await asyncio.to_thread(running_status, self._settings) is None:
            await asyncio.to_thread(write_live, self._settings, live)
            return
        successor = rasa_successor(self._settings, model, replace(live, port=free_port()))
        try:
            async with asyncio.timeout(SWAP_LIMIT_S):
                answer = await self._ask({"replace": successor})
        except (OSError, ValueError, TimeoutError) as error:
            raise HotlineError(
                "swap_unreachable", f"看护进程没有应答（{type(error).__name__}），请看 ./hotline status 后重试"
            ) from error
        if not answer.get("ok"):
            raise HotlineError("swap_refused", str(answer.get("why") or "看护进程没有说明原因"))

    async def _ask(self, request: dict[str, object]) -> dict[str, object]:
        reader, writer = await asyncio.open_unix_connection(self._settings.socket_path("supervisor"))
        try:
            writer.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
            answer: dict[str, object] = json.loads(await reader.readline())
            return answer
        finally:
            writer.close()
