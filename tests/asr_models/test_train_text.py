"""The recipe's text side: templates, numbers, vocabulary, the language model, and that the evaluation stays unseen."""

import hashlib
import io
import math
import re
from random import Random

import pytest

from asr_models.evaluate_demo import LISTS, read_sentences
from asr_models.phonetics import is_syllable
from asr_models.train import corpus
from asr_models.train.corpus import Vocabulary, build_text, drawn_sentences, written_texts
from asr_models.train.grammar import Grammar
from asr_models.train.language import END, START, LanguageModel
from asr_models.train.lexicon import lexicon
from asr_models.train.phones import OUTPUT_COUNT, OUTPUTS, PHONE_IDS, STATE_OF, TONE_OF, in_word, phones_of
from asr_models.train.places import MADE, divisions, place_names, spell

FROZEN = {
    "citizens": "18942f6b4e0afa7df0116752c98b08db4d69f3d2e879d61fe2b55d5ac1eb2352",
    "bot": "08ee23ee067af0e8e1ce995829392efe6033b73c1f5322ab19be88b3d22ba587",
}


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What the language model would be made of now, with fewer drawn sentences; all knowledge as it stands."""
    return build_text(12_000, seed=1)[0]


def test_no_run_of_the_evaluation_stands_in_the_text(lines: list[str]) -> None:
    unseen = "\n".join(re.sub(r"\W", "", sentence.text) for sentence in read_sentences())
    everything = {line[start : start + 6] for line in lines for start in range(len(line) - 5)}
    seen = [unseen[start : start + 6] for start in range(len(unseen) - 5)]
    assert not [run for run in seen if "\n" not in run and run in everything]


def test_a_line_that_gives_the_evaluation_away_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    given_away = read_sentences("citizens")[0].text
    monkeypatch.setattr(corpus, "written_texts", lambda: ([f"请问{given_away}呢", "公积金怎么提取"], []))
    kept, left_out = build_text(100, seed=1)
    assert left_out >= 1
    assert "公积金怎么提取" in kept
    assert not [line for line in kept if given_away in line]


def test_the_evaluation_is_large_enough_and_speaks_in_unseen_voices() -> None:
    citizens = read_sentences("citizens")
    assert len({sentence.text for sentence in citizens}) == 100
    assert len({sentence.variant for sentence in citizens}) >= 6
    assert all(sentence.variant for sentence in citizens)


def test_development_sentences_are_neither_the_evaluations_nor_in_its_voices() -> None:
    development, measured = read_sentences("development"), read_sentences("citizens", "bot")
    assert len(development) >= 100
    unseen = {run for sentence in measured for run in corpus.runs(sentence.text)}
    assert not [sentence.text for sentence in development if corpus.runs(sentence.text) & unseen]
    assert not {one.variant for one in development} & {one.variant for one in measured}


def test_the_lists_that_were_measured_stay_as_they_are() -> None:
    """Figures of different days can be compared only over the same sentences."""
    for name, digest in FROZEN.items():
        assert hashlib.sha256(LISTS[name].read_bytes()).hexdigest() == digest, name


def test_drawn_sentences_are_many_and_repeat_from_a_seed() -> None:
    drawn = drawn_sentences(30_000, seed=1)
    assert len(set(drawn)) >= 20_000
    assert drawn[:200] == drawn_sentences(30_000, seed=1)[:200]
    assert not [line for line in drawn if re.search(r"[^一-鿿〇]", line)]
    said = "".join(drawn)
    for phrase in ("煤气泄漏", "转人工", "再说一遍", "工作日", "幺", "赤坎区", "我要投诉"):
        assert phrase in said


def test_the_knowledge_base_and_the_rulebooks_are_read() -> None:
    knowledge, rules = written_texts()
    assert len(knowledge) > 1000
    assert any("湛江" in line for line in rules)
    assert not [line for line in knowledge if re.search(r"[\dA-Za-z，。]", line)]


def test_templates_choose_and_fill() -> None:
    grammar = Grammar({"thing": ("社保{sort}",), "sort": ("卡",)}, {"n": lambda draw: "三"}, Random(1))  # noqa: S311 - text, no secret
    assert {grammar.sentence("(我|我们)要办{thing}({n}张|)") for _ in range(50)} == {
        "我要办社保卡", "我们要办社保卡", "我要办社保卡三张", "我们要办社保卡三张"
    }  # fmt: skip
    with pytest.raises(KeyError):
        grammar.sentence("{none}")


def test_divisions_of_the_four_cities_are_known() -> None:
    names = place_names()
    assert {"湛江市", "赤坎区", "霞山区", "麻章区", "坡头区", "雷州市", "廉江市", "吴川市", "遂溪县", "徐闻县"} <= names
    assert {"海口市", "琼海市", "龙华区", "海东市", "乐都区"} <= names
    assert all(division.town for division in divisions())
    assert {one.city for one in divisions()} == {"湛江市", "海口市", "琼海市", "海东市"}


def test_numbers_are_drawn_in_characters() -> None:
    draw = Random(3)  # noqa: S311 - text, no secret
    for name, make in MADE.items():
        for _ in range(30):
            assert re.fullmatch(r"[一-鿿〇]*", make(draw)), name
    assert spell("12345", telephone=True) == "幺二三四五"


def test_the_vocabulary_covers_the_text_and_every_syllable(lines: list[str]) -> None:
    vocabulary = Vocabulary(lines[::4], 14_000)
    words = set(vocabulary.words)
    assert {"公积金", "赤坎区", "人民大道", "幺", "煤气"} <= words
    unknown = sum(not words.issuperset(sentence) for sentence in vocabulary.sentences)
    assert unknown < 0.01 * len(vocabulary.sentences)
    readings = lexicon(vocabulary.words, vocabulary.sentences)
    assert set(readings) == words
    heard = {reading[0].rstrip("12345") for word, ways in readings.items() if len(word) == 1 for reading, _ in ways}
    common = {"zhan", "jiang", "chi", "kan", "qiong", "lv", "nv", "xue", "er", "weng", "jiong", "shuang", "chuo"}
    assert common <= heard
    assert len(heard) > 380
    assert all(is_syllable(one) for ways in readings.values() for reading, _ in ways for one in reading)
    assert all(ways[0][1] == min(cost for _, cost in ways) for ways in readings.values())


def test_words_are_said_as_in_running_speech() -> None:
    sentences = [("银行", "你好"), ("行", "不", "行")]
    found = lexicon(["银行", "你好", "行", "不", "不对", "一", "小老板"], sentences)
    assert [reading for reading, _ in found["银行"]] == [("yin2", "hang2")]
    assert found["你好"] == [(("ni2", "hao3"), 0.0), (("ni2", "hao2"), 0.7)], "last third tone before another"
    assert found["小老板"][0][0] == ("xiao2", "lao2", "ban3")
    assert found["行"][0][0] == ("xing2",)
    assert ("hang2",) in [reading for reading, _ in found["行"]]
    assert {("bu4",), ("bu2",)} <= {reading for reading, cost in found["不"] if cost == 0}
    assert {reading for reading, _ in found["一"]} == {("yi1",), ("yi2",), ("yi4",)}
    assert found["不对"][0][0] == ("bu2", "dui4")


def test_how_the_text_reads_a_word_decides_what_it_costs() -> None:
    usual = lexicon(["重"], [("重", "新"), ("重", "庆")])["重"]
    assert usual[0] == (("chong2",), 0.0)
    assert lexicon(["重"], [("很", "重")])["重"][0] == (("zhong4",), 0.0)


def test_probabilities_add_up_and_prefer_what_was_seen() -> None:
    sentences = [("我", "要", "投诉"), ("我", "要", "投诉"), ("我", "要", "咨询"), ("投诉", "物业")]
    general = dict.fromkeys(("我", "要", "投诉", "咨询", "物业", "天气"), 1.0)
    model = LanguageModel(sentences, general, pruning=0.1)
    for history in ((), (START,), ("我",), ("我", "要"), ("天气",), ("物业", "我")):
        total = sum(model.probability(word, history) for word in (*general, END))
        assert total == pytest.approx(1, abs=0.02)
    assert model.probability("投诉", ("我", "要")) > model.probability("咨询", ("我", "要"))
    assert model.probability("咨询", ("我", "要")) > model.probability("天气", ("我", "要")) > 0


def test_the_acceptor_gives_the_models_probabilities() -> None:
    sentences = [("我", "要", "投诉"), ("我", "要", "咨询"), ("投诉", "物业")] * 3
    general = dict.fromkeys(("我", "要", "投诉", "咨询", "物业"), 1.0)
    model = LanguageModel(sentences, general, pruning=0.1)
    ids = {word: number for number, word in enumerate(general, 1)}
    sink = io.StringIO()
    model.write(sink, ids)
    arcs: dict[int, dict[int, tuple[int, float]]] = {}
    for line in sink.getvalue().splitlines():
        parts = line.split("\t")
        if len(parts) == 5:
            arcs.setdefault(int(parts[0]), {})[int(parts[2])] = (int(parts[1]), float(parts[4]))
    state, cost = 0, 0.0
    for label in (0, ids["我"], ids["要"], ids["投诉"]):
        state, spent = arcs[state][label]
        cost += spent
    expected = (
        model.probability("我", (START,))
        * model.probability("要", (START, "我"))
        * model.probability("投诉", ("我", "要"))
    )
    assert math.exp(-cost) == pytest.approx(expected, rel=1e-3)


def test_every_sound_has_its_output_and_its_place_in_a_word() -> None:
    assert OUTPUT_COUNT == 2 + 21 + 2 * 5 * 37
    assert len(set(PHONE_IDS.values())) == len(PHONE_IDS) == 2 + 4 * (21 + 5 * 37)
    assert phones_of(("shi4", "min2")) == ("sh", "iii4", "m", "in2")
    assert [name for name, _ in in_word(("sh", "iii4", "m", "in2"))] == ["sh", "iii4", "m", "in2"]
    assert in_word(("er2",)) == [("er2", PHONE_IDS["er2_S"])]
    assert in_word(("sh", "iii4"))[1] == ("iii4", PHONE_IDS["iii4_E"])
    with pytest.raises(ValueError, match="声调"):
        phones_of(("shi",))


def test_an_output_is_a_state_and_a_tone() -> None:
    assert sorted(output for outputs in OUTPUTS.values() for output in outputs) == list(range(OUTPUT_COUNT))
    first, second = OUTPUTS["ang3"]
    other_first, other_second = OUTPUTS["ang4"]
    assert (STATE_OF[first], STATE_OF[second]) == (STATE_OF[other_first], STATE_OF[other_second])
    assert len({TONE_OF[one] for one in (first, second, other_first, other_second)}) == 4
    assert TONE_OF[OUTPUTS["i3"][0]] == TONE_OF[first]
    assert {TONE_OF[OUTPUTS[sound][0]] for sound in ("sil", "noise", "sh")} == {0}
