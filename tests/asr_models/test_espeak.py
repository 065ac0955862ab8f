"""The synthesiser in its own process says Mandarin and where each sound begins."""

import pytest

from asr_models.espeak import VOICE, Espeak, SpeechFailed, espeak_text
from asr_models.phonetics import espeak_spelling, syllables


def test_every_syllable_is_found_in_the_speech() -> None:
    said = [espeak_spelling(one) for one in syllables("琼海市的绿化带女儿")]
    with Espeak("loader", VOICE) as voice:
        spoken = voice.speak(espeak_text(said, frozenset({2})))
        faster = voice.speak(espeak_text(said), rate=250)
    assert {phone.syllable for phone in spoken.phones} == set(range(len(said)))
    assert [phone.sample for phone in spoken.phones] == sorted(phone.sample for phone in spoken.phones)
    assert len(faster.samples) < 0.8 * len(spoken.samples)


def test_speech_that_falls_into_english_is_refused() -> None:
    with Espeak("loader", VOICE) as voice:
        with pytest.raises(SpeechFailed, match="别的语言"):
            voice.speak("xiong2")
        assert len(voice.speak("ni2 hao3").samples) > 5000


def test_a_process_that_died_is_started_anew() -> None:
    with Espeak("loader", VOICE) as voice:
        voice.speak("ni2 hao3")
        assert voice._process is not None
        voice._process.kill()
        voice._process.wait()
        assert len(voice.speak("ni2 hao3").samples) > 5000
