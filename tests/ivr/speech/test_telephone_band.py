import numpy as np
import pytest

from ivr.speech.telephone_band import (
    FADE_SAMPLES,
    LEVEL_DBFS,
    active_level,
    faded,
    largest_jump,
    levelled,
    silence,
    to_telephone_rate,
    trimmed,
)

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


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("count", [1, 50, 441, 9_999])
def test_every_sample_is_the_filter_at_its_moment(rate: int, count: int) -> None:
    source = np.random.default_rng(count).normal(0, 3000, count).astype("<i2")
    given = np.concatenate([np.zeros(64), source.astype(np.float64) / 32768, np.zeros(64)])
    samples = to_telephone_rate(source.tobytes(), rate)
    assert len(samples) == count * 8000 // rate
    for index in range(0, len(samples), max(1, len(samples) // 17)):
        distance = np.arange(len(given)) - 64 - index * rate / 8000
        near = (distance > -32) & (distance <= 32)
        taps = np.sinc(distance * 6800 / rate) * np.cos(np.pi * distance / 64) ** 2 * near
        assert samples[index] == pytest.approx(float(given @ taps / taps.sum()), abs=1e-5)


def test_pieces_begin_and_end_softly() -> None:
    loud = np.full(1600, 0.9, dtype=np.float32)
    soft = faded(loud)
    assert loud[0] == pytest.approx(0.9)
    assert abs(soft[0]) < 0.01
    assert abs(soft[-1]) < 0.01
    assert np.array_equal(soft[FADE_SAMPLES:-FADE_SAMPLES], loud[FADE_SAMPLES:-FADE_SAMPLES])
    assert np.abs(np.diff(soft)).max() < 0.05
    assert len(faded(loud[:1])) == 1


def test_the_largest_jump_finds_a_click() -> None:
    assert largest_jump(np.asarray([0, 10, 20_000, 10], dtype="<i2").tobytes()) == 19_990
    assert largest_jump(b"") == 0


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
