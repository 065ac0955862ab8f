"""Tones are no words: key tones, dial and ring-back tones, hum are found by their spectrum and taken out. Pure.

A recogniser hears words in DTMF, in 450 Hz dial tone and in mains hum (DESIGN §6.2).
"""

import math
from collections import deque
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FRAME_SAMPLES: Final = 160
_FRAME_BYTES: Final = 2 * FRAME_SAMPLES
_VOICED_DBFS: Final = -55.0
_WINDOW_FRAMES: Final = 3
_FFT: Final = 512
_BIN_HZ: Final = 8000 / _FFT
_LOW_BIN: Final = int(250 / _BIN_HZ)
_HIGH_BIN: Final = int(3500 / _BIN_HZ)
_PEAK_BINS: Final = 3
"""Half-width of a pure tone's lobe under a Hann window of 60 ms in a 512-point transform."""
_TONE_SHARE: Final = 0.97
"""Two peaks that hold this much of the energy, at the same place for 100 ms, are a tone. The place matters: high voices have vowels
of two harmonics, and taking those out cost 10 points of CER on the unseen voices of ``asr_models/eval``."""
_STEADY_HZ: Final = 1.0
"""A tone stays where it began; the pitch of a voice moves more in 100 ms."""
_HUM_SHARE: Final = 0.98
"""Energy below 250 Hz at this share of all is hum: no telephone speech passes there."""
CONFIRM_FRAMES: Final = 5
"""A tone counts once it has lasted 100 ms; a vowel on one pitch rarely lasts as long."""

Frame = NDArray[np.float32]
Spectrum = NDArray[np.floating[Any]]
SILENT_DBFS: Final = -90.0
_SILENT_ENERGY: Final = _WINDOW_FRAMES * FRAME_SAMPLES * 10 ** (-65 / 10)


def as_samples(pcm: bytes) -> Frame:
    """int16 bytes as floats, full scale 1.0."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)


class ToneGate:
    """Fed with one 20 ms frame after another; tells the level in the speech band and whether a tone is sounding."""

    __slots__ = ("_began_at", "_run", "_window", "level_dbfs")

    _hann: Final = np.hanning(_WINDOW_FRAMES * FRAME_SAMPLES).astype(np.float32)
    _scale: Final = 2 / (_FFT * _WINDOW_FRAMES * FRAME_SAMPLES * 0.375)
    """Parseval under a Hann window, whose mean square is 3/8; both halves of the spectrum."""

    def __init__(self) -> None:
        self._window = np.zeros(_WINDOW_FRAMES * FRAME_SAMPLES, dtype=np.float32)
        self._run = 0
        self._began_at: tuple[float, ...] = ()
        self.level_dbfs = SILENT_DBFS
        """Level of the last 60 ms between 250 and 3500 Hz."""

    @property
    def run(self) -> int:
        """For how many frames, up to the last, what may be a tone has sounded; the frame before them may hold its beginning."""
        return self._run

    def frame(self, samples: Frame) -> bool:
        """Whether ``samples`` (160 of them) end a stretch of at least 100 ms of one tone."""
        self._window[:-FRAME_SAMPLES] = self._window[FRAME_SAMPLES:]
        self._window[-FRAME_SAMPLES:] = samples
        if float(np.dot(self._window, self._window)) < _SILENT_ENERGY:
            self.level_dbfs, self._run = SILENT_DBFS, 0
            return False
        spectrum = np.fft.rfft(self._window * self._hann, _FFT)
        power = spectrum.real**2 + spectrum.imag**2
        total = float(power.sum())
        band = power[_LOW_BIN:_HIGH_BIN]
        in_band = float(band.sum())
        self.level_dbfs = max(SILENT_DBFS, 10 * math.log10(in_band * self._scale + 1e-12))
        hum = in_band < (1 - _HUM_SHARE) * total
        self._follow(_peaks(power[:_LOW_BIN] if hum else band), hum=hum, in_band=in_band)
        return self._run >= CONFIRM_FRAMES

    def _follow(self, peaks: tuple[tuple[float, float], ...], *, hum: bool, in_band: float) -> None:
        """Count on while what holds the energy stays where it was when the count began."""
        if not hum and sum(held for _, held in peaks) <= _TONE_SHARE * in_band:
            self._run = 0
            return
        highest = peaks[0][0]
        if self._run and any(abs(highest - hertz) < _STEADY_HZ for hertz in self._began_at):
            self._run += 1
        else:
            self._run, self._began_at = 1, tuple(hertz for hertz, _ in peaks)


def _peaks(spectrum: Spectrum) -> tuple[tuple[float, float], ...]:
    """The two highest peaks: distance in Hz from the first bin, between the bins (a parabola through the logarithm), and energy."""
    left, found = spectrum.copy(), []
    for _ in range(2):
        peak = int(left.argmax())
        offset = 0.0
        if 0 < peak < len(spectrum) - 1:
            below, at, above = np.log(spectrum[peak - 1 : peak + 2] + 1e-20)
            offset = float((below - above) / (2 * (below - 2 * at + above) - 1e-12))
        low, high = max(0, peak - _PEAK_BINS), peak + _PEAK_BINS + 1
        found.append(((peak + offset) * _BIN_HZ, float(left[low:high].sum())))
        left[low:high] = 0
    return tuple(found)


class ToneStripper:
    """Lets through what is no tone; tones become silence. What may turn out to be one is held back, 100 ms at most, other sound 20 ms."""

    __slots__ = ("_gate", "_held", "voiced_ms")

    def __init__(self) -> None:
        self._gate = ToneGate()
        self._held: deque[tuple[bytes, bool]] = deque()
        self.voiced_ms = 0
        """Audio let through that was louder than −55 dBFS in the speech band."""

    def feed(self, pcm: bytes) -> bytes:
        """``pcm``: whole frames of 320 bytes. Returns what can be let go now, which may be nothing."""
        released = []
        for start in range(0, len(pcm), _FRAME_BYTES):
            frame = pcm[start : start + _FRAME_BYTES].ljust(_FRAME_BYTES, b"\0")
            tone = self._gate.frame(as_samples(frame))
            self._held.append((frame, self._gate.level_dbfs > _VOICED_DBFS))
            if tone:
                self._held = deque((bytes(_FRAME_BYTES), False) for _ in self._held)
            while len(self._held) > min(self._gate.run, CONFIRM_FRAMES) + 1:
                released.append(self._release())
        return b"".join(released)

    def flush(self) -> bytes:
        """What is still held back."""
        return b"".join([self._release() for _ in range(len(self._held))])

    def _release(self) -> bytes:
        frame, voiced = self._held.popleft()
        self.voiced_ms += 20 * voiced
        return frame
