"""What is no voice is kept from the recogniser, and what is left out is remembered."""

import numpy as np

from ivr.speech.quiet_gate import AFTER_FRAMES, BEFORE_FRAMES, FRAME_BYTES, PAUSE_FRAMES, QuietGate
from tests.ivr.speech.sounds import Sound, coloured, moments, noise, pcm


def voice(seconds: float) -> Sound:
    """Something with a voice's pitch that moves as a voice's does."""
    moment = moments(seconds)
    hertz = 140 + 30 * np.sin(2 * np.pi * 2.3 * moment)
    phase = 2 * np.pi * np.cumsum(hertz) / 8000
    return sum((np.sin(number * phase) / number for number in range(1, 20)), 0 * moment)


def through(gate: QuietGate, sound: bytes) -> bytes:
    given = [gate.feed(sound[start : start + FRAME_BYTES]) for start in range(0, len(sound), FRAME_BYTES)]
    return b"".join([*given, gate.flush()])


def test_noise_without_a_voice_is_a_short_pause() -> None:
    for sound in (noise(3, seed=1), coloured(3, slope=0.5, seed=2)):
        gate = QuietGate()
        assert through(gate, pcm(sound)) == bytes(PAUSE_FRAMES * FRAME_BYTES)
        assert not gate.evidence.has_voice


def test_a_voice_goes_through_unchanged_with_what_is_around_it() -> None:
    gate = QuietGate()
    quiet, spoken = pcm(noise(2, seed=1), level_dbfs=-60), pcm(voice(1))
    given = through(gate, quiet + spoken + quiet)
    assert spoken in given
    assert gate.evidence.has_voice
    most = PAUSE_FRAMES + BEFORE_FRAMES + 50 + AFTER_FRAMES + PAUSE_FRAMES
    assert 50 * FRAME_BYTES <= len(given) <= (most + 4) * FRAME_BYTES


def test_moments_are_those_of_the_utterance_and_not_of_what_was_passed_on() -> None:
    gate = QuietGate()
    quiet, spoken = pcm(noise(2, seed=1), level_dbfs=-60), pcm(voice(1))
    given = through(gate, quiet + spoken + quiet + spoken)
    first, second = given.index(spoken), given.rindex(spoken)
    assert gate.heard_at(first // 16) == 2000
    assert gate.heard_at(second // 16) == 5000
