"""What speaks for an entry being the answer to a question, as numbers from 0 to 1."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from knowledge.details import agreement, clash, elsewhere
from knowledge.index import Hits, Index, Question, Side, hits, ways_of
from knowledge.kinds import KINDS, Numbers, word_key
from knowledge.meant import Likeness, Reader
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
    "few",
)
"""Of an entry: likeness of words, characters, pairs and sounds to its most (and second most) similar way of asking; share
of the question's weight that its ways together hold; share of a way's weight that the question holds; share in its answer;
likeness to its own question; words and pairs of one way at once; log-likelihood of the words, scaled; the most telling
word that its ways lack, or its answer too; numbers and places that are the same, or others; 1 ÷ its number of ways."""

MEANING_FEATURES: Final = ("meaning", "meaning_second", "meaning_answer")
"""Where the vectors of the entries are known: nearness in meaning to its nearest and second nearest way of asking, and to its
answer (:mod:`knowledge.meant`)."""

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

_TELLING_OF_MEANING: Final = ("chars", "grams", "word_cover", "body_grams")
_EXPECTED: Final = (
    (0.175, 0.299, 0.345, 0.105, 0.096),
    (0.132, 0.280, 0.268, 0.067, 0.120),
    (0.055, 0.203, 0.176, 0.005, 0.270),
)
"""Of each of :data:`MEANING_FEATURES` a constant and the weights of those, by regression over the candidates of leave-one-out."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compared:
    """The features of the candidates of one question. ``positions``: in the index, as ``rows`` has them.

    ``rows``: :data:`FEATURES`, and after them :data:`MEANING_FEATURES` when it was compared by meaning too.
    """

    positions: tuple[int, ...]
    rows: Array
    none: tuple[float, ...]

    @property
    def by_meaning(self) -> bool:
        """Whether it was compared by meaning too, not by words alone."""
        return bool(self.rows.shape[1] > len(FEATURES))

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns of ``rows`` are."""
        return (*FEATURES, *MEANING_FEATURES) if self.by_meaning else FEATURES


def compare(index: Index, question: Question, area: str = "", reader: Reader | None = None) -> Compared:
    """Compare a question with the entries that the index finds for it, by their words and, with ``reader``, by meaning.

    Entries for another area are left out.
    """
    asked = reader.asked(question.terms.plain) if reader else None
    near = asked.candidates().tolist() if asked else []
    found = [
        position
        for position in dict.fromkeys((*index.candidates(question).tolist(), *near))
        if not elsewhere(index.entry(position).area, area, question.terms.plain)
    ]
    rows, none = _rows(index, found, question), _none_features(question)
    if asked is None:
        return Compared(tuple(found), rows, none)
    return Compared(tuple(found), np.hstack((rows, _meant(asked.likeness(found), rows))), none)


def sounding_as_written(question: Question, compared: Compared) -> set[int]:
    """The positions whose entries have a way of asking that sounds as the question does, each pair of syllables the same."""
    if len(question.terms.sounds) < _LONG_ENOUGH:
        return set()
    same = compared.rows[:, FEATURES.index("sounds")] >= _SAME
    return {position for position, its in zip(compared.positions, same, strict=True) if its}


def _meant(likeness: Likeness, rows: Array) -> Array:
    """The last columns; an entry whose vectors are not known yet has what entries with its other features have."""
    found = np.stack((likeness.ways, likeness.second, likeness.answers), axis=1).astype(np.float64)
    if likeness.known.all():
        return found
    held = rows[:, [FEATURES.index(name) for name in _TELLING_OF_MEANING]]
    expected = np.hstack((np.ones((len(rows), 1)), held)) @ np.array(_EXPECTED).T
    return np.where(likeness.known[:, None], found, expected)


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
        "few": 1 / np.diff(first, append=len(ways.numbers)),
    }
    rows = np.zeros((len(locals_), len(FEATURES)))
    for number, name in enumerate(FEATURES):
        rows[:, number] = columns[name]
    return rows


def _weighed(there: npt.NDArray[np.bool_], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The sum of the weights of what is there, a row each; not by BLAS, which now and then reports numbers that are none."""
    summed: npt.NDArray[np.float32] = (there * weights).sum(axis=1, dtype=np.float32)
    return summed


def _likeness(found: Hits, weights: npt.NDArray[np.float32]) -> Any:
    """Cosine of the question with each way."""
    length = float(np.sqrt((weights**2).sum()))
    return _weighed(found.present, weights**2) / (found.lengths * max(length, 1e-6))


def _way_cover(found: Hits, weights: npt.NDArray[np.float32]) -> Any:
    return _weighed(found.present, weights) / np.maximum(found.totals, 1e-6)


def _cover(found: Hits, weights: npt.NDArray[np.float32]) -> Any:
    if not found.present.shape[1]:
        return np.zeros(len(found.first))
    return _weighed(np.logical_or.reduceat(found.present, found.first), weights) / max(float(weights.sum()), 1e-9)


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
