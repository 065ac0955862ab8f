"""G.711 as ITU-T G.711 has it, and the way down to 8 kHz."""

from collections.abc import Callable

import numpy as np
import pytest

from asr_models.telephone import Signal, alaw_round_trip, mulaw_round_trip, to_8k


@pytest.mark.parametrize(
    ("sample", "decoded"), [(0, 8), (-1, -8), (16, 24), (1000, 1008), (-1000, -1008), (32767, 32256), (-32768, -32256)]
)
def test_alaw_levels(sample: int, decoded: int) -> None:
    assert alaw_round_trip(np.array([float(sample)]))[0] == decoded


@pytest.mark.parametrize(
    ("sample", "decoded"), [(0, 0), (1000, 988), (-1000, -988), (32767, 32124), (-32768, -32124), (8, 8)]
)
def test_mulaw_levels(sample: int, decoded: int) -> None:
    assert mulaw_round_trip(np.array([float(sample)]))[0] == decoded


@pytest.mark.parametrize("codec", [alaw_round_trip, mulaw_round_trip])
def test_a_second_round_trip_changes_nothing(codec: Callable[[Signal], Signal]) -> None:
    every = np.arange(-32768, 32768, dtype=np.float64)
    once = codec(every)
    again = codec(once)
    assert np.array_equal(once, again)
    assert np.max(np.abs(once - every)[np.abs(every) < 30000] / (np.abs(every[np.abs(every) < 30000]) + 500)) < 0.04


def test_a_tone_keeps_its_pitch_and_what_lies_above_the_band_goes() -> None:
    moments = np.arange(22050) / 22050
    low = to_8k((8000 * np.sin(2 * np.pi * 1000 * moments)).astype(np.int16), 22050)
    high = to_8k((8000 * np.sin(2 * np.pi * 6000 * moments)).astype(np.int16), 22050)
    assert len(low) == 8000
    assert np.argmax(np.abs(np.fft.rfft(low))) == pytest.approx(1000, abs=2)
    assert np.sqrt(np.mean(high[200:-200] ** 2)) < 0.01 * np.sqrt(np.mean(low**2))
