"""The baselines against what their formulas give by hand."""

import math

import numpy as np
import pytest

from benchmarks.lexical_baselines import K1, B, Bm25, TfIdf, jieba_words, one_and_two_grams

TEXTS = ["红花", "红花红", "绿叶"]


def letters(text: str) -> list[str]:
    return list(text)


def test_grams_are_characters_and_pairs_without_punctuation() -> None:
    assert one_and_two_grams("Ａ身份，证") == ["a", "身", "份", "证", "a身", "身份", "份证"]


def test_words_are_jiebas() -> None:
    assert jieba_words("公积金怎么提取？") == ["公积金", "怎么", "提取"]


def test_tf_idf_is_the_cosine() -> None:
    idf_red = math.log(4 / 3) + 1
    one = np.array([idf_red, idf_red]) / math.hypot(idf_red, idf_red)
    two = np.array([2 * idf_red, idf_red]) / math.hypot(2 * idf_red, idf_red)
    scores = TfIdf(TEXTS, letters).scores("红花")
    assert scores == pytest.approx([1.0, float(one @ two), 0.0])


def test_unknown_terms_do_not_count() -> None:
    assert TfIdf(TEXTS, letters).scores("红花天") == pytest.approx(TfIdf(TEXTS, letters).scores("红花"))
    assert not TfIdf(TEXTS, letters).scores("天地").any()
    assert not Bm25(TEXTS, letters).scores("天地").any()


def test_bm25_is_okapis() -> None:
    average = 7 / 3

    def part(count: int, holding: int, length: int) -> float:
        idf = math.log(1 + (3 - holding + 0.5) / (holding + 0.5))
        return idf * count * (K1 + 1) / (count + K1 * (1 - B + B * length / average))

    scores = Bm25(TEXTS, letters).scores("红花")
    assert scores == pytest.approx([part(1, 2, 2) + part(1, 2, 2), part(2, 2, 3) + part(1, 2, 3), 0.0])
    assert Bm25(TEXTS, letters).scores("红红") == pytest.approx([2 * part(1, 2, 2), 2 * part(2, 2, 3), 0.0])


def test_the_right_text_comes_first() -> None:
    texts = ["身份证丢了怎么补", "公积金怎么提取", "居住证去哪里办"]
    for baseline in (TfIdf(texts), Bm25(texts)):
        assert int(np.argmax(baseline.scores("我的身份证掉了怎么补办"))) == 0
        assert int(np.argmax(baseline.scores("提取公积金"))) == 1
