"""The recipe's text side: templates, numbers, vocabulary, the language model, and that the evaluation stays unseen."""

import io
import math
import re
from random import Random

import pytest

from asr_models.evaluate_demo import read_sentences
from asr_models.phonetics import is_syllable
from asr_models.train import corpus
from asr_models.train.corpus import Vocabulary, build_text, drawn_sentences, written_texts
from asr_models.train.grammar import Grammar
from asr_models.train.language import END, START, LanguageModel
from asr_models.train.phones import OUTPUT_COUNT, PHONE_IDS, in_word, phones_of
from asr_models.train.places import MADE, divisions, place_names, spell


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
    vocabulary = Vocabulary(lines[::4], 12_000)
    words = set(vocabulary.words)
    assert {"公积金", "赤坎区", "人民大道", "幺", "煤气"} <= words
    unknown = sum(not words.issuperset(sentence) for sentence in vocabulary.sentences)
    assert unknown < 0.01 * len(vocabulary.sentences)
    ways = corpus.ways_to_say(vocabulary.words)
    heard = {way[0].rstrip("12345") for word, all_ways in ways.items() if len(word) == 1 for way in all_ways}
    common = {"zhan", "jiang", "chi", "kan", "qiong", "lv", "nv", "xue", "er", "weng", "jiong", "shuang", "chuo"}
    assert common <= heard
    assert len(heard) > 380
    assert all(is_syllable(one) for all_ways in ways.values() for way in all_ways for one in way)


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
    assert OUTPUT_COUNT == 1 + 21 + 2 * 37
    assert len(set(PHONE_IDS.values())) == len(PHONE_IDS) == 1 + 4 * (21 + 37)
    assert phones_of(("shi4", "min2")) == ("sh", "iii", "m", "in")
    assert [name for name, _ in in_word(("sh", "iii", "m", "in"))] == ["sh", "iii", "m", "in"]
    assert in_word(("er",)) == [("er", PHONE_IDS["er_S"])]
    assert in_word(("sh", "iii"))[1] == ("iii", PHONE_IDS["iii_E"])
