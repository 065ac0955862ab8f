"""Choosing among offered answers by number, key, title, and as it sounds."""

import pytest

from dialog.contract import Choice
from dialog.spoken_choice import chosen

CHOICES = [Choice("1", "购房提取公积金"), Choice("2", "租房提取公积金"), Choice("3", "退休提取公积金")]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1", "1"),
        ("第二个", "2"),
        ("我选第三个吧", "3"),
        ("两", "2"),
        ("最后一个", "3"),
        ("租房提取公积金", "2"),
        ("租 房 提取 公鸡 金", "2"),
    ],
)
def test_a_choice_is_understood(text: str, key: str) -> None:
    assert chosen(text, CHOICES) == key


@pytest.mark.parametrize("text", ["公积金", "身份证丢了怎么办", "都不是", ""])
def test_other_words_choose_nothing(text: str) -> None:
    assert chosen(text, CHOICES) is None


def test_nothing_offered_nothing_chosen() -> None:
    assert chosen("第一个", []) is None


def test_a_number_beyond_what_was_offered() -> None:
    assert chosen("第三个", CHOICES[:2]) is None
