"""A-law (ITU-T G.711) by table, for whole seconds at a time: int16 samples to one byte each and back."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SILENT_CODE: Final = 0xD5
"""The code of the smallest positive level: what silence is written as."""


def _levels() -> NDArray[np.int16]:
    codes = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(codes & 0x80, size, -size).astype(np.int16)


def _nearest(levels: NDArray[np.int16]) -> NDArray[np.uint8]:
    order = np.argsort(levels).astype(np.int32)
    ranked = levels[order].astype(np.int32)
    between = (ranked[1:] + ranked[:-1]) / 2
    samples = np.arange(65536, dtype=np.uint16).view(np.int16)
    return order[np.searchsorted(between, samples)].astype(np.uint8)


_LEVELS: Final = _levels()
_CODES: Final = _nearest(_LEVELS)


def encode(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The code nearest to each sample."""
    return _CODES[samples.view(np.uint16)]


def decode(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The sample that each code stands for."""
    return _LEVELS[codes]
