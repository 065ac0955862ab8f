"""The demonstration model as shipped: small, honest about itself, loads, and hears the bot's own voice."""

import json

import numpy as np
import pytest
import vosk

from asr_models.disturbance import noise
from asr_models.evaluate_demo import Sentence, evaluate, read_sentences, say
from asr_models.library import shipped
from asr_models.telephone import RATE

MODEL = shipped().path


@pytest.fixture(scope="module")
def model() -> "vosk.Model":
    vosk.SetLogLevel(-1)
    return vosk.Model(str(MODEL))


def test_it_is_small_and_says_that_it_is_a_demonstration() -> None:
    assert sum(file.stat().st_size for file in MODEL.rglob("*") if file.is_file()) < 14_000_000
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    for said in ("演示", "合成语音", "听不懂真人", "asr install"):
        assert said in card


@pytest.mark.slow
def test_it_hears_unseen_sentences_in_unseen_voices_and_in_the_bots() -> None:
    """Every fifth sentence of the evaluation; the whole is ``python -m asr_models.evaluate_demo``."""
    assert evaluate(MODEL, read_sentences("citizens")[::5]).cer <= 0.1
    assert evaluate(MODEL, read_sentences("bot")[::3]).cer <= 0.1


@pytest.mark.parametrize("text", ["人工", "煤气泄漏", "赤坎区海滨大道", "我要投诉", "公积金怎么提取", "再说一遍"])
def test_it_hears_what_matters_most(text: str) -> None:
    report = evaluate(MODEL, [Sentence(text, "", 165, 50), Sentence(text, "f4", 170, 50)])
    assert report.cer == 0, report.heard


def test_words_come_while_one_speaks_and_no_end_is_decided_by_vosk(model: "vosk.Model") -> None:
    _, pcm = next(say([Sentence("我要投诉楼下工地半夜施工", "", 165, 50)]))
    recogniser = vosk.KaldiRecognizer(model, RATE)
    partials = []
    for start in range(0, len(pcm), 320):
        assert not recogniser.AcceptWaveform(pcm[start : start + 320])
        partials.append(json.loads(recogniser.PartialResult())["partial"])
    assert any(partial and "施工" not in partial for partial in partials)
    assert not any(recogniser.AcceptWaveform(bytes(1600)) for _ in range(30))
    assert "施工" in json.loads(recogniser.FinalResult())["text"]


def test_hints_narrow_what_is_heard(model: "vosk.Model") -> None:
    _, pcm = next(say([Sentence("是的", "", 165, 50)]))
    recogniser = vosk.KaldiRecognizer(model, RATE, json.dumps(["是 的", "不 是", "人工"], ensure_ascii=False))
    recogniser.AcceptWaveform(pcm)
    assert json.loads(recogniser.FinalResult())["text"].replace(" ", "") == "是的"


def test_what_a_grammar_does_not_hold_is_unknown(model: "vosk.Model") -> None:
    words = json.dumps(["是 的", "不 是", "没有", "人工", "[unk]"], ensure_ascii=False)
    heard = {}
    for sentence, pcm in say(
        [Sentence(text, "", 165, 50) for text in ("是的", "没有", "公积金", "楼下水果店卖的榴莲")]
    ):
        recogniser = vosk.KaldiRecognizer(model, RATE, words)
        recogniser.AcceptWaveform(pcm)
        heard[sentence.text] = json.loads(recogniser.FinalResult())["text"].replace(" ", "")
    assert (heard["是的"], heard["没有"]) == ("是的", "没有")
    assert heard["公积金"] == heard["楼下水果店卖的榴莲"] == "[unk]"


@pytest.mark.parametrize(
    ("kind", "levels"), [("white", (300, 3000)), ("street", (300, 3000)), ("music", (300, 3000)), ("hum", (300,))]
)
def test_what_is_no_speech_is_heard_as_nothing(model: "vosk.Model", kind: str, levels: tuple[int, ...]) -> None:
    """Loud hum still becomes a character; the node strips it before it gets here."""
    signal = noise(kind, 3 * RATE, np.random.default_rng(7))
    for level in levels:
        loud = np.clip(signal / np.sqrt(np.mean(signal**2)) * level, -32768, 32767)
        recogniser = vosk.KaldiRecognizer(model, RATE)
        recogniser.AcceptWaveform(loud.astype("<i2").tobytes())
        assert json.loads(recogniser.FinalResult())["text"] == ""


@pytest.mark.parametrize("answer", ["对", "不对", "是的", "不是", "没有", "好的", "可以"])
def test_short_answers_are_heard_alone(answer: str) -> None:
    report = evaluate(MODEL, [Sentence(answer, "", 165, 50), Sentence(answer, "m3", 180, 45)])
    assert report.cer == 0, report.heard


def test_silence_is_heard_as_nothing(model: "vosk.Model") -> None:
    recogniser = vosk.KaldiRecognizer(model, RATE)
    recogniser.AcceptWaveform(bytes(2 * RATE * 3))
    assert json.loads(recogniser.FinalResult())["text"] == ""


@pytest.mark.parametrize("word", ["湛江市", "赤坎区", "霞山区", "琼海市", "海口市", "公积金", "幺", "煤气", "人工"])
def test_its_vocabulary_knows_the_city_and_the_trade(model: "vosk.Model", word: str) -> None:
    assert model.vosk_model_find_word(word) >= 0
