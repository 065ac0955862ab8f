"""What a piece of received sound is recognised as; the work is done in :mod:`ivr.phones.transcription_worker`."""

import asyncio
import json
import struct
import sys
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger("ivr.phones")
_ANSWER_S: Final = 60.0
_CLOSE_S: Final = 5.0


class Transcriber:
    """One worker, started on first use. Without a model, or when the worker dies, what was heard stays unknown (empty)."""

    def __init__(self, model: Path | None) -> None:
        self._model = model
        self._worker: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def hear(self, pcm: bytes) -> str:
        """The words in ``pcm`` (int16, 8 kHz), without spaces."""
        if self._model is None or not pcm:
            return ""
        async with self._turn:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    return await self._ask(self._model, pcm)
            except (TimeoutError, OSError, ValueError) as error:
                _log.warning("transcription_failed", error=type(error).__name__)
                await self._stop()
                return ""

    async def close(self) -> None:
        async with self._turn:
            await self._stop()

    async def _ask(self, model: Path, pcm: bytes) -> str:
        worker = self._worker
        if worker is None or worker.returncode is not None:
            worker = self._worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ivr.phones.transcription_worker",
                str(model),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        if worker.stdin is None or worker.stdout is None:
            raise OSError("worker without pipes")
        worker.stdin.write(struct.pack("<I", len(pcm)) + pcm)
        await worker.stdin.drain()
        return str(json.loads(await worker.stdout.readline()))

    async def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None or worker.returncode is not None:
            return
        if worker.stdin is not None:
            worker.stdin.close()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await worker.wait()
        except TimeoutError:
            worker.kill()
            await worker.wait()
