"""Whether two questions that could not be answered ask the same, so that the gap board shows one row and not two.

What both ask counts for them; a telling word on either side that the other lacks (医保断缴 and 社保断缴, 六十岁 and 五十岁)
counts against them, more than when only one side says more. Words count by how rare they are. The same sounds in the same
order are the same question misheard.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

SAME: Final = 0.6
"""The least likeness of what is grouped.

Measured on tests/knowledge/data/gap_pairs.yaml: 20 of 32 pairs that ask the same are grouped and none of 32 that do not (the likest: 0.55). What is not grouped
is a second row for an editor; what is grouped wrongly hides a question.
"""
_SAME_SOUND: Final = 0.95
"""Share of sounds in common from which one question is the other, misheard."""
_EXCHANGED: Final = 2.0
"""Weight of what each side has and the other lacks."""
_ADDED: Final = 0.4
"""Weight of what the longer side says more."""
_COMMON: Final = 20.0
"""Occurrences in the dictionary's corpus at and below which a word is as rare as can be."""
_ID_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Signature:
    """A question without its words: keyed hashes of its terms. ``words``: with their weights, 0…1."""

    words: Mapping[str, float]
    sounds: frozenset[str]

    def to_json(self) -> list[Any]:
        return [[[term, weight] for term, weight in self.words.items()], sorted(self.sounds)]

    @classmethod
    def from_json(cls, raw: list[Any]) -> "Signature":
        words, sounds = raw or ((), ())
        return cls({str(term): float(weight) for term, weight in words}, frozenset(sounds))


def signature(text: str, key: Callable[[str], str]) -> Signature:
    """The signature of ``text``; ``key`` hashes a term (``Vault.key``), so that no words can be read out of it."""
    from knowledge.text import (
        analyse,  # its dictionaries take most of a second; a gateway that restarts has none to spare
    )

    terms = analyse(text)
    return Signature(
        {key(f"word:{word}")[:_ID_DIGITS]: _weight(word) for word in terms.words},
        frozenset(key(f"sound:{sound}")[:_ID_DIGITS] for sound in terms.sounds),
    )


def likeness(one: Signature, other: Signature) -> float:
    """0: nothing in common; 1: the same question."""
    if _sounds_the_same(one.sounds, other.sounds):
        return 1.0
    shared = sum(weight for term, weight in one.words.items() if term in other.words)
    if not shared:
        return 0.0
    left, right = sum(one.words.values()) - shared, sum(other.words.values()) - shared
    less, more = max(0.0, min(left, right)), max(left, right)
    return shared / (shared + _EXCHANGED * less + _ADDED * more)


def _sounds_the_same(one: frozenset[str], other: frozenset[str]) -> bool:
    together = len(one) + len(other)
    return together > 0 and 2 * len(one & other) / together >= _SAME_SOUND


@lru_cache(maxsize=20_000)
def _weight(word: str) -> float:
    """How telling a word is: 1 for one hardly ever written, near 0 for one in every sentence."""
    from knowledge.text import commonness

    times, total = commonness(word)
    return round((math.log(total / (times + _COMMON)) / math.log(total / _COMMON)) ** 2, 4)
