"""Keys of one text as the index of many has them."""

import numpy as np
import pytest

from knowledge.kinds import code_points, distinct, keys_of, pair_keys, sound_numbers, word_key
from knowledge.text import analyse


@pytest.mark.parametrize("text", ["身份证丢了怎么补办", "证", "停水停水停水", "1234567 abc 怎么办", ""])
def test_a_question_has_the_keys_that_the_index_has(text: str) -> None:
    terms = analyse(text)
    points = code_points(terms.plain)
    length = np.array([len(points)])
    assert keys_of("chars", terms.words, terms.plain).tolist() == sorted(set(points.tolist()))
    assert keys_of("words", terms.words, terms.plain).tolist() == sorted(word_key(word) for word in terms.words)
    for kind, items in (("grams", points), ("sounds", sound_numbers(points))):
        pairs = pair_keys(items, length)[0] if len(points) else points
        assert keys_of(kind, terms.words, terms.plain).tolist() == sorted(set(pairs.tolist()))


def test_distinct_keys_are_sorted() -> None:
    keys = np.array([5, 3, 5, 2**63, 3], np.uint64)
    assert distinct(keys).tolist() == [3, 5, 2**63]
    assert len(distinct(keys[:0])) == 0
