"""What disturbs a telephone call, for measuring: noises at a given signal-to-noise ratio, and lost packets. numpy only.

Made apart from the disturbances of ``train/lines.py``, so that the model is not measured on the very noises it was trained on.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from asr_models.telephone import RATE, Signal

NOISES: Final = ("white", "street", "hum", "music", "babble")
_PACKET: Final = RATE // 50
_OCTAVE: Final = (0, 3, 5, 7, 10, 12, 15)
"""Semitones of the tune: a minor pentatonic scale."""


def _level(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal**2))) + 1e-9


def _street(length: int, draw: np.random.Generator) -> Signal:
    """Pink noise (power falls 3 dB an octave) that swells and falls every few seconds."""
    spectrum = np.fft.rfft(draw.standard_normal(length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 20)), length)
    swelling: Signal = pink * (1 + 0.6 * np.sin(2 * np.pi * 0.3 * np.arange(length) / RATE + draw.uniform(0, 6)))
    return swelling


def _hum(length: int) -> Signal:
    """The mains: 50 Hz and its odd multiples."""
    moments = np.arange(length) / RATE
    waves: Signal = np.zeros(length)
    for multiple in (1, 3, 5, 7):
        waves += np.sin(2 * np.pi * 50 * multiple * moments) / multiple
    return waves


def _music(length: int, draw: np.random.Generator) -> Signal:
    """Two plucked parts, a new chord three times a second."""
    waves: Signal = np.zeros(length)
    for start in range(0, length, RATE // 3):
        moments = np.arange(min(RATE, length - start)) / RATE
        for base in (196.0, 392.0):
            note = base * 2 ** (int(draw.choice(_OCTAVE)) / 12)
            for overtone in (1, 2, 3):
                wave = np.sin(2 * np.pi * note * overtone * moments) * np.exp(-3 * moments) / overtone
                waves[start : start + len(moments)] += wave
    return waves


def _babble(length: int, draw: np.random.Generator, voices: Sequence[Signal]) -> Signal:
    """Six voices at once, each begun somewhere else."""
    waves: Signal = np.zeros(length)
    for voice in (voices[int(index)] for index in draw.integers(0, len(voices), 6)):
        shifted = np.roll(voice, int(draw.integers(0, len(voice))))
        waves += np.resize(shifted / _level(shifted), length)
    return waves


def noise(kind: str, length: int, draw: np.random.Generator, voices: Sequence[Signal] = ()) -> Signal:
    """``length`` samples of one of ``NOISES``; babble needs the ``voices`` it is made of. Raises ``ValueError``."""
    if kind == "white":
        white: Signal = draw.standard_normal(length)
        return white
    if kind == "street":
        return _street(length, draw)
    if kind == "hum":
        return _hum(length)
    if kind == "music":
        return _music(length, draw)
    if kind == "babble" and voices:
        return _babble(length, draw, voices)
    raise ValueError(f"没有这种噪声：{kind}（可选 {'、'.join(NOISES)}）")


def with_noise(signal: Signal, added: Signal, snr_db: float) -> Signal:
    """``signal`` with ``added`` at ``snr_db`` below it, both levels taken over their whole length."""
    mixed: Signal = signal + added * (_level(signal) / _level(added)) * 10 ** (-snr_db / 20)
    return mixed


def without_packets(signal: Signal, share: float, draw: np.random.Generator) -> Signal:
    """``signal`` with that share of its 20 ms packets lost and played as silence."""
    packets = -(-len(signal) // _PACKET)
    kept = np.repeat(draw.random(packets) >= share, _PACKET)[: len(signal)]
    return np.where(kept, signal, 0.0)
