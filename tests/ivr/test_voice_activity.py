import numpy as np
import pytest

from ivr.voice_activity import VoiceActivity

_RANDOM = np.random.default_rng(3)


def noise(dbfs: float, ms: int) -> bytes:
    return (_RANDOM.normal(0, 10 ** (dbfs / 20), ms * 8) * 32767).clip(-32768, 32767).astype("<i2").tobytes()


def tones(hertz: list[float], ms: int) -> bytes:
    moment = np.arange(ms * 8) / 8000
    wave = sum(0.1 * np.sin(2 * np.pi * hz * moment) for hz in hertz)
    return (np.asarray(wave) * 32767).astype("<i2").tobytes()


def speech_ms(activity: VoiceActivity, pcm: bytes) -> int:
    return 20 * sum(activity.frame(pcm[start : start + 320]) for start in range(0, len(pcm) - 319, 320))


def test_digital_silence_is_no_speech() -> None:
    assert speech_ms(VoiceActivity(), bytes(16 * 2000)) == 0


def test_speech_over_a_quiet_line() -> None:
    activity = VoiceActivity()
    speech_ms(activity, noise(-65, 1000))
    assert speech_ms(activity, noise(-25, 1000)) >= 980
    assert speech_ms(activity, noise(-65, 500)) <= 60


def test_a_noisy_street_is_learnt_and_speech_still_stands_out() -> None:
    activity = VoiceActivity()
    speech_ms(activity, noise(-40, 1000))
    assert -52 < activity.floor_dbfs < -38
    assert speech_ms(activity, noise(-40, 2000)) == 0
    assert speech_ms(activity, noise(-22, 1000)) >= 980


def test_noise_that_begins_is_learnt_within_four_seconds() -> None:
    activity = VoiceActivity()
    speech_ms(activity, noise(-65, 3000))
    speech_ms(activity, noise(-38, 4000))
    assert speech_ms(activity, noise(-38, 2000)) == 0


@pytest.mark.parametrize("hertz", [[770, 1336], [450], [50, 100, 150], [1000], [697, 1477]])
def test_tones_are_no_speech(hertz: list[float]) -> None:
    activity = VoiceActivity()
    speech_ms(activity, bytes(16 * 1000))
    assert speech_ms(activity, tones(hertz, 2000)) <= 100
