"""The system's voice: text → telephone audio. espeak-ng speaks in a worker process; what it said is kept in a cache."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from config.errors import HotlineError
from ivr.speech.normaliser import speakable
from ivr.speech.pinyin import pinyin, sentences
from ivr.speech.pipe_frames import Kind, PipeFrame
from ivr.speech.telephone_band import silence
from ivr.speech.worker_process import WorkerNotStarted, WorkerProcess

_log = structlog.get_logger("ivr")

BETWEEN_SENTENCES_MS: Final = 220
_CACHE_BYTES: Final = 32 * 1024 * 1024
_START_S: Final = 15.0
_SYNTHESIS_S: Final = 2.0
"""espeak-ng needs 15 ms for 20 characters (DESIGN §6.13); a request this old is lost."""
_RESTART_PAUSE_S: Final = (0.0, 0.1, 0.3, 1.0)


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """One way of speaking. ``rate`` in espeak's words a minute, ``pitch`` 0…99."""

    name: str = "cmn-latn-pinyin"
    rate: int = 180
    pitch: int = 50


STYLES: Final = {
    "bot": VoiceStyle(),
    "agent": VoiceStyle(name="cmn-latn-pinyin+m3", rate=180),
    "caller": VoiceStyle(name="cmn-latn-pinyin+f3", rate=160),
}
"""Whom we speak for: the hotline itself, an agent's test phone, a caller's test phone."""


class VoiceUnavailable(HotlineError):
    """Nothing could be said: the worker died or hung twice over one sentence."""

    def __init__(self) -> None:
        super().__init__("voice_unavailable", "语音合成暂时不可用；请运行 ./hotline doctor 检查 espeakng-loader")


class Speaker(Protocol):
    """Text to audio: int16 little-endian mono at 8 kHz, −20 dBFS."""

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        """The whole of ``text``. ``keep``: a fixed prompt without personal data, which may be cached on disk."""
        ...

    def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        """As :meth:`synthesise`, sentence by sentence, so that speech starts after the first."""
        ...


class SpeakerService(Speaker, Protocol):
    """A speaker with a life of its own, as the node owns it."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def probe(self) -> bool:
        """Whether it really speaks."""
        ...


class Voice:
    """A :class:`Speaker` over one worker process, started on first use and replaced when it dies.

    ``variant`` is one of espeak-ng's speakers (``f1``…``f5``, ``m1``…``m8``), for callers' test phones.
    """

    def __init__(
        self,
        voice: str = "bot",
        *,
        variant: str = "",
        rate: int | None = None,
        pitch: int | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        style = STYLES[voice]
        self._style = VoiceStyle(
            name=f"{style.name.partition('+')[0]}+{variant}" if variant else style.name,
            rate=rate or style.rate,
            pitch=style.pitch if pitch is None else pitch,
        )
        self._cache_dir = cache_dir
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._cached_bytes = 0
        self._worker: WorkerProcess | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._next_id = 1
        self._deaths = 0
        self._restart: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Start the worker now rather than with the first sentence; raises ``WorkerNotStarted``."""
        await self._running()

    async def close(self) -> None:
        self._closed = True
        if self._restart:
            self._restart.cancel()
            await asyncio.gather(self._restart, return_exceptions=True)
        if self._worker:
            await self._worker.stop()
        self._fail_waiting()

    async def __aenter__(self) -> "Voice":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @property
    def worker_pid(self) -> int | None:
        return self._worker.pid if self._worker else None

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        return b"".join([pcm async for pcm in self.stream(text, keep=keep)])

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        first = True
        for sentence in sentences(speakable(text)):
            spoken = pinyin(sentence)
            if not spoken:
                continue
            pcm = await self._sentence(spoken, keep=keep)
            yield pcm if first else silence(BETWEEN_SENTENCES_MS) + pcm
            first = False

    async def probe(self) -> bool:
        """Whether the worker really speaks (no cache involved)."""
        try:
            return len(await self._ask("ni2 hao3")) > 0
        except (VoiceUnavailable, WorkerNotStarted):
            return False

    async def _sentence(self, spoken: str, *, keep: bool) -> bytes:
        key = hashlib.sha256(f"{self._style}|{spoken}".encode()).hexdigest()
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            return cached
        file = self._cache_dir / f"{key}.pcm" if self._cache_dir and keep else None
        if file and file.is_file():
            pcm = file.read_bytes()
        else:
            pcm = await self._ask(spoken)
            if file:
                _write_whole(file, pcm)
        self._remember(key, pcm)
        return pcm

    def _remember(self, key: str, pcm: bytes) -> None:
        if key not in self._cache:
            self._cached_bytes += len(pcm)
        self._cache[key] = pcm
        while self._cached_bytes > _CACHE_BYTES:
            self._cached_bytes -= len(self._cache.popitem(last=False)[1])

    async def _ask(self, spoken: str) -> bytes:
        for _ in range(2):
            try:
                worker = await self._running()
            except WorkerNotStarted:
                continue
            id, self._next_id = self._next_id, self._next_id % 0xFFFFFFFF + 1
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._waiting[id] = answer
            worker.send(Kind.SPEAK, id, spoken.encode())
            try:
                return await asyncio.wait_for(answer, _SYNTHESIS_S)
            except TimeoutError:
                _log.warning("voice_timed_out")
                worker.kill()
            except EOFError:
                continue
            finally:
                self._waiting.pop(id, None)
        raise VoiceUnavailable

    async def _running(self) -> WorkerProcess:
        async with self._starting:
            if self._closed:
                raise VoiceUnavailable
            if self._worker is None or not self._worker.alive:
                await asyncio.sleep(_RESTART_PAUSE_S[min(self._deaths, len(_RESTART_PAUSE_S) - 1)])
                worker = WorkerProcess(
                    "ivr.speech.voice_worker",
                    (self._style.name, str(self._style.rate), str(self._style.pitch)),
                    on_frame=self._answered,
                    on_exit=self._died,
                    hang_s=_SYNTHESIS_S,
                )
                try:
                    await worker.start(_START_S)
                except WorkerNotStarted:
                    self._deaths += 1
                    raise
                self._worker = worker
            return self._worker

    def _answered(self, frame: PipeFrame) -> None:
        answer = self._waiting.get(frame.id)
        if frame.kind is Kind.AUDIO_OUT and answer and not answer.done():
            self._deaths = 0
            answer.set_result(frame.payload)

    def _died(self) -> None:
        self._deaths += 1
        self._fail_waiting()
        if not self._closed:
            self._restart = asyncio.get_running_loop().create_task(self._replace(), name="voice-restart")

    async def _replace(self) -> None:
        try:
            await self._running()
        except (WorkerNotStarted, VoiceUnavailable):
            _log.warning("voice_not_restarted")

    def _fail_waiting(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(EOFError())


def _write_whole(file: Path, content: bytes) -> None:
    """Write so that a reader sees all of it or nothing; a full disk costs the cache, not the call."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError:
        _log.warning("voice_cache_not_written")
        part.unlink(missing_ok=True)
