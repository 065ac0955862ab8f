import json
from pathlib import Path

import pytest

from ivr.speech.grammar import ANYTHING_ELSE, LONGEST_PHRASE, MOST_PHRASES, Grammars


class _Model:
    """A model's vocabulary."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def vosk_model_find_word(self, word: str) -> int:
        return self._words.index(word) if word in self._words else -1


KNOWN = _Model(ANYTHING_ELSE, "不", "对", "不对", "公积金", "提取", "二", "零", "四", "年")


def phrases(hints: object) -> list[str] | None:
    grammar = Grammars(KNOWN).grammar(hints)
    return None if grammar is None else json.loads(grammar)


def test_phrases_are_split_into_the_models_words() -> None:
    grammars = Grammars(KNOWN)
    assert grammars.split("公积金提取") == "公积金 提取"
    assert grammars.split("不对") == "不对"
    assert grammars.split("哈利波特") is None
    assert grammars.split("") is None


def test_a_grammar_holds_only_words_that_the_model_knows() -> None:
    assert phrases(["不对", "哈利波特", "公积金 提取", "", "不对"]) == ["不对", "公积金 提取", ANYTHING_ELSE]
    assert phrases(("《公积金》提取？", "2024年")) == ["二 零 二 四 年", "公积金 提取", ANYTHING_ELSE]


@pytest.mark.parametrize(
    "hints", [[], None, "对", 7, {"对": 1}, [None, 3, ["对"]], ["哈利波特"], ["对" * (LONGEST_PHRASE + 1)]]
)
def test_never_an_empty_grammar(hints: object) -> None:
    assert phrases(hints) is None


def test_a_grammar_stays_small() -> None:
    many = ["对" * (1 + number % 40) + "不" * (number // 40) for number in range(600)]
    assert len(phrases(many) or ()) == MOST_PHRASES + 1


def test_a_model_without_a_word_for_everything_else_is_not_guided() -> None:
    assert Grammars(_Model("对")).grammar(["对"]) is None


def test_a_model_with_a_fixed_graph_is_not_guided(tmp_path: Path) -> None:
    assert Grammars(KNOWN, tmp_path).grammar(["对"]) is None
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "Gr.fst").touch()
    assert Grammars(KNOWN, tmp_path).grammar(["对"]) is not None
