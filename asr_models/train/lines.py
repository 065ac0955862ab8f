"""What a telephone line and a room do to a voice: drawn at random for every utterance, so that none is learned by heart."""

from random import Random

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from asr_models.telephone import RATE, alaw_round_trip, mulaw_round_trip

Signal = NDArray[np.float64]


def _level(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal**2))) + 1e-9


def room(signal: Signal, draw: Random, noise: np.random.Generator) -> Signal:
    """A short decaying echo tail."""
    length = int(draw.uniform(0.05, 0.3) * RATE)
    tail = noise.standard_normal(length) * np.exp(-6 * np.arange(length) / length) * draw.uniform(0.02, 0.12)
    tail[0] = 1
    return np.convolve(signal, tail)[: len(signal)]


def band(signal: Signal, draw: Random) -> Signal:
    """The telephone's pass band, its edges a little different each time."""
    edges = [draw.uniform(150, 350) / (RATE / 2), draw.uniform(3000, 3700) / (RATE / 2)]
    numerator, denominator = butter(2, edges, "band")
    return np.asarray(lfilter(numerator, denominator, signal))


def background(signal: Signal, draw: Random, noise: np.random.Generator) -> Signal:
    """White, coloured or humming noise at 5 to 35 dB below the speech."""
    added = noise.standard_normal(len(signal))
    kind = draw.random()
    if kind < 0.5:
        added = lfilter([1], [1, -draw.uniform(0.5, 0.97)], added)
    elif kind < 0.6:
        added = added * 0.3 + np.sin(2 * np.pi * draw.choice([50, 100, 150]) * np.arange(len(signal)) / RATE)
    return signal + added * 10 ** (-draw.uniform(5, 35) / 20) * _level(signal) / _level(added)


def through_a_line(signal: Signal, draw: Random, noise: np.random.Generator) -> Signal:
    """``signal`` with room, band, tilt, level, noise and G.711 drawn at random, on the int16 scale."""
    if draw.random() < 0.3:
        signal = room(signal, draw, noise)
    if draw.random() < 0.6:
        signal = band(signal, draw)
    if draw.random() < 0.4:
        signal = np.asarray(lfilter([1, draw.uniform(-0.6, 0.6)], [1], signal))
    signal = signal / _level(signal) * 10 ** draw.uniform(2.3, 3.75)
    if draw.random() < 0.6:
        signal = background(signal, draw, noise)
    codec = draw.random()
    if codec < 0.6:
        return alaw_round_trip(signal)
    if codec < 0.85:
        return mulaw_round_trip(signal)
    return np.clip(np.rint(signal), -32768, 32767)


def no_speech(draw: Random, noise: np.random.Generator) -> Signal:
    """A few seconds without speech: a key's two tones, a dial tone, hum or noise."""
    moments = np.arange(int(draw.uniform(0.5, 2.5) * RATE)) / RATE
    kind = draw.random()
    if kind < 0.3:
        tones = (draw.choice([697, 770, 852, 941]), draw.choice([1209, 1336, 1477]))
    elif kind < 0.6:
        tones = (draw.choice([350, 400, 425, 440, 450, 480]),)
    else:
        tones = (draw.choice([50, 100]),)
    signal = sum(np.sin(2 * np.pi * tone * moments) for tone in tones) * (kind < 0.8)
    return np.asarray(signal + noise.standard_normal(len(moments)) * draw.uniform(0.003, 0.3))
