"""What the measurement of the demonstration model says, and in which conditions it is taken."""

import json

import numpy as np
import pytest

from asr_models.evaluate_demo import LISTS, Condition, Sentence, conditions, evaluate, main, read_sentences, say
from asr_models.library import shipped

ONE = [Sentence("我要投诉楼下工地半夜施工", "", 165, 50)]


def _samples(condition: Condition) -> "np.ndarray":
    _, pcm = next(say(ONE, condition))
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def test_the_table_covers_laws_rates_noises_and_lost_packets() -> None:
    rows = conditions()
    assert {row.law for row in rows} == {"alaw", "mulaw", "linear"}
    assert {row.noise for row in rows if row.noise} == {"white", "street", "hum", "music", "babble"}
    assert {row.rate for row in rows if row.rate} == {120, 160, 200, 240}
    assert len(rows) == len(set(rows))


def test_a_condition_changes_what_is_sent() -> None:
    plain = _samples(Condition())
    assert np.array_equal(plain, _samples(Condition()))
    assert len(_samples(Condition(rate=100))) > 1.2 * len(plain)
    assert not np.array_equal(plain, _samples(Condition(law="mulaw")))
    quiet = slice(0, 2000)
    noisy = _samples(Condition(noise="white", snr_db=10.0))
    assert np.std(noisy[quiet]) > 10 * np.std(plain[quiet])
    assert np.sum(_samples(Condition(loss=0.2)) == 0) > np.sum(plain == 0) + 1000


def test_errors_are_counted_with_and_without_what_only_writing_tells() -> None:
    report = evaluate(shipped().path, ONE)
    assert report.sentences == 1
    assert report.syllable_errors <= report.cer + 1e-9
    assert 0 <= report.alike_worst <= report.alike_mean <= 1


def test_json_is_one_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("asr_models.evaluate_demo.read_sentences", lambda *names: ONE)
    assert main(["--json", "--list", "bot", "--noise", "street", "--snr", "10"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["condition"]["noise"] == "street"
    assert document["bot"]["sentences"] == 1
    assert document["table"] == []


def test_every_list_is_read() -> None:
    assert {name: len(read_sentences(name)) for name in LISTS} == {"citizens": 100, "bot": 30, "development": 118}
