"""Shipping recordings from the node to the store, as they lie on the disk: encrypted, in parts, resumed after outages.

One at a time, oldest first, with pauses, so that calls feel nothing of it. A recording leaves the node's disk only after
the store has said, with the SHA-256 of the whole, that it has it. The other side is :mod:`gateway.recording_intake`.
"""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp
import structlog

from ivr.recording import CLOSED

_log = structlog.get_logger("ivr")

PART_BYTES: Final = 256 * 1024
LOOK_EVERY_S: Final = 2.0
_BACK_OFF_S: Final = (2.0, 5.0, 15.0, 30.0)
_TIMEOUT_S: Final = 30.0
OFFSET_HEADER: Final = "Upload-Offset"


class _NotTaken(Exception):
    """The store did not take it as it should; it is tried again."""


class RecordingShipper:
    """Delivers what lies closed in ``folder``. :meth:`run` is its task. ``url``: the gateway's node listener, by HTTP."""

    def __init__(self, folder: Path, url: str, *, secret: Callable[[], str]) -> None:
        self._folder = folder
        self._url = url.rstrip("/")
        self._secret = secret
        self.delivered = 0

    def waiting(self) -> list[Path]:
        """What is still to be delivered, oldest first."""
        return sorted(self._folder.glob(f"*{CLOSED}"), key=lambda file: (file.stat().st_mtime, file.name))

    async def run(self) -> None:
        """Deliver until cancelled."""
        failures = 0
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    await self._deliver_all(session)
                    failures = 0
                except (aiohttp.ClientError, OSError, TimeoutError, _NotTaken) as error:
                    if failures == 0:
                        _log.warning("recordings_not_delivered", error=type(error).__name__)
                    failures += 1
                await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S)) - 1] if failures else LOOK_EVERY_S)

    async def _deliver_all(self, session: aiohttp.ClientSession) -> None:
        for file in await asyncio.to_thread(self.waiting):
            await self._deliver(session, file)

    async def _deliver(self, session: aiohttp.ClientSession, file: Path) -> None:
        size, digest = await asyncio.to_thread(_measure, file)
        url = f"{self._url}/node/recordings/{file.stem}"
        headers = {"Authorization": f"Bearer {self._secret()}"}
        offset = await self._offset(session, url, headers)
        while offset < size:
            part = await asyncio.to_thread(_part, file, offset)
            async with session.patch(url, data=part, headers=headers | {OFFSET_HEADER: str(offset)}) as answer:
                if answer.status != 204:
                    raise _NotTaken
                offset += len(part)
        async with session.post(f"{url}/complete", json={"sha256": digest}, headers=headers) as answer:
            if answer.status != 200 or (await answer.json()).get("sha256") != digest:
                raise _NotTaken
        await asyncio.to_thread(file.unlink)
        self.delivered += 1
        _log.info("recording_delivered", recording=file.stem, bytes=size)

    async def _offset(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> int:
        """How much of it the store has already."""
        async with session.head(url, headers=headers) as answer:
            if answer.status != 200:
                raise _NotTaken
            return int(answer.headers[OFFSET_HEADER])


def _measure(file: Path) -> tuple[int, str]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return file.stat().st_size, digest


def _part(file: Path, offset: int) -> bytes:
    with file.open("rb") as opened:
        opened.seek(offset)
        return opened.read(PART_BYTES)
