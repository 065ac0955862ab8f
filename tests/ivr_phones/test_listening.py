"""Levels, pauses and tones of made-up sound."""

import numpy as np
import pytest

from ivr.phones.listening import (
    SILENT_DBFS,
    Pauses,
    ToneWatch,
    dbfs,
    is_voiced,
    split,
    tone,
    tone_share,
    trimmed,
    voiced_dbfs,
)
from ivr.sip.contract import FRAME_BYTES

SILENCE = bytes(FRAME_BYTES)


def noise(ms: int, level_dbfs: float = -20.0) -> bytes:
    samples = np.random.default_rng(7).normal(0, 32768 * 10 ** (level_dbfs / 20), 8 * ms)
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


def test_levels() -> None:
    assert dbfs(tone(1000, 1000, -20)) == pytest.approx(-20, abs=0.1)
    assert dbfs(SILENCE) == SILENT_DBFS
    assert dbfs(b"") == SILENT_DBFS
    assert voiced_dbfs(bytes(16000) + tone(1000, 1000, -20) + bytes(16000)) == pytest.approx(-20, abs=0.1)


def test_trimming_keeps_the_pause_in_the_middle() -> None:
    pcm = SILENCE * 5 + tone(600, 100) + SILENCE * 10 + tone(600, 100) + SILENCE * 7
    assert len(trimmed(pcm)) == FRAME_BYTES * 20
    assert trimmed(SILENCE * 9) == b""


@pytest.mark.parametrize("hertz", [600.0, 850.0])
def test_a_tone_is_found_and_nothing_else_is(hertz: float) -> None:
    for frame in split(tone(hertz, 200)):
        assert tone_share(frame, hertz) > 0.95
        assert tone_share(frame, 1450 - hertz) < 0.05
    assert max(tone_share(frame, hertz) for frame in split(noise(400))) < 0.5
    assert tone_share(SILENCE, hertz) == 0


def test_a_tone_counts_once_each_time_it_sounds() -> None:
    watch = ToneWatch(600, needed_ms=200)
    frames = split(tone(600, 1000) + SILENCE * 10 + tone(600, 1000) + tone(850, 1000) + tone(600, 100))
    assert sum(watch.feed(frame) for frame in frames) == 2
    assert watch.heard_ms == 2100
    assert watch.heard


def test_pauses() -> None:
    pauses = Pauses()
    for frame in split(SILENCE * 10 + noise(500) + SILENCE * 20):
        pauses.feed(frame)
    assert (pauses.spoken_ms, pauses.quiet_ms) == (500, 400)
    pauses.restart()
    assert (pauses.spoken_ms, pauses.quiet_ms) == (0, 0)


def test_telephone_noise_is_not_voice() -> None:
    assert not is_voiced(noise(20, -55))
    assert is_voiced(noise(20, -35))
