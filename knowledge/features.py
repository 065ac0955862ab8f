"""What speaks for an entry being the answer to a question, as numbers from 0 to 1."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from knowledge.details import agreement, clash, elsewhere
from knowledge.index import Hits, Index, Question, Side, hits, ways_of
from knowledge.kinds import KINDS, Numbers, word_key
from knowledge.text import alike

FEATURES: Final = (
    "words",
    "words_second",
    "chars",
    "grams",
    "grams_second",
    "sounds",
    "word_cover",
    "char_cover",
    "gram_cover",
    "sound_cover",
    "way_cover",
    "body_words",
    "body_grams",
    "title_words",
    "title_chars",
    "title_grams",
    "whole",
    "evidence",
    "missing",
    "missing_everywhere",
    "detail_same",
    "detail_other",
)
"""Of an entry: likeness of words, characters, pairs and sounds to its most (and second most) similar way of asking; share
of the question's weight that its ways together hold; share of a way's weight that the question holds; share in its answer;
likeness to its own question; words and pairs of one way at once; log-likelihood of the words, scaled; the most telling
word that its ways lack, or its answer too; numbers and places that are the same, or others."""

NONE_FEATURES: Final = ("bias", "unknown_words", "unknown_grams", "thin")
"""Of the question alone, for there being no answer: a constant; the share of its words' and pairs' weight that no entry
holds; how few telling words it has."""

_MUCH_EVIDENCE: Final = 20.0
"""Log-likelihood ratio that counts as 1: about four telling words."""
_OWN: Final = 0.3
"""How much of what is asked is taken to be in the entry's own words, the rest being anybody's (Jelinek-Mercer)."""
_FULL: Final = 3.0
"""Known words of a question that is not thin."""
_LONG_ENOUGH: Final = 4
"""Pairs of syllables from which on the same sound is no chance."""
_SAME: Final = 0.9999
_TELLING: Final = 8.0
"""Weight of a word that counts as 1."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compared:
    """The features of the candidates of one question. ``positions``: in the index, as ``rows`` has them."""

    positions: tuple[int, ...]
    rows: Array
    none: tuple[float, ...]


def compare(index: Index, question: Question, area: str = "") -> Compared:
    """Compare a question with the entries that the index finds for it; entries for another area are left out."""
    found = [
        position
        for position in index.candidates(question).tolist()
        if not elsewhere(index.entry(position).area, area, question.terms.plain)
    ]
    return Compared(tuple(found), _rows(index, found, question), _none_features(question))


def sounding_as_written(question: Question, compared: Compared) -> set[int]:
    """The positions whose entries have a way of asking that sounds as the question does, each pair of syllables the same."""
    if len(question.terms.sounds) < _LONG_ENOUGH:
        return set()
    same = compared.rows[:, FEATURES.index("sounds")] >= _SAME
    return {position for position, its in zip(compared.positions, same, strict=True) if its}


def _rows(index: Index, positions: list[int], question: Question) -> Array:
    rows = np.zeros((len(positions), len(FEATURES)))
    held = np.array(positions, np.int64)
    for place, (start, side) in enumerate(zip(index.starts, index.sides, strict=True)):
        mine = np.flatnonzero((held >= start) & (held < start + side.part.size))
        if len(mine):
            rows[mine] = _side_rows(index, place, held[mine] - start, question)
    return rows


def _side_rows(index: Index, place: int, locals_: npt.NDArray[np.int64], question: Question) -> Array:
    side, start = index.sides[place], index.starts[place]
    ways = ways_of(side, locals_)
    found = {kind: hits(side, place, ways, question, kind) for kind in KINDS}
    likeness = {kind: _likeness(found[kind], question.weights[kind]) for kind in KINDS}
    first = ways.first
    best = {kind: np.maximum.reduceat(likeness[kind], first) for kind in KINDS}
    cover = {kind: _cover(found[kind], question.weights[kind]) for kind in KINDS}
    in_ways = np.logical_or.reduceat(found["words"].present, first) if found["words"].present.shape[1] else None
    meant = [tuple(alike(word)) for word in sorted(question.terms.words, key=word_key)]
    body = [_in_body(index.body(start + int(local)), meant, question.terms.grams) for local in locals_]
    in_body = np.array([words for words, _ in body]).reshape(len(locals_), -1)
    weights = question.weights["words"].astype(np.float64)
    missing = _heaviest(weights, in_ways)
    nowhere = _heaviest(weights, in_ways | in_body if in_ways is not None else None)
    asked = question.details
    details = [index.details(start + int(local)) for local in locals_] if asked.quantities or asked.places else []
    columns = {
        "words": best["words"],
        "words_second": _second(likeness["words"], first),
        "chars": best["chars"],
        "grams": best["grams"],
        "grams_second": _second(likeness["grams"], first),
        "sounds": best["sounds"],
        "word_cover": cover["words"],
        "char_cover": cover["chars"],
        "gram_cover": cover["grams"],
        "sound_cover": cover["sounds"],
        "way_cover": np.maximum.reduceat(_way_cover(found["words"], question.weights["words"]), first),
        "body_words": in_body @ weights / max(float(weights.sum()), 1e-9) if in_body.size else 0.0,
        "body_grams": [grams for _, grams in body],
        "title_words": likeness["words"][first],
        "title_chars": likeness["chars"][first],
        "title_grams": likeness["grams"][first],
        "whole": np.maximum.reduceat((likeness["words"] + likeness["grams"]) / 2, first),
        "evidence": _evidence(side, found["words"], question.numbers["words"][place]) / _MUCH_EVIDENCE,
        "missing": missing / _TELLING if in_ways is not None else 0.0,
        "missing_everywhere": nowhere / _TELLING if in_ways is not None else 0.0,
        "detail_same": [agreement(asked, held) for held in details] or 0.0,
        "detail_other": [clash(asked, held) for held in details] or 0.0,
    }
    rows = np.zeros((len(locals_), len(FEATURES)))
    for number, name in enumerate(FEATURES):
        rows[:, number] = columns[name]
    return rows


def _likeness(found: Hits, weights: npt.NDArray[np.float32]) -> Any:
    """Cosine of the question with each way."""
    length = float(np.sqrt((weights**2).sum()))
    return (found.present @ (weights**2)) / (found.lengths * max(length, 1e-6))


def _way_cover(found: Hits, weights: npt.NDArray[np.float32]) -> Any:
    return (found.present @ weights) / np.maximum(found.totals, 1e-6)


def _cover(found: Hits, weights: npt.NDArray[np.float32]) -> Any:
    if not found.present.shape[1]:
        return np.zeros(len(found.first))
    return np.logical_or.reduceat(found.present, found.first) @ weights / max(float(weights.sum()), 1e-9)


def _second(values: npt.NDArray[Any], first: npt.NDArray[np.int64]) -> list[float]:
    held = values.tolist()
    ends = [*first[1:].tolist(), len(held)]
    return [sorted(held[start:end])[-2:][0] for start, end in zip(first.tolist(), ends, strict=True)]


def _heaviest(weights: Array, there: Any) -> Any:
    return (~there * weights).max(axis=1) if there is not None and there.shape[1] else 0.0


def _evidence(side: Side, found: Hits, numbers: Numbers) -> Any:
    """Log of how much likelier the words are from one who means the entry than from anybody (smoothed, ≥ 0)."""
    if not len(numbers):
        return np.zeros(len(found.first))
    counts = np.add.reduceat(found.present.astype(np.int32), found.first)
    shares = np.where(numbers >= 0, side.shares[numbers] if len(side.shares) else 1.0, 1.0)
    words = side.part.kinds["words"]
    ways = np.diff(np.append(found.first, len(found.present)))
    totals = np.maximum(1.0, ways * (len(words.terms) / max(1, len(words.starts) - 1)))
    odds = _OWN / (1 - _OWN) / totals
    return np.log1p(odds[:, None] * counts / np.maximum(shares, 1e-9)[None, :]).sum(axis=1)


def _in_body(body: str, words: list[tuple[str, ...]], grams: tuple[str, ...]) -> tuple[list[bool], float]:
    """Which words, each given with all that mean the same, and what share of the pairs stand in the answer."""
    held = body.__contains__
    return [any(map(held, forms)) for forms in words], sum(map(held, grams)) / len(grams) if grams else 0.0


def _none_features(question: Question) -> tuple[float, ...]:
    known = round(len(question.terms.words) * (1 - question.unknown["words"]))
    return 1.0, question.unknown["words"], question.unknown["grams"], max(0.0, 1.0 - known / _FULL)
