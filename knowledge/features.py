"""What speaks for an entry being the answer to a question, as numbers from 0 to 1."""

from dataclasses import dataclass
from typing import Final

from knowledge.index import Index, Way
from knowledge.text import Terms

FEATURES: Final = (
    "words",
    "words_second",
    "grams",
    "grams_second",
    "sounds",
    "word_cover",
    "gram_cover",
    "sound_cover",
    "body_cover",
    "title_words",
    "title_grams",
    "whole",
    "evidence",
)
"""Of an entry: likeness of words, character pairs and sounds to its most and second most similar way of asking; share of
the question's weight that its ways together hold, or its answer; likeness to its own question; likeness of its best way
in words and pairs at once; log-likelihood of the words, scaled."""

NONE_FEATURES: Final = ("bias", "unknown_words", "unknown_grams", "thin")
"""Of the question alone, for there being no answer: a constant; the share of its words' and pairs' weight that no entry
holds; how few telling words it has."""

_MUCH_EVIDENCE: Final = 20.0
"""Log-likelihood ratio that counts as 1: about four telling words."""
_FULL: Final = 3.0
"""Known words of a question that is not thin."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The features of the candidates of one question. ``positions``: in ``Index.indexed``."""

    positions: tuple[int, ...]
    rows: tuple[tuple[float, ...], ...]
    none: tuple[float, ...]


def compare(index: Index, terms: Terms) -> Compared:
    """Compare a question with the entries that the index finds for it."""
    positions = index.candidates(terms)
    asked = Way(index.words.vector(terms.words), index.grams.vector(terms.grams), index.sounds.vector(terms.sounds))
    return Compared(
        positions,
        tuple(_entry_features(index, position, asked) for position in positions),
        _none_features(index, terms),
    )


def _entry_features(index: Index, position: int, asked: Way) -> tuple[float, ...]:
    item = index.indexed[position]
    ways = index.ways[position]
    words = [index.words.likeness(asked.words, way.words) for way in ways]
    grams = [index.grams.likeness(asked.grams, way.grams) for way in ways]
    sounds = max(index.sounds.likeness(asked.sounds, way.sounds) for way in ways)
    whole = max((word + gram) / 2 for word, gram in zip(words, grams, strict=True))
    best_words, second_words = _two_best(words)
    best_grams, second_grams = _two_best(grams)
    return (
        best_words,
        second_words,
        best_grams,
        second_grams,
        sounds,
        index.words.share(asked.words, item.words),
        index.grams.share(asked.grams, item.grams),
        index.sounds.share(asked.sounds, item.sounds),
        index.words.share(asked.words, item.body_words),
        words[0],
        grams[0],
        whole,
        index.frequencies.evidence(asked.words.terms, item) / _MUCH_EVIDENCE,
    )


def _none_features(index: Index, terms: Terms) -> tuple[float, ...]:
    known = sum(word in index.words for word in terms.words)
    return (
        1.0,
        index.words.unknown_share(terms.words),
        index.grams.unknown_share(terms.grams),
        max(0.0, 1.0 - known / _FULL),
    )


def _two_best(values: list[float]) -> tuple[float, float]:
    best, *rest = sorted(values, reverse=True)
    return best, rest[0] if rest else best
