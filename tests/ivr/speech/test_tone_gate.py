import numpy as np
import pytest

from ivr.speech.tone_gate import CONFIRM_FRAMES, ToneGate, ToneStripper, as_samples

FRAME_BYTES = 320
_RANDOM = np.random.default_rng(11)


def wave(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return (samples * 32767).clip(-32768, 32767).astype("<i2").tobytes()


def tone(hertz: list[float], ms: int) -> bytes:
    moment = np.arange(ms * 8) / 8000
    return wave(np.sum([0.2 * np.sin(2 * np.pi * hz * moment) for hz in hertz], axis=0))


def noise(ms: int) -> bytes:
    return wave(_RANDOM.normal(0, 0.1, ms * 8))


def through(*pieces: bytes) -> tuple[bytes, ToneStripper]:
    stripper = ToneStripper()
    pcm = b"".join(pieces)
    out = [stripper.feed(pcm[start : start + FRAME_BYTES]) for start in range(0, len(pcm), FRAME_BYTES)]
    return b"".join([*out, stripper.flush()]), stripper


def test_sound_that_is_no_tone_passes_unchanged() -> None:
    pcm = noise(1000)
    out, stripper = through(pcm)
    assert out == pcm
    assert stripper.voiced_ms == pytest.approx(1000, abs=40)


@pytest.mark.parametrize("hertz", [[941, 1336], [697, 1209], [450], [50, 100], [1004]])
def test_tones_become_silence(hertz: list[float]) -> None:
    out, stripper = through(bytes(3200), tone(hertz, 1000), bytes(3200))
    left = np.count_nonzero(np.frombuffer(out, dtype="<i2")) / 8
    assert left <= 60
    assert stripper.voiced_ms <= 60


def test_length_is_kept_and_speech_after_a_tone_is_heard() -> None:
    speech = noise(600)
    out, _ = through(tone([770, 1477], 400), speech)
    assert len(out) == 16 * 1000
    assert out.endswith(speech[-FRAME_BYTES * 20 :])


def test_a_piece_of_a_frame_is_filled_up() -> None:
    assert len(ToneStripper().feed(bytes(100)) + b"") == 0
    stripper = ToneStripper()
    assert len(stripper.feed(bytes(FRAME_BYTES + 10)) + stripper.flush()) == 2 * FRAME_BYTES


def test_what_is_no_tone_is_held_back_for_one_frame_only() -> None:
    stripper = ToneStripper()
    pcm = noise(400)
    out = b"".join(stripper.feed(pcm[start : start + FRAME_BYTES]) for start in range(0, len(pcm), FRAME_BYTES))
    assert out == pcm[:-FRAME_BYTES]


def test_the_100_ms_before_a_tone_is_certain_are_silent_too_and_nothing_else_is() -> None:
    pieces = [noise(200), tone([941, 1336], 60), noise(100), tone([450], 300), bytes(1600), tone([1004], 90), noise(40)]
    pcm = b"".join([*pieces, *pieces[::-1]])
    frames = [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]
    gate = ToneGate()
    tones = [gate.frame(as_samples(frame)) for frame in frames]
    assert sum(tones) >= 20
    wanted = [bytes(FRAME_BYTES) if any(tones[at : at + CONFIRM_FRAMES + 1]) else one for at, one in enumerate(frames)]
    assert through(pcm)[0] == b"".join(wanted)
