"""What a phone makes of the sound it receives: levels, speech and its pauses, test tones. Pure: frames in, facts out.

These phones measure the hotline, so they use nothing of the hotline's own listening.
"""

import math
from typing import Final

import numpy as np

from ivr.sip.contract import FRAME_BYTES, FRAME_MS, SAMPLE_RATE

VOICED_DBFS: Final = -45.0
"""A frame above this is sound: our lines are silent between words, and G.711's own noise is below −70."""
SILENT_DBFS: Final = -96.0
_FULL_SCALE: Final = 32768.0
_TONE_SHARE: Final = 0.7
"""A frame is the tone when that much of its energy lies at the one frequency."""


def dbfs(pcm: bytes) -> float:
    """Root mean square of int16 samples in dB below full scale; −96 for digital silence."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    if not samples.size:
        return SILENT_DBFS
    rms = math.sqrt(float(np.mean(samples**2)))
    return max(SILENT_DBFS, 20 * math.log10(rms / _FULL_SCALE)) if rms else SILENT_DBFS


def is_voiced(frame: bytes) -> bool:
    return dbfs(frame) > VOICED_DBFS


def voiced_dbfs(pcm: bytes) -> float:
    """Level of the voiced frames of ``pcm`` alone."""
    return dbfs(b"".join(frame for frame in split(pcm) if is_voiced(frame)))


def split(pcm: bytes) -> list[bytes]:
    """``pcm`` as 20 ms frames; a last piece that is shorter is left out."""
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)]


def trimmed(pcm: bytes) -> bytes:
    """``pcm`` without the silence before its first and after its last voiced frame."""
    voiced = [number for number, frame in enumerate(split(pcm)) if is_voiced(frame)]
    return pcm[voiced[0] * FRAME_BYTES : (voiced[-1] + 1) * FRAME_BYTES] if voiced else b""


def tone(hertz: float, ms: int, level_dbfs: float = -15.0) -> bytes:
    """A sine, int16."""
    count = SAMPLE_RATE * ms // 1000
    peak = _FULL_SCALE * math.sqrt(2) * 10 ** (level_dbfs / 20)
    wave = peak * np.sin(2 * np.pi * hertz * np.arange(count) / SAMPLE_RATE)
    return bytes(wave.astype("<i2").tobytes())


def tone_share(frame: bytes, hertz: float) -> float:
    """How much of a frame's energy lies at ``hertz`` (Goertzel's filter), 0…1."""
    samples = np.frombuffer(frame, dtype="<i2").astype(np.float64)
    energy = float(np.dot(samples, samples))
    if energy == 0 or not samples.size:
        return 0.0
    turn = np.exp(-2j * np.pi * hertz * np.arange(samples.size) / SAMPLE_RATE)
    return min(1.0, 2 * abs(complex(np.dot(samples, turn))) ** 2 / (samples.size * energy))


class ToneWatch:
    """Waits for one tone to last."""

    def __init__(self, hertz: float, needed_ms: int = 200) -> None:
        self.hertz = hertz
        self.heard_ms = 0
        """All of it that was ever heard."""
        self._needed_ms = needed_ms
        self._run_ms = 0

    @property
    def heard(self) -> bool:
        return self.heard_ms >= self._needed_ms

    def feed(self, frame: bytes) -> bool:
        """Whether this frame makes the tone last ``needed_ms``: true once for each time that it sounds."""
        if dbfs(frame) < VOICED_DBFS or tone_share(frame, self.hertz) < _TONE_SHARE:
            self._run_ms = 0
            return False
        self._run_ms += FRAME_MS
        self.heard_ms += FRAME_MS
        return self._run_ms == self._needed_ms


class Pauses:
    """Follows one voice: whether it has spoken, and for how long it has been quiet since."""

    def __init__(self) -> None:
        self.spoken_ms = 0
        self.quiet_ms = 0

    def feed(self, frame: bytes) -> None:
        if is_voiced(frame):
            self.spoken_ms += FRAME_MS
            self.quiet_ms = 0
        else:
            self.quiet_ms += FRAME_MS

    def restart(self) -> None:
        self.spoken_ms = self.quiet_ms = 0
