"""The search index: arrays of the entries on disk, and beside them those that changed since.

``Index`` never changes once it is made. A change of the knowledge base makes another one that shares the large arrays,
so that publishing costs what was published and not the whole base.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from knowledge.candidates import Weighed, best
from knowledge.contract import Entry
from knowledge.details import Details, details_of, read_details
from knowledge.kinds import KINDS, Floats, Keys, Kind, Numbers, keys_of, ranges
from knowledge.part import Part, make
from knowledge.text import Terms, analyse, normalise, without_courtesy

CANDIDATES: Final = 20
"""How many entries are compared closely."""
_BOOSTS: Final = {"words": 2.0, "chars": 0.3, "grams": 1.0, "sounds": 0.6}
_BODY_BOOST: Final = 0.3
_LENGTH_SHARE: Final = 0.3
"""How much a long list of ways of asking counts against an entry (b of BM25)."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Question:
    """A question as numbers: keys of each kind with their weights, and for every side the terms' numbers there."""

    terms: Terms
    keys: dict[str, Keys]
    weights: dict[str, Floats]
    numbers: dict[str, tuple[Numbers, ...]]
    """The terms' numbers on each side of the index; ``body``: those of the pairs in the answers."""
    unknown: dict[str, float]
    """Share of the weight of each kind's terms that no entry has, 0…1."""
    details: Details


class Side:
    """A part with what is reckoned from it: weights of its terms and lengths of its ways."""

    def __init__(self, part: Part, entries: Sequence[Entry | None], reference: "Side | None" = None) -> None:
        self.part: Final = part
        self.entries: Final = entries
        self.alive: Final = _alive(entries)
        self.living: Final = None if self.alive.all() else self.alive
        self.urgent: Final = _urgent(enumerate(entries))
        total = part.size + (reference.part.size if reference else 0)
        self.weights: Final = {kind: _weights(part.kinds[kind], reference, kind, total) for kind in KINDS}
        self.body_weights: Final = _idf(part.body.counts(), total)
        self.lengths: Final = {kind: _lengths(part.kinds[kind], self.weights[kind]) for kind in KINDS}
        self.totals: Final = {kind: _totals(part.kinds[kind], self.weights[kind]) for kind in KINDS}
        spread = np.diff(part.kinds["grams"].of) if part.size else np.zeros(0)
        held = np.bincount(part.kinds["grams"].entries, minlength=part.size) if len(spread) else np.zeros(part.size)
        mean = float(held.mean()) if part.size else 1.0
        self.damping: Final = (1 / (1 - _LENGTH_SHARE + _LENGTH_SHARE * held / max(mean, 1.0))).astype(np.float32)
        counts = np.bincount(part.kinds["words"].terms, minlength=len(part.kinds["words"].keys))
        self.shares: Final = (counts / max(1, counts.sum())).astype(np.float32)

    def revived(self, entries: Sequence[Entry | None]) -> "Side":
        """The same arrays with other entries in force."""
        return self._twin(entries, _alive(entries), _urgent(enumerate(entries)))

    def changed(self, changes: Mapping[int, Entry | None]) -> "Side":
        """The same arrays with some entries in force, by their places, or no longer."""
        entries, alive = list(self.entries), self.alive.copy()
        for place, entry in changes.items():
            entries[place], alive[place] = entry, entry is not None
        return self._twin(entries, alive, (self.urgent - changes.keys()) | _urgent(changes.items()))

    def _twin(self, entries: Sequence[Entry | None], alive: Bools, urgent: frozenset[int]) -> "Side":
        twin = object.__new__(Side)
        twin.__dict__.update(self.__dict__)
        twin.__dict__.update(entries=entries, alive=alive, living=None if alive.all() else alive, urgent=urgent)
        return twin


class Index:
    """A searchable set of entries; ``sides``: the large one and, perhaps, a small one of what changed."""

    def __init__(self, sides: Sequence[Side]) -> None:
        self.sides: Final = tuple(sides)
        self.starts: Final = tuple(int(start) for start in np.cumsum([0, *(side.part.size for side in sides)])[:-1])
        self.size: Final = int(sum(int(side.alive.sum()) for side in sides))
        self._total: Final = sum(side.part.size for side in sides)
        self.urgent: Final = frozenset(
            start + local for start, side in zip(self.starts, self.sides, strict=True) for local in side.urgent
        )

    @classmethod
    def in_memory(cls, entries: Iterable[Entry]) -> Self:
        """An index that is written nowhere."""
        held = list(entries)
        return cls([Side(make(held), held)])

    def entry(self, position: int) -> Entry:
        """The entry at a position among all sides. Raises ``LookupError`` for one that is no longer in force."""
        side, local = self._place(position)
        found = side.entries[local]
        if found is None:
            raise LookupError(position)
        return found

    def entries(self) -> list[tuple[int, Entry]]:
        """All entries in force with their positions."""
        return [
            (position, entry)
            for start, side in zip(self.starts, self.sides, strict=True)
            for position, entry in enumerate(side.entries, start)
            if entry is not None
        ]

    def asked_as_written(self, question: str) -> int | None:
        """The position of the entry that has ``question`` among its ways of asking, courtesy aside; only if one has."""
        plain = without_courtesy(normalise(question))
        found = [
            start + int(local)
            for start, side in zip(self.starts, self.sides, strict=True)
            for local in side.part.writers_of(plain)
            if side.alive[local]
        ]
        return found[0] if len(found) == 1 and plain else None

    def question(self, text: str) -> Question:
        """Analyse a question against this index."""
        terms = analyse(text)
        keys = {kind: keys_of(kind, terms.words, terms.plain) for kind in KINDS}
        weights: dict[str, Floats] = {}
        numbers = {"body": tuple(side.part.body.number(keys["grams"]) for side in self.sides)}
        unknown: dict[str, float] = {}
        for kind in KINDS:
            numbers[kind] = tuple(side.part.kinds[kind].number(keys[kind]) for side in self.sides)
            held = np.full(len(keys[kind]), _unknown_weight(self._total), np.float32)
            strange = np.ones(len(held), bool)
            for side, of_side in zip(reversed(self.sides), reversed(numbers[kind]), strict=True):
                known = of_side >= 0
                held[known] = side.weights[kind][of_side[known]]
                strange &= ~known
            weights[kind] = held
            total = float(held.sum())
            unknown[kind] = float(held[strange].sum()) / total if total else 1.0
        return Question(terms, keys, weights, numbers, unknown, details_of(terms.plain))

    def candidates(self, question: Question, most: int = CANDIDATES) -> npt.NDArray[np.int64]:
        """Positions of the entries most worth comparing with a question, best first (BM25 over all ways at once)."""
        positions: list[Any] = []
        values: list[Any] = []
        for place, (start, side) in enumerate(zip(self.starts, self.sides, strict=True)):
            found, scores = best(_lists(side, place, question), side.damping, side.living, most)
            positions.append(found + start)
            values.append(scores)
        all_positions, all_values = np.concatenate(positions), np.concatenate(values)
        return np.asarray(all_positions[np.lexsort((all_positions, -all_values))][:most], np.int64)

    def body(self, position: int) -> str:
        """The normalised answer of an entry."""
        side, local = self._place(position)
        return side.part.bodies[local]

    def details(self, position: int) -> Details:
        """Numbers and places in the ways of asking of an entry."""
        side, local = self._place(position)
        return read_details(side.part.details[local])

    def _place(self, position: int) -> tuple[Side, int]:
        for start, side in zip(reversed(self.starts), reversed(self.sides), strict=True):
            if position >= start:
                return side, position - start
        raise LookupError(position)


def _alive(entries: Sequence[Entry | None]) -> Bools:
    return np.fromiter((entry is not None for entry in entries), bool, len(entries))


def _urgent(entries: Iterable[tuple[int, Entry | None]]) -> frozenset[int]:
    return frozenset(place for place, entry in entries if entry is not None and entry.urgent)


def _unknown_weight(total: int) -> float:
    return math.log(1 + (total + 0.5) / 0.5)


def _idf(counts: npt.NDArray[Any], total: int) -> Floats:
    return np.asarray(np.log1p((np.maximum(total - counts, 0) + 0.5) / (counts + 0.5)), np.float32)


def _weights(kind: Kind, reference: Side | None, name: str, total: int) -> Floats:
    counts = kind.counts()
    if reference is not None and len(reference.part.kinds[name].keys):
        numbers = reference.part.kinds[name].number(kind.keys)
        counts = counts + np.where(numbers >= 0, reference.part.kinds[name].counts()[numbers], 0)
    return _idf(counts, total)


def _lengths(kind: Kind, weights: Floats) -> Floats:
    """The length of each way's vector."""
    return np.asarray(np.sqrt(np.maximum(_summed(kind, weights.astype(np.float64) ** 2), 1e-6)), np.float32)


def _totals(kind: Kind, weights: Floats) -> Floats:
    """The sum of the weights of each way's terms."""
    return _summed(kind, weights).astype(np.float32)


def _summed(kind: Kind, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """What the terms of each way have together."""
    sums = np.concatenate(([0.0], np.cumsum(values[kind.terms], dtype=np.float64)))
    return np.asarray(sums[kind.starts[1:]] - sums[kind.starts[:-1]])


def _lists(side: Side, place: int, question: Question) -> list[Weighed]:
    """The question's terms that the entries of a side have, the ``place``-th: what each weighs and who has it."""
    found: list[Weighed] = []
    for kind in KINDS:
        held = side.part.kinds[kind]
        for number, weight in zip(question.numbers[kind][place].tolist(), question.weights[kind].tolist(), strict=True):
            if number >= 0:
                found.append((_BOOSTS[kind] * weight, held.entries[held.of[number] : held.of[number + 1]]))
    body = side.part.body
    for number in question.numbers["body"][place].tolist():
        if number >= 0:
            entries = body.entries[body.of[number] : body.of[number + 1]]
            found.append((_BODY_BOOST * float(side.body_weights[number]), entries))
    return found


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of some entries of a side, by their numbers there; ``first``: where each entry's begin."""

    numbers: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]


def ways_of(side: Side, locals_: npt.NDArray[np.int64]) -> Ways:
    """The ways of the entries ``locals_``."""
    starts = side.part.first[locals_]
    counts = side.part.first[locals_ + 1] - starts
    return Ways(ranges(starts, counts), np.cumsum(counts) - counts)


@dataclass(frozen=True, slots=True)
class Hits:
    """Which terms of a question stand in which ways of some entries of one side.

    ``present``: way × term of the question; ``first``: where each entry's ways begin; ``lengths``: of the ways' vectors;
    ``totals``: the sums of the weights of their terms.
    """

    present: Bools
    first: npt.NDArray[np.int64]
    lengths: Floats
    totals: Floats


def hits(side: Side, place: int, ways: Ways, question: Question, kind: str) -> Hits:
    """Look, on the ``place``-th side, for the question's terms of one kind in ``ways`` (at least one)."""
    held = side.part.kinds[kind]
    numbers = question.numbers[kind][place]
    present = np.zeros((len(ways.numbers), len(numbers)), bool)
    known = np.flatnonzero(numbers >= 0)
    if len(known):
        starts = held.starts[ways.numbers]
        lengths = held.starts[ways.numbers + 1] - starts
        ends = np.cumsum(lengths)
        terms = held.terms[np.repeat(starts + lengths - ends, lengths) + np.arange(ends[-1])]
        wanted = numbers[known]
        places = np.minimum(wanted.searchsorted(terms), len(wanted) - 1)
        same = np.flatnonzero(wanted[places] == terms)
        owner = ends.searchsorted(same, side="right")
        present[owner, known[places[same]]] = True
    return Hits(present, ways.first, side.lengths[kind][ways.numbers], side.totals[kind][ways.numbers])
