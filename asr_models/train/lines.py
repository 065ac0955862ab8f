"""What a telephone line and a room do to a voice: drawn at random for every utterance, so that none is learned by heart."""

from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from asr_models.telephone import RATE, alaw_round_trip, mulaw_round_trip

Signal = NDArray[np.float64]
_PACKET: Final = RATE // 50
_KEY_ROWS: Final = (697, 770, 852, 941)
_KEY_COLUMNS: Final = (1209, 1336, 1477)
_LINE_TONES: Final = (350, 400, 425, 440, 450, 480)


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
    edges = [draw.uniform(120, 350) / (RATE / 2), draw.uniform(2900, 3700) / (RATE / 2)]
    numerator, denominator = butter(draw.choice([2, 2, 4]), edges, "band")
    return np.asarray(lfilter(numerator, denominator, signal))


def handset(signal: Signal, draw: Random) -> Signal:
    """A smooth frequency response of up to ±9 dB: what one microphone, and one throat, has and another has not."""
    spectrum = np.fft.rfft(signal)
    knots = np.linspace(0, RATE / 2, 9)
    gains = [draw.uniform(-9, 9) for _ in knots]
    response = np.interp(np.fft.rfftfreq(len(signal), 1 / RATE), knots, gains)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (response / 20), len(signal)))


def music(length: int, draw: Random) -> Signal:
    """A tune of plucked notes with overtones, as on hold."""
    made = np.zeros(length)
    beat = int(draw.uniform(0.12, 0.5) * RATE)
    base = draw.uniform(130, 400)
    for start in range(0, length, beat):
        span = min(length - start, 3 * beat)
        moments = np.arange(span) / RATE
        note = base * 2 ** (draw.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
        for overtone in range(1, 6):
            made[start : start + span] += (
                np.sin(2 * np.pi * note * overtone * moments) / overtone * np.exp(-moments * draw.uniform(1, 6))
            )
    return made


def cough(length: int, draw: Random, noise: np.random.Generator) -> Signal:
    """One to three bursts of breath: noise with a sharp rise, a decay and a throat's resonances."""
    made = np.zeros(length)
    for _ in range(draw.randint(1, 3)):
        span = min(length, int(draw.uniform(0.08, 0.4) * RATE))
        start = draw.randrange(length - span + 1)
        burst = noise.standard_normal(span) * np.exp(-np.arange(span) / span * draw.uniform(2, 6))
        for centre in (draw.uniform(400, 900), draw.uniform(1200, 2200)):
            radius = draw.uniform(0.85, 0.97)
            burst = burst + np.asarray(
                lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * centre / RATE), radius**2], burst)
            )
        made[start : start + span] += burst
    return made


def _street(length: int, draw: Random, noise: np.random.Generator) -> Signal:
    """Pink-like noise that swells, as of passing cars."""
    swelling = 1 + 0.7 * np.sin(2 * np.pi * draw.uniform(0.05, 0.5) * np.arange(length) / RATE + draw.uniform(0, 6))
    return np.asarray(lfilter([1], [1, -draw.uniform(0.7, 0.97)], noise.standard_normal(length))) * swelling


def _hum(length: int, draw: Random, noise: np.random.Generator) -> Signal:
    moments = np.arange(length) / RATE
    base = draw.choice([50, 100, 150])
    waves = sum(np.sin(2 * np.pi * base * one * moments) * draw.uniform(0, 1) for one in (1, 2, 3))
    return np.asarray(waves + noise.standard_normal(length) * 0.1)


def background(signal: Signal, draw: Random, noise: np.random.Generator, babble: Signal | None) -> Signal:
    """White noise, a street, hum, music or other voices at 5 to 35 dB below the speech."""
    length = len(signal)
    kind = draw.random()
    if babble is not None:
        added = np.resize(babble, length)
    elif kind < 0.35:
        added = noise.standard_normal(length)
    elif kind < 0.8:
        added = _street(length, draw, noise)
    elif kind < 0.92:
        added = _hum(length, draw, noise)
    else:
        added = music(length, draw)
    below = draw.uniform(5, 35) if kind < 0.92 and babble is None else draw.uniform(10, 35)
    return signal + added * 10 ** (-below / 20) * _level(signal) / _level(added)


def gaps(signal: Signal, draw: Random) -> Signal:
    """Lost packets of 20 ms: silent, or the last one again, fading."""
    made = signal.copy()
    share, fading = draw.uniform(0.005, 0.04), draw.random() < 0.5
    for start in range(_PACKET, len(made) - _PACKET, _PACKET):
        if draw.random() < share:
            made[start : start + _PACKET] = made[start - _PACKET : start] * 0.7 if fading else 0.0
    return made


def through_a_line(signal: Signal, draw: Random, noise: np.random.Generator, babble: Signal | None = None) -> Signal:
    """``signal`` with handset, room, band, tilt, level, noise, lost packets and G.711 drawn at random, on the int16 scale.

    ``babble``: other people's speech, for the background.
    """
    if draw.random() < 0.5:
        signal = handset(signal, draw)
    if draw.random() < 0.3:
        signal = room(signal, draw, noise)
    if draw.random() < 0.5:
        signal = band(signal, draw)
    if draw.random() < 0.3:
        signal = np.asarray(lfilter([1, draw.uniform(-0.6, 0.6)], [1], signal))
    signal = signal / _level(signal) * 10 ** draw.uniform(2.3, 3.75)
    if draw.random() < 0.6:
        signal = background(signal, draw, noise, babble)
    if draw.random() < 0.05:
        limit = _level(signal) * draw.uniform(1.2, 3)
        signal = np.clip(signal, -limit, limit)
    codec = draw.random()
    if codec < 0.55:
        signal = alaw_round_trip(signal)
    elif codec < 0.8:
        signal = mulaw_round_trip(signal)
    elif codec < 0.9:
        signal = alaw_round_trip(mulaw_round_trip(signal))
    if draw.random() < 0.1:
        signal = gaps(signal, draw)
    return np.clip(np.rint(signal), -32768, 32767)


def no_speech(draw: Random, noise: np.random.Generator, babble: Signal | None = None) -> Signal:
    """A moment without words to hear: keys, line tones, hum, music, coughs, or several people at once."""
    length = int(draw.uniform(0.3, 2.5) * RATE)
    moments = np.arange(length) / RATE
    kind = draw.random()
    if kind < 0.2:
        pair = (draw.choice(_KEY_ROWS), draw.choice(_KEY_COLUMNS))
        pressed = np.sin(2 * np.pi * draw.uniform(1, 4) * moments) > -0.5
        made = sum(np.sin(2 * np.pi * tone * moments) for tone in pair) * pressed
    elif kind < 0.35:
        made = np.sin(2 * np.pi * draw.choice(_LINE_TONES) * moments)
    elif kind < 0.45:
        made = _hum(length, draw, noise)
    elif kind < 0.65:
        made = music(length, draw)
    elif kind < 0.85 or babble is None:
        made = cough(length, draw, noise)
    else:
        made = np.resize(babble, length)
    return np.asarray(made) + noise.standard_normal(length) * draw.uniform(0.0005, 0.01)
