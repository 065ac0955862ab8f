"""What is heard while waiting for a person: a gentle melody of our own making, lower still under announcements.

A city may put a recording in its place: ``prompts/hold.wav`` of the data folder, 8 kHz mono 16-bit.
"""

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from config.errors import HotlineError
from ivr.playback import Playback
from ivr.sip.contract import SAMPLE_RATE, CallLeg
from ivr.speech.voice import Speaker

_log = structlog.get_logger("ivr")

LEVEL_DBFS: Final = -26.0
"""6 dB under our speech: heard, and no effort to talk over."""
UNDER_SPEECH_DB: Final = -14.0
_AHEAD_MS: Final = 400
_STEP_S: Final = 0.2
_BEAT_S: Final = 0.6
_FILE: Final = Path("prompts") / "hold.wav"
_C4: Final = 261.63
_PHRASES: Final = (
    (0, 4, 7, 9, 7, 4, 2, -1),
    (2, 4, 9, 12, 9, 7, 4, -1),
    (0, 2, 4, 7, 9, 7, 2, -1),
    (-3, 0, 4, 2, 0, -3, 0, -1),
)
"""Semitones over C4, of the pentatonic scale; −1: a rest. Four slow phrases, 19 s in all."""


@cache
def melody() -> NDArray[np.int16]:
    """One round of the melody at ``LEVEL_DBFS``, int16 at 8 kHz; its end leads into its beginning."""
    beat = int(_BEAT_S * SAMPLE_RATE)
    notes = [note for phrase in _PHRASES for note in phrase]
    sound = np.zeros(beat * len(notes), np.float64)
    for place, note in enumerate(notes):
        if note == -1:
            continue
        struck = _note(_C4 * 2 ** (note / 12))
        at = (np.arange(len(struck)) + place * beat) % len(sound)
        sound[at] += struck
    sound *= 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(sound**2))
    return (sound * 32767).astype(np.int16)


def _note(hertz: float) -> NDArray[np.float64]:
    """A soft bell: three partials that fade within two beats, with a gentle onset."""
    moments = np.arange(int(3 * _BEAT_S * SAMPLE_RATE)) / SAMPLE_RATE
    partials = ((1.0, 1.0, 2.2), (2.0, 0.25, 3.5), (3.0, 0.08, 5.0))
    tone = sum(
        share * np.exp(-fade * moments) * np.sin(2 * np.pi * times * hertz * moments) for times, share, fade in partials
    )
    onset = np.minimum(1.0, moments / 0.02)
    tail = np.minimum(1.0, (moments[-1] - moments) / 0.1)
    return np.asarray(tone * onset * tail, np.float64)


def load_hold_audio(data_dir: Path) -> NDArray[np.int16]:
    """The city's own recording, else the melody. Raises ``HotlineError`` for a recording that cannot be played."""
    file = data_dir / _FILE
    if not file.is_file():
        return melody()
    try:
        with wave.open(str(file)) as opened:
            shape = (opened.getframerate(), opened.getnchannels(), opened.getsampwidth())
            pcm = opened.readframes(opened.getnframes())
    except (wave.Error, EOFError) as error:
        raise HotlineError("bad_hold_audio", f"{file} 不是 WAV 文件，请换成 8 kHz、单声道、16 位的 WAV") from error
    if shape != (SAMPLE_RATE, 1, 2) or len(pcm) < SAMPLE_RATE:
        raise HotlineError("bad_hold_audio", f"{file} 应为 8 kHz、单声道、16 位的 WAV，且长于半秒")
    return np.frombuffer(pcm, "<i2").astype(np.int16)


class HoldAudio:
    """Hold audio of one call: :meth:`run` is its task, :attr:`voice` says announcements over it.

    ``allowed``: asked before each step; false while somebody else has the caller.
    """

    def __init__(self, leg: CallLeg, sound: NDArray[np.int16], voice: Speaker, allowed: Callable[[], bool]) -> None:
        self._leg = leg
        self._sound = sound
        self._at = 0
        self._allowed = allowed
        self._on = asyncio.Event()
        self._playback: Playback | None = None
        self.voice: Speaker = _OverHold(voice, self)

    @property
    def on(self) -> bool:
        return self._on.is_set()

    def switch(self, on: bool) -> None:
        """Begin, or fall silent within a frame or two."""
        if on:
            self._on.set()
        elif self.on:
            self._on.clear()
            if self._playback is None or not self._playback.playing:
                self._leg.flush()

    def under(self, pcm: bytes) -> bytes:
        """Speech with the hold audio low beneath it."""
        if not self.on or not self._allowed():
            return pcm
        speech = np.frombuffer(pcm, "<i2").astype(np.float64)
        mixed = speech + self._next(len(speech)) * 10 ** (UNDER_SPEECH_DB / 20)
        return np.clip(mixed, -32768, 32767).astype("<i2").tobytes()

    async def run(self, playback: Playback) -> None:
        """Play between what ``playback`` says, until cancelled."""
        self._playback = playback
        while True:
            await self._on.wait()
            await playback.idle()
            if self.on and self._allowed() and self._leg.queued_ms < _AHEAD_MS:
                self._leg.play(self._next(SAMPLE_RATE * _AHEAD_MS // 1000).astype("<i2").tobytes())
            await asyncio.sleep(_STEP_S)

    def _next(self, samples: int) -> NDArray[np.int16]:
        at = (self._at + np.arange(samples)) % len(self._sound)
        self._at = (self._at + samples) % len(self._sound)
        return self._sound[at]


class _OverHold:
    """A voice that speaks over hold audio."""

    def __init__(self, voice: Speaker, hold: HoldAudio) -> None:
        self._voice = voice
        self._hold = hold

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        return self._hold.under(await self._voice.synthesise(text, keep=keep))

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        async for pcm in self._voice.stream(text, keep=keep):
            yield self._hold.under(pcm)
