"""What a telephone line does to speech: 8 kHz, 300–3400 Hz, G.711. Pure, numpy only."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 8000
_CUTOFF_HZ: Final = 3400.0
_TAPS: Final = 129

Signal = NDArray[np.float64]
"""Samples on the scale of int16 (full scale 32768)."""


def to_8k(samples: NDArray[np.int16], rate: int) -> Signal:
    """``samples`` at ``rate`` Hz, low-passed at 3.4 kHz and resampled to 8 kHz."""
    position = np.arange(_TAPS) - _TAPS // 2
    cutoff = 2 * _CUTOFF_HZ / rate
    taps = cutoff * np.sinc(cutoff * position) * np.hamming(_TAPS)
    filtered = np.convolve(samples.astype(np.float64), taps / taps.sum(), "same")
    moments = np.arange(int(len(filtered) * RATE / rate)) * (rate / RATE)
    resampled: Signal = np.interp(moments, np.arange(len(filtered)), filtered)
    return resampled


def _whole(signal: Signal) -> NDArray[np.int64]:
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int64)


def alaw_round_trip(signal: Signal) -> Signal:
    """``signal`` as it comes out of G.711 A-law (ITU-T G.711 table 1a), 13-bit steps on the int16 scale."""
    whole = _whole(signal)
    magnitude = np.minimum(np.where(whole >= 0, whole, ~whole) >> 4, 2047)
    step = 1 << np.maximum(np.frexp(magnitude.astype(np.float64))[1] - 5, 0)
    decoded = (magnitude // step) * step * 16 + step * 8
    signed: Signal = np.where(whole >= 0, decoded, -decoded).astype(np.float64)
    return signed


def mulaw_round_trip(signal: Signal) -> Signal:
    """``signal`` as it comes out of G.711 µ-law (ITU-T G.711 table 2a), 14-bit steps on the int16 scale."""
    whole = _whole(signal)
    magnitude = np.minimum(4 * np.abs(whole >> 2), 32635) + 132
    exponent = np.frexp(magnitude.astype(np.float64))[1] - 8
    step = 1 << (exponent + 3)
    decoded = (magnitude // step) * step + step // 2 - 132
    signed: Signal = np.where(whole >= 0, decoded, -decoded).astype(np.float64)
    return signed
