import numpy as np
import pytest

from ivr.speech.telephone_band import LEVEL_DBFS, active_level, levelled, silence, to_telephone_rate, trimmed

RATE = 22_050


def tone(hz: float, seconds: float = 0.5, amplitude: float = 0.3) -> bytes:
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)
    return (wave * 32767).astype("<i2").tobytes()


def gain_db(hz: float) -> float:
    samples = to_telephone_rate(tone(hz), RATE)[400:-400]
    return float(20 * np.log10(np.sqrt(np.mean(samples**2)) / (0.3 / np.sqrt(2))))


@pytest.mark.parametrize("hz", [200, 300, 1000, 3000])
def test_the_telephone_band_passes(hz: float) -> None:
    assert abs(gain_db(hz)) < 1


@pytest.mark.parametrize("hz", [4500, 6000, 9000])
def test_what_would_alias_is_removed(hz: float) -> None:
    assert gain_db(hz) < -50


def test_time_is_kept() -> None:
    click = np.zeros(RATE, dtype="<i2")
    click[RATE // 2] = 30_000
    samples = to_telephone_rate(click.tobytes(), RATE)
    assert len(samples) == 8000
    assert abs(int(np.argmax(samples)) - 4000) <= 1


@pytest.mark.parametrize("amplitude", [0.001, 0.1, 0.9])
def test_speech_comes_out_at_one_level_without_clipping(amplitude: float) -> None:
    noise = np.random.default_rng(7).normal(0, 0.3, 8000).astype(np.float32) * np.float32(amplitude)
    out = np.frombuffer(levelled(noise), dtype="<i2").astype(np.float32) / np.float32(32768)
    assert active_level(out) == pytest.approx(LEVEL_DBFS, abs=0.5)
    assert np.abs(out).max() < 0.98


def test_peaks_are_rounded_off() -> None:
    spikes = np.full(1600, 0.01, dtype=np.float32)
    spikes[::200] = 1.0
    assert np.abs(np.frombuffer(levelled(spikes), dtype="<i2")).max() < 32_000


def test_silence_stays_silence() -> None:
    assert levelled(np.zeros(320, dtype=np.float32)) == bytes(640)
    assert len(trimmed(np.zeros(320, dtype=np.float32))) == 0
    assert len(silence(20)) == 320


def test_trimming_keeps_the_speech() -> None:
    samples = np.zeros(8000, dtype=np.float32)
    samples[3200:4800] = 0.2
    assert 1600 <= len(trimmed(samples)) <= 1600 + 3 * 160
