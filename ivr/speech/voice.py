"""The system's voice: text → telephone audio. espeak-ng speaks in worker processes; what they said is kept in a cache."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from config.settings import Settings
from ivr.speech.lexicon import EMPTY, Lexicon, load_lexicon
from ivr.speech.lexicon import NAME as LEXICON_FILE
from ivr.speech.lexicon import SHIPPED as SHIPPED_LEXICON
from ivr.speech.normaliser import speakable
from ivr.speech.pinyin import pause_ms, pinyin, sentences
from ivr.speech.recordings import FOLDER as RECORDINGS_FOLDER
from ivr.speech.recordings import NONE, Recordings, load_recordings
from ivr.speech.recordings import SHIPPED as SHIPPED_RECORDINGS
from ivr.speech.speech_cache import SpeechCache
from ivr.speech.telephone_band import TELEPHONE_RATE, silence
from ivr.speech.voice_pool import VoicePool, VoiceUnavailable
from ivr.speech.watched import Watched

__all__ = ["STYLES", "Reading", "Speaker", "SpeakerService", "Voice", "VoiceStyle", "VoiceUnavailable", "hotline_voice"]

_BYTES_A_SECOND: Final = 2 * TELEPHONE_RATE


@dataclass(frozen=True, slots=True)
class Reading:
    """``said``: the text as it is said; ``pieces``: what is synthesised at a time, and its pinyin."""

    said: str
    pieces: tuple[tuple[str, str], ...]


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


class Speaker(Protocol):
    """Text to audio: int16 little-endian mono at 8 kHz, −20 dBFS."""

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        """The whole of ``text``. ``keep``: a fixed prompt without personal data, which may be cached on disk."""
        ...

    def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        """As :meth:`synthesise`, piece by piece, so that speech starts with the first clause."""
        ...


class SpeakerService(Speaker, Protocol):
    """A speaker with a life of its own, as the node owns it."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def probe(self) -> bool:
        """Whether it really speaks."""
        ...


class Voice:
    """A :class:`Speaker` over ``workers`` processes, started on first use and replaced when they die.

    ``variant`` is one of espeak-ng's speakers (``f1``…``f5``, ``m1``…``m8``), for callers' test phones. ``lexicon`` and
    ``recordings`` are looked at with every text, so that what people edit is heard without a restart.
    """

    def __init__(
        self,
        voice: str = "bot",
        *,
        variant: str = "",
        rate: int | None = None,
        pitch: int | None = None,
        cache_dir: Path | None = None,
        workers: int = 1,
        lexicon: Callable[[], Lexicon] = lambda: EMPTY,
        recordings: Callable[[], Recordings] = lambda: NONE,
    ) -> None:
        style = STYLES[voice]
        self._style = VoiceStyle(
            name=f"{style.name.partition('+')[0]}+{variant}" if variant else style.name,
            rate=rate or style.rate,
            pitch=style.pitch if pitch is None else pitch,
        )
        self._lexicon = lexicon
        self._recordings = recordings
        self._cache = SpeechCache(cache_dir)
        self._pool = VoicePool((self._style.name, str(self._style.rate), str(self._style.pitch)), workers)
        self._made = 0
        self._making: dict[str, asyncio.Task[bytes]] = {}

    async def start(self) -> None:
        """Start the workers now rather than with the first sentence; raises ``WorkerNotStarted``."""
        await self._pool.start()

    async def close(self) -> None:
        await self._pool.close()
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def __aenter__(self) -> "Voice":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        return self._pool.worker_pids

    @property
    def pieces_made(self) -> int:
        """How many pieces were synthesised, not found."""
        return self._made

    def read(self, text: str) -> Reading:
        """How ``text`` is read, piece by piece, without saying it."""
        lexicon = self._lexicon()
        said = speakable(lexicon.marked(text))
        pieces = [(piece, pinyin(piece, lexicon)) for piece in sentences(said)]
        return Reading(lexicon.unmarked(said), tuple((piece, spoken) for piece, spoken in pieces if spoken))

    def recorded(self, text: str) -> bool:
        """Whether ``text`` is a recorded prompt."""
        return self._recordings().saying(text) is not None

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        return b"".join([pcm async for pcm in self.stream(text, keep=keep)])

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        recorded = self._recordings().saying(text)
        if recorded is not None:
            yield recorded
            return
        loop = asyncio.get_running_loop()
        due = loop.time()
        pause = b""
        for piece, spoken in self.read(text).pieces:
            pcm = pause + await self._piece(spoken, due=due, keep=keep)
            due = (due if pause else loop.time()) + len(pcm) / _BYTES_A_SECOND
            pause = silence(pause_ms(piece))
            yield pcm

    async def probe(self) -> bool:
        """Whether a worker really speaks (no cache involved)."""
        try:
            return len(await self._pool.speak("ni2 hao3", due=asyncio.get_running_loop().time())) > 0
        except VoiceUnavailable:
            return False

    async def _piece(self, spoken: str, *, due: float, keep: bool) -> bytes:
        key = SpeechCache.key(str(self._style), spoken)
        cached = self._cache.get(key, keep=keep)
        if cached is not None:
            return cached
        making = self._making.get(key)
        if making is None:  # whoever else wants the same meanwhile waits for this one
            making = asyncio.get_running_loop().create_task(self._make(key, spoken, due, keep), name="voice-piece")
            making.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._making[key] = making
        return await asyncio.shield(making)

    async def _make(self, key: str, spoken: str, due: float, keep: bool) -> bytes:
        try:
            pcm = await self._pool.speak(spoken, due=due)
            self._made += 1
            self._cache.put(key, pcm, keep=keep)
            return pcm
        finally:
            del self._making[key]


def hotline_voice(settings: Settings, prompts: Mapping[str, str], *, variant: str = "") -> Voice:
    """The hotline's own voice, with the readings and recordings of this installation. ``prompts``: the node's own, by name."""
    own_lexicon, own_recordings = settings.data_dir / LEXICON_FILE, settings.data_dir / RECORDINGS_FOLDER
    lexicon = Watched(
        "lexicon",
        lambda: load_lexicon(own_lexicon),
        (SHIPPED_LEXICON, own_lexicon),
        otherwise=load_lexicon,
    )
    recordings = Watched(
        "recordings",
        lambda: load_recordings(prompts, own_recordings),
        (SHIPPED_RECORDINGS, own_recordings),
        otherwise=lambda: NONE,
    )
    return Voice(
        "bot",
        variant=variant,
        cache_dir=settings.data_dir / "cache" / "voice",
        workers=settings.voice_workers,
        lexicon=lexicon.current,
        recordings=recordings.current,
    )
