"""Synthesised speech → telephone speech: 8 kHz, below 3.4 kHz, at one level. Pure, numpy only."""

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

Samples = NDArray[np.float32]
"""Float samples, full scale 1.0."""


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
    padded = np.concatenate([np.zeros(_HALF_TAPS, np.float32), source, np.zeros(_HALF_TAPS + 1, np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _HALF_TAPS)
    moment = np.arange(count) * down
    chosen = windows[moment // up + 1]
    return np.asarray(np.einsum("ij,ij->i", chosen, _bank(up, rate)[moment % up]), dtype=np.float32)


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


def silence(ms: int) -> bytes:
    """Digital silence, 8 kHz int16."""
    return bytes(2 * TELEPHONE_RATE * ms // 1000)
