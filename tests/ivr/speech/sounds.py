"""What comes over a telephone line and is no speech, generated: tones, hum, melodies, drums, breath. int16, 8 kHz, reproducible."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 8000
Sound = NDArray[np.float64]
KEYS = {"1": (697, 1209), "5": (770, 1336), "0": (941, 1336), "#": (941, 1477)}
_SCALE = (261.6, 293.7, 329.6, 392.0, 440.0, 523.3, 587.3, 659.3)
_HARMONICS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05)


def pcm(sound: Sound, *, level_dbfs: float = -20.0) -> bytes:
    """``sound`` at ``level_dbfs`` (root mean square) as bytes in whole frames."""
    loud = np.sqrt(np.mean(sound**2)) or 1.0
    scaled = sound * 32768 * 10 ** (level_dbfs / 20) / loud
    whole = scaled[: len(scaled) // 160 * 160]
    return whole.clip(-32768, 32767).astype("<i2").tobytes()


def moments(seconds: float) -> Sound:
    return np.arange(int(seconds * RATE)) / RATE


def tones(hertz: tuple[float, ...], seconds: float) -> Sound:
    moment = moments(seconds)
    return sum((np.sin(2 * np.pi * hz * moment) for hz in hertz), np.zeros_like(moment))


def keys(seconds: float) -> Sound:
    """Somebody presses keys, 120 ms each, with pauses."""
    pressed = [np.concatenate([tones(pair, 0.12), np.zeros(int(0.18 * RATE))]) for pair in KEYS.values()]
    return np.resize(np.concatenate(pressed), int(seconds * RATE))


def cadence(seconds: float) -> Sound:
    """Ring-back tone of GB 3971.2: 450 Hz, 1 s on, 4 s off; engaged: 0.35 s on and off."""
    ringing = np.concatenate([tones((450.0,), 1.0), np.zeros(4 * RATE)])
    engaged = np.resize(np.concatenate([tones((450.0,), 0.35), np.zeros(int(0.35 * RATE))]), 5 * RATE)
    return np.resize(np.concatenate([ringing, engaged]), int(seconds * RATE))


def hum(seconds: float) -> Sound:
    moment = moments(seconds)
    return sum(
        (level * np.sin(2 * np.pi * hz * moment) for hz, level in ((50, 1), (100, 0.8), (150, 0.5), (250, 0.2))),
        0 * moment,
    )


def _note(hertz: float, seconds: float, vibrato: float) -> Sound:
    moment = moments(seconds)
    phase = 2 * np.pi * hertz * moment + vibrato * np.sin(2 * np.pi * 5.5 * moment)
    wave = sum((level * np.sin(number * phase) for number, level in enumerate(_HARMONICS, 1)), 0 * moment)
    edge = np.minimum(1.0, np.minimum(moment / 0.02, (seconds - moment) / 0.05).clip(0))
    note: Sound = wave * edge * np.exp(-1.5 * moment)
    return note


def melody(seconds: float, *, seed: int, chords: bool = True, vibrato: float = 0.0) -> Sound:
    """Notes of a pentatonic tune, with two lower voices where ``chords``."""
    random = np.random.default_rng(seed)
    bars: list[Sound] = []
    while sum(map(len, bars)) < seconds * RATE:
        length = float(random.choice((0.15, 0.25, 0.3, 0.5, 0.8)))
        bar = _note(float(random.choice(_SCALE)), length, vibrato)
        for ratio in (0.5, 0.75) if chords else ():
            bar = bar + 0.4 * _note(float(random.choice(_SCALE)) * ratio, length, 0.0)
        bars.append(bar)
    return np.concatenate(bars)[: int(seconds * RATE)]


def drums(seconds: float, *, seed: int) -> Sound:
    random = np.random.default_rng(seed)
    beat = np.zeros(int(seconds * RATE))
    hit = moments(0.12)
    for start in range(0, len(beat) - len(hit), RATE // 4):
        snare = random.normal(0, 0.4, len(hit)) * np.exp(-40 * hit)
        kick = np.sin(2 * np.pi * (60 + 100 * np.exp(-20 * hit)) * hit) * np.exp(-15 * hit)
        beat[start : start + len(hit)] += snare if random.random() < 0.5 else kick
    return beat


def noise(seconds: float, *, seed: int) -> Sound:
    return np.random.default_rng(seed).normal(0, 1, int(seconds * RATE))


def over_the_line(sound: Sound) -> Sound:
    """What a telephone passes of it: 200 to 3400 Hz."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    spectrum[(hertz < 200) | (hertz > 3400)] = 0
    return np.fft.irfft(spectrum, len(sound))


def coloured(seconds: float, *, slope: float, seed: int) -> Sound:
    """Noise of the telephone band that falls by ``slope`` × 6 dB an octave: 0.5 pink, 1 a deep rumble."""
    white = noise(seconds, seed=seed)
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.fft.rfftfreq(len(white), 1 / RATE)[1:] ** slope
    return over_the_line(np.fft.irfft(spectrum, len(white)))


def gusts(seconds: float, *, seed: int) -> Sound:
    """Wind on the microphone: it swells three times in two seconds, as syllables do not."""
    blowing = coloured(seconds, slope=0.5, seed=seed)
    return blowing * (0.1 + np.abs(np.sin(2 * np.pi * 0.7 * np.arange(len(blowing)) / RATE)) ** 4)


NOT_SPEECH: dict[str, Callable[[float], Sound]] = {
    "silence": lambda seconds: np.zeros(int(seconds * RATE)),
    "dial tone": lambda seconds: tones((450.0,), seconds),
    "ringing and engaged": cadence,
    "keys": keys,
    "fax": lambda seconds: tones((2100.0,), seconds),
    "hum": hum,
    "line noise": lambda seconds: noise(seconds, seed=3),
    "street": lambda seconds: coloured(seconds, slope=0.5, seed=11),
    "engine": lambda seconds: coloured(seconds, slope=1.0, seed=12),
    "wind": lambda seconds: gusts(seconds, seed=13),
    "tune": lambda seconds: melody(seconds, seed=4, chords=False),
    "chords": lambda seconds: melody(seconds, seed=5),
    "strings": lambda seconds: melody(seconds, seed=6, chords=False, vibrato=0.5),
    "band": lambda seconds: over_the_line(melody(seconds, seed=7) + drums(seconds, seed=8)),
    "drums": lambda seconds: over_the_line(drums(seconds, seed=9)),
}
"""By name: so many seconds of it."""
