"""Synthesised speech → telephone speech: 8 kHz, below 3.4 kHz, at one level. Pure, numpy only."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

TELEPHONE_RATE: Final = 8000
LEVEL_DBFS: Final = -20.0
"""Active speech level of the system's voice; full scale is 32768."""

_CUTOFF_HZ: Final = 3400.0
_HALF_TAPS: Final = 32
_FRAME: Final = 160
_KNEE: Final = 0.75
FADE_SAMPLES: Final = 40
"""5 ms: pieces begin and end this softly, so that they can be joined anywhere without a click."""
_RISE: Final = np.sin(np.pi / 2 * (np.arange(FADE_SAMPLES, dtype=np.float32) + 0.5) / FADE_SAMPLES) ** 2

Samples = NDArray[np.float32]
"""Float samples, full scale 1.0."""


@lru_cache(maxsize=8)
def _bank(up: int, rate: int) -> Samples:
    """Windowed-sinc low-pass for each of the ``up`` fractional positions between two input samples."""
    position = np.arange(-_HALF_TAPS + 1, _HALF_TAPS + 1)[None, :] - np.arange(up)[:, None] / up
    cutoff = 2 * _CUTOFF_HZ / rate
    taps = cutoff * np.sinc(cutoff * position) * np.cos(np.pi * position / (2 * _HALF_TAPS)) ** 2
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)


def to_telephone_rate(pcm: bytes, rate: int) -> Samples:
    """``pcm`` (int16 mono at ``rate`` ≥ 8 kHz) band-limited and resampled to 8 kHz."""
    source = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    divisor = int(np.gcd(TELEPHONE_RATE, rate))
    up, down = TELEPHONE_RATE // divisor, rate // divisor
    count = len(source) * up // down
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    rounds = -(-count // up)
    tail = np.zeros(rounds * down - len(source) + 2 * _HALF_TAPS + down, np.float32)
    padded = np.concatenate([np.zeros(_HALF_TAPS, np.float32), source, tail])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_TAPS)
    bank = _bank(up, rate)
    resampled = np.empty((rounds, up), np.float32)
    for phase in range(up):  # every up-th output sample lies at the same fraction between two input samples
        first = phase * down // up + 1
        resampled[:, phase] = windows[first : first + rounds * down : down][:rounds] @ bank[phase * down % up]
    return resampled.reshape(-1)[:count]


def _frame_power(samples: Samples) -> Samples:
    whole = len(samples) // _FRAME * _FRAME
    if whole == 0:
        return np.asarray([float(np.mean(samples**2))] if len(samples) else [], dtype=np.float32)
    return np.asarray(np.mean(samples[:whole].reshape(-1, _FRAME) ** 2, axis=1), dtype=np.float32)


def active_level(samples: Samples) -> float:
    """RMS in dBFS over the 20 ms frames that carry speech (within 30 dB of the loudest); −inf for silence."""
    power = _frame_power(samples)
    if len(power) == 0 or power.max() <= 0:
        return float("-inf")
    return float(10 * np.log10(power[power > power.max() / 1000].mean()))


def level_dbfs(pcm: bytes) -> float:
    """:func:`active_level` of int16 samples."""
    return active_level(np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768))


def trimmed(samples: Samples) -> Samples:
    """Without the silence at both ends (20 ms of it stay)."""
    power = _frame_power(samples)
    if len(power) == 0 or power.max() <= 0:
        return samples[:0]
    speech = np.flatnonzero(power > power.max() / 10_000)
    return samples[max(0, speech[0] - 1) * _FRAME : (speech[-1] + 2) * _FRAME]


def levelled(samples: Samples) -> bytes:
    """int16 at :data:`LEVEL_DBFS`; peaks above the knee are rounded off, so nothing clips."""
    level = active_level(samples)
    if level == float("-inf"):
        return bytes(2 * len(samples))
    loud = samples * np.float32(10 ** ((LEVEL_DBFS - level) / 20))
    over = np.abs(loud) > _KNEE
    rounded = np.sign(loud) * (_KNEE + (0.97 - _KNEE) * np.tanh((np.abs(loud) - _KNEE) / (0.97 - _KNEE)))
    return (np.where(over, rounded, loud) * 32767).astype("<i2").tobytes()


def faded(samples: Samples) -> Samples:
    """A copy that rises from and falls to nothing within :data:`FADE_SAMPLES`."""
    soft = samples.copy()
    size = min(FADE_SAMPLES, len(soft) // 2)
    if size:
        soft[:size] *= _RISE[:size]
        soft[-size:] *= _RISE[:size][::-1]
    return soft


def largest_jump(pcm: bytes) -> int:
    """The largest step between neighbouring int16 samples: a click is one far above those of speech."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.int32)
    return int(np.abs(np.diff(samples)).max()) if len(samples) > 1 else 0


def silence(ms: int) -> bytes:
    """Digital silence, 8 kHz int16."""
    return bytes(2 * TELEPHONE_RATE * ms // 1000)
