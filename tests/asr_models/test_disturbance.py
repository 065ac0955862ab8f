"""Noises at the ratio asked for, and packets lost in the share asked for."""

import numpy as np
import pytest

from asr_models.disturbance import NOISES, noise, with_noise, without_packets
from asr_models.telephone import RATE, Signal

VOICES: list[Signal] = [np.sin(np.arange(RATE) * step) for step in (0.3, 0.4, 0.5)]


def _power_db(signal: Signal) -> float:
    return float(10 * np.log10(np.mean(signal**2)))


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_lies_as_far_below_the_speech_as_asked(kind: str, snr_db: float) -> None:
    speech: Signal = 2000 * np.sin(2 * np.pi * 300 * np.arange(3 * RATE) / RATE)
    added = noise(kind, len(speech), np.random.default_rng(1), VOICES)
    assert len(added) == len(speech)
    mixed = with_noise(speech, added, snr_db)
    assert _power_db(speech) - _power_db(mixed - speech) == pytest.approx(snr_db, abs=0.01)


def test_the_same_seed_makes_the_same_noise_and_another_another() -> None:
    made = [noise("street", RATE, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_hum_is_the_mains_and_the_street_is_low() -> None:
    spectrum = np.abs(np.fft.rfft(noise("hum", RATE, np.random.default_rng(1))))
    assert np.argmax(spectrum) == 50
    street = np.abs(np.fft.rfft(noise("street", 4 * RATE, np.random.default_rng(1)))) ** 2
    assert street[4 * 100 : 4 * 200].mean() > 4 * street[4 * 1000 : 4 * 2000].mean()


def test_an_unknown_noise_and_babble_without_voices_are_refused() -> None:
    for kind in ("thunder", "babble"):
        with pytest.raises(ValueError, match="没有这种噪声"):
            noise(kind, 100, np.random.default_rng(1))


def test_lost_packets_are_silent_and_as_many_as_asked() -> None:
    heard = without_packets(np.ones(60 * RATE), 0.05, np.random.default_rng(1))
    packets = heard.reshape(-1, RATE // 50)
    assert set(packets.sum(1).tolist()) == {0.0, float(RATE // 50)}
    assert float(np.mean(packets[:, 0] == 0)) == pytest.approx(0.05, abs=0.01)
    assert np.array_equal(without_packets(np.ones(100), 0.0, np.random.default_rng(1)), np.ones(100))
