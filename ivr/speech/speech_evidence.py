"""Was it speech at all? Music stands still and noise has no pitch; a recogniser hears words in both. Pure.

Tones are another matter (:mod:`ivr.speech.tone_gate`): they are taken out before anything is recognised. Here whole words are judged
after recognition, by the sound they were heard in. Measured on the sentences and voices of ``asr_models/eval`` and on generated
sounds, at −20 and −35 dBFS:

- a frame whose spectrum is what it was 100 ms before (*held*): over 1 s at most 29 % of the frames of speech, half of music's; over
  2 s at most 18 % against at least 33 %;
- *pitch*, the highest peak of the normalised autocorrelation between 60 and 400 Hz: the third best frame of a word has at least 0.57
  in speech and 0.96 in the median, at most 0.35 in white and pink noise and in gusts of wind, 0.54 in a deep rumble.
"""

from collections import deque
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FRAME_SAMPLES: Final = 160
_WINDOW: Final = 3 * FRAME_SAMPLES
_FFT: Final = 1024
"""More than twice the window: the autocorrelation does not wrap round."""
_RATE: Final = 8000
_BAND: Final = slice(250 * _FFT // _RATE, 3500 * _FFT // _RATE)
_PITCH: Final = slice(_RATE // 400, _RATE // 60)
_LOUD_ENOUGH_DBFS: Final = -50.0
_NOTE_FRAMES: Final = 5
_NOTE_LIKENESS: Final = 0.93
_MUSIC_SHARE: Final = 0.3
_FRAME_MS: Final = 20
_SECOND: Final = 50
_NEAR: Final = 5
_NOTE_SHARE: Final = 0.12
"""Beside music this much of it in a word's own 100 ms around is enough."""
_LEAST_JUDGED: Final = 20
"""Frames: under 400 ms of sound nothing is called music."""
_PITCH_OF_A_WORD: Final = 0.45
_PITCH_OF_A_VOICE: Final = 0.62
_PITCH_OF_A_CALL: Final = 0.5
"""Two of four frames above it: perhaps a voice, worth decoding."""
_REMEMBERED: Final = 200
_PITCHED_FRAMES: Final = 3
"""A syllable has a vowel of 60 ms or more."""

Frame = NDArray[np.float32]
_Samples = NDArray[np.floating[Any]]


class SpeechEvidence:
    """One utterance, 20 ms after another; then, of any stretch of it, whether a voice spoke there."""

    __slots__ = ("_before", "_held", "_loud", "_pitch", "_pitched", "_voice_at", "_window")

    _hann: Final = np.hanning(_WINDOW).astype(np.float32)
    _hann_correlation: Final = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_WINDOW), _FFT)) ** 2)[: _PITCH.stop]
    _least_energy: Final = float(_WINDOW * 10 ** (_LOUD_ENOUGH_DBFS / 10))

    def __init__(self) -> None:
        self._window = np.zeros(_WINDOW, dtype=np.float32)
        self._before: deque[_Samples | None] = deque(maxlen=_NOTE_FRAMES)
        self._loud = bytearray()
        self._held = bytearray()
        self._pitch: list[float] = []
        self._pitched = 0
        self._voice_at: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def frames(self) -> int:
        """How many have been looked at."""
        return len(self._pitch)

    def frame(self, samples: Frame) -> None:
        """The next 160 samples, full scale 1.0."""
        self._window[:-FRAME_SAMPLES] = self._window[FRAME_SAMPLES:]
        self._window[-FRAME_SAMPLES:] = samples
        shape, pitch = None, 0.0
        if float(np.dot(self._window, self._window)) >= self._least_energy:
            power = np.abs(np.fft.rfft(self._window * self._hann, _FFT)) ** 2
            shape = np.sqrt(power[_BAND])
            shape /= max(float(np.linalg.norm(shape)), 1e-12)
            pitch = self._pitch_in(power)
        before = self._before[0] if len(self._before) == _NOTE_FRAMES else None
        self._before.append(shape)
        self._loud.append(shape is not None)
        self._held.append(shape is not None and before is not None and float(shape @ before) > _NOTE_LIKENESS)
        self._pitch.append(pitch)
        self._pitched += pitch >= _PITCH_OF_A_VOICE
        if sum(one >= _PITCH_OF_A_CALL for one in self._pitch[-4:]) >= 2:
            self._voice_at.append(len(self._pitch) - 1)

    def near_voice(self, frame: int, *, before: int, after: int) -> bool:
        """Whether a voice sounds at most ``before`` frames ahead of ``frame`` or sounded at most ``after`` frames ago."""
        return any(frame - after <= at <= frame + before for at in reversed(self._voice_at))

    def spoken(self, start_ms: int, end_ms: int) -> bool:
        """Whether a word heard from ``start_ms`` to ``end_ms`` (from the utterance's start) was spoken."""
        start, end = start_ms // _FRAME_MS, -(-end_ms // _FRAME_MS)
        pitched = sum(pitch >= _PITCH_OF_A_WORD for pitch in self._pitch[max(0, start - 2) : end + 3])
        return pitched >= _PITCHED_FRAMES and self.has_voice and not self._in_music(start, end)

    @property
    def has_voice(self) -> bool:
        """Whether anything so far had the pitch of a voice."""
        return self._pitched > _PITCHED_FRAMES

    @property
    def in_music_now(self) -> bool:
        """Whether the last two seconds, or what there is of them, were music."""
        return self._is_music(max(0, len(self._loud) - 2 * _SECOND), len(self._loud))

    @staticmethod
    def _pitch_in(power: _Samples) -> float:
        band = np.zeros_like(power)
        band[_BAND] = power[_BAND]
        correlation = np.fft.irfft(band)[: _PITCH.stop] / SpeechEvidence._hann_correlation
        return float(correlation[_PITCH].max() / max(float(correlation[0]), 1e-12))

    def _in_music(self, start: int, end: int) -> bool:
        """The second up to its end or the second from its start on is music, and so are its own surroundings or all in all the utterance.

        So the first word after a melody is kept, and the last note before a word is not.
        """
        sides = ((max(0, end - _SECOND), end), (start, start + _SECOND))
        around = slice(max(0, start - _NEAR), end + _NEAR)
        notes = sum(self._held[around]) >= _NOTE_SHARE * sum(self._loud[around])
        return (notes or self._is_music(0, len(self._loud))) and any(self._is_music(*side) for side in sides)

    def _is_music(self, start: int, end: int) -> bool:
        loud = sum(self._loud[start:end])
        return loud >= _LEAST_JUDGED and sum(self._held[start:end]) >= _MUSIC_SHARE * loud
