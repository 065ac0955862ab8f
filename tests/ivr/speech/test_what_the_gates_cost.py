"""What is done to the sound before it is recognised takes next to nothing from what is recognised."""

from pathlib import Path

import vosk

from asr_models.evaluate_demo import read_sentences, say
from asr_models.library import shipped
from asr_models.measure import errors, transcribe
from ivr.speech.grammar import Grammars
from ivr.speech.recogniser_worker import Session

MOST_ADDED = 0.02
"""Character error rate that the gates may add on unseen voices, among them a high one whose vowels are nearly tones."""


def test_unseen_voices_are_heard_as_well_through_the_gates_as_without() -> None:
    vosk.SetLogLevel(-1)
    path: Path = shipped().path
    model = vosk.Model(str(path))
    session = Session(model, Grammars(model, path))
    gated = bare = length = 0
    for sentence, pcm in say(read_sentences("citizens")[::8]):
        session.begin(())
        for start in range(0, len(pcm), 1600):
            session.feed(pcm[start : start + 1600])
        wrong, characters = errors(sentence.text, session.finish()["text"])
        gated, length = gated + wrong, length + characters
        bare += errors(sentence.text, transcribe(model, pcm, 8000))[0]
    assert (gated - bare) / length <= MOST_ADDED
