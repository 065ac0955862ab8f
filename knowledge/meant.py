"""Which entries mean what a question means: the vectors of an index's ways of asking and answers, compared with the question's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from knowledge.contract import Entry
from knowledge.index import Index, Side
from knowledge.kinds import Floats, Keys, word_key
from knowledge.meaning import ANSWER, BUSY_S, DIMENSIONS, MODEL, QUESTION, answer_text, asked_text, centred
from knowledge.vectors import VectorStore

ENOUGH: Final = 0.98
"""Share of the entries in force whose vectors must be known for meaning to count."""
CANDIDATES: Final = 20
"""How many entries that mean the same are compared closely, beside those with the same words."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosines, -1…1, of a question with an entry's most and second most similar way of asking and with its answer.

    ``known``: whether the entry's vectors are; without them all is 0.
    """

    ways: Floats
    second: Floats
    answers: Floats
    known: npt.NDArray[np.bool_]


class _Vectors:
    """Those of one side, of the entries that were in force when they were looked up.

    ``ways`` lie entry by entry; ``holders``: the entries that have some, ``begins`` and ``ends`` where those of each lie.
    """

    def __init__(self, side: Side, questions: VectorStore, answers: VectorStore) -> None:
        part = side.part
        living = np.flatnonzero(side.alive)
        order = np.argsort(part.writers, kind="stable")
        order = order[side.alive[part.writers[order]]]
        rows, known = questions.rows(part.written[order])
        owners = part.writers[order][known]
        self.part: Final = part
        self.looked_up: Final = side.alive
        self.ways: Final = centred(QUESTION, rows[known])
        self.begins: Final = np.flatnonzero(np.diff(owners, prepend=-1))
        self.ends: Final = np.append(self.begins[1:], len(owners))
        self.holders: Final = owners[self.begins]
        self.place: Final = np.full(part.size, -1, np.int64)
        self.place[self.holders] = np.arange(len(self.holders))
        held = [entry for entry in side.entries if entry is not None]
        found, answered = answers.rows(
            np.fromiter((word_key(answer_text(entry)) for entry in held), np.uint64, len(held))
        )
        self.answers: Final = np.zeros((part.size, DIMENSIONS), np.float32)
        self.answers[living[answered]] = centred(ANSWER, found[answered])
        read = np.zeros(part.size, bool)
        read[living[answered]] = True
        self.known: Final = read & (self.place >= 0)
        self.complete: Final = bool(known.all() and answered.all())

    def serve(self, side: Side) -> bool:
        """Whether they do for ``side``: the same entries, none in force that was not."""
        return self.part is side.part and not bool((side.alive & ~self.looked_up).any())


class Meant:
    """The vectors of an index, as far as they are known. Never changes; made anew with the index or when more are known.

    ``before``: of an index before this one: sides that are the same are taken from it. ``renew``: but not those of which not all
    was known.
    """

    def __init__(
        self,
        index: Index,
        questions: VectorStore,
        answers: VectorStore,
        before: "Meant | None" = None,
        *,
        renew: bool = False,
    ) -> None:
        old = [one for one in (before.vectors if before else ()) if one.complete or not renew]
        self.vectors: Final[tuple[_Vectors, ...]] = tuple(
            next((one for one in old if one.serve(side)), None) or _Vectors(side, questions, answers)
            for side in index.sides
        )
        self._starts: Final = index.starts
        self._alive: Final = tuple(side.alive for side in index.sides)
        known = sum(int((one.known & alive).sum()) for one, alive in zip(self.vectors, self._alive, strict=True))
        self.share: Final = known / index.size if index.size else 0.0
        """Of the entries in force, those whose vectors are known."""

    @property
    def enough(self) -> bool:
        return self.share >= ENOUGH

    def asked(self, vector: Floats) -> "Asked":
        """Compare all with the vector of a question."""
        return Asked(self._starts, self.vectors, self._alive, vector)


class Asked:
    """A question compared with all vectors of an index."""

    def __init__(
        self,
        starts: Sequence[int],
        sides: Sequence[_Vectors],
        alive: Sequence[npt.NDArray[np.bool_]],
        vector: Floats,
    ) -> None:
        self._starts: Final = starts
        self._sides: Final = sides
        self._alive: Final = alive
        with np.errstate(invalid="ignore"):  # BLAS now and then reports numbers that are none; the vectors are finite
            self._ways: Final = [side.ways @ vector for side in sides]
            self._answers: Final = [side.answers @ vector for side in sides]

    def candidates(self, most: int = CANDIDATES) -> npt.NDArray[np.int64]:
        """The positions that are nearest by way of asking and answer together, best first."""
        positions, values = [], []
        for number, side in enumerate(self._sides):
            if not len(side.holders):
                continue
            near = np.maximum.reduceat(self._ways[number], side.begins) + self._answers[number][side.holders]
            near = np.where(self._alive[number][side.holders], near, -np.inf)
            best = np.argpartition(near, -most)[-most:] if len(near) > most else np.arange(len(near))
            best = best[np.isfinite(near[best])]
            positions.append(side.holders[best].astype(np.int64) + self._starts[number])
            values.append(near[best])
        if not positions:
            return np.zeros(0, np.int64)
        every, found = np.concatenate(positions), np.concatenate(values)
        return np.asarray(every[np.lexsort((every, -found))][:most], np.int64)

    def likeness(self, positions: Sequence[int]) -> Likeness:
        """Of the entries at ``positions``."""
        rows = np.zeros((3, len(positions)), np.float32)
        known = np.zeros(len(positions), bool)
        for number, position in enumerate(positions):
            place = max(i for i, start in enumerate(self._starts) if position >= start)
            side, local = self._sides[place], position - self._starts[place]
            if side.known[local]:
                at = side.place[local]
                ways = np.sort(self._ways[place][side.begins[at] : side.ends[at]])
                rows[:, number] = ways[-1], ways[-2:][0], self._answers[place][local]
                known[number] = True
        return Likeness(rows[0], rows[1], rows[2], known)


class Questions(Protocol):
    """Reads a normalised question: its centred vector, or ``None`` when that took longer than ``wait_s``."""

    def question(self, plain: str, wait_s: float) -> Floats | None: ...


class Reader:
    """Reads questions for one index."""

    def __init__(self, meant: Meant, encoder: Questions, wait_s: float = BUSY_S) -> None:
        self.meant: Final = meant
        self._encoder = encoder
        self._wait_s = wait_s

    def asked(self, plain: str) -> Asked | None:
        """``plain``, normalised, compared with the index; ``None``: too little of it is known, or the model is busy."""
        vector = self._encoder.question(plain, self._wait_s) if self.meant.enough and plain else None
        return None if vector is None else self.meant.asked(vector)


class Vectors:
    """The vectors that are known, on disk and in memory. ``folders``: all are read, new ones are written under the first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.questions: Final = VectorStore([folder / f"{MODEL}-{QUESTION}" for folder in folders], DIMENSIONS)
        self.answers: Final = VectorStore([folder / f"{MODEL}-{ANSWER}" for folder in folders], DIMENSIONS)
        self._stores: Final = {QUESTION: self.questions, ANSWER: self.answers}

    def scratch(self) -> "Vectors":
        """What knows the same; what is added to it is written nowhere."""
        twin = Vectors([])
        twin.questions.learn(self.questions)
        twin.answers.learn(self.answers)
        return twin

    def refresh(self) -> bool:
        """Read what other processes wrote; returns whether they wrote anything."""
        fresh = [self.questions.refresh(), self.answers.refresh()]
        return any(fresh)

    def of(self, index: Index, before: Meant | None = None, *, renew: bool = False) -> Meant:
        """What is known of the entries of ``index``; ``before``, ``renew``: see :class:`Meant`."""
        return Meant(index, self.questions, self.answers, before, renew=renew)

    def all_of(self, kind: str, entries: Sequence[Entry]) -> Floats:
        """All vectors of one kind that ``entries`` want and that are known."""
        wanted = _wanted(entries)[kind]
        rows, known = self._stores[kind].rows(np.fromiter(wanted, np.uint64, len(wanted)))
        return rows[known]

    def leave(self, entries: Sequence[Entry]) -> None:
        """Leave nothing on disk in the first folder but what ``entries`` want."""
        for kind, wanted in _wanted(entries).items():
            self._stores[kind].rewrite(np.fromiter(sorted(wanted), np.uint64, len(wanted)))

    def missing(self, entries: Sequence[Entry]) -> Iterator[tuple[str, int, str]]:
        """(kind, key, text) of each vector that ``entries`` want and that is not known; each once."""
        for kind, wanted in _wanted(entries).items():
            keys: Keys = np.fromiter(wanted, np.uint64, len(wanted))
            _, known = self._stores[kind].rows(keys)
            for (key, text), there in zip(wanted.items(), known, strict=True):
                if not there:
                    yield kind, key, text

    def add(self, kind: str, keys: Sequence[int], rows: Sequence[Floats]) -> None:
        """Keep vectors of one kind."""
        self._stores[kind].add(np.array(keys, np.uint64), np.stack(rows))


def _wanted(entries: Sequence[Entry]) -> dict[str, dict[int, str]]:
    """Key and text of what is to be read, by kind; the entries' own questions first."""
    asked: dict[int, str] = {}
    titles = [entry.question for entry in entries]
    for way in (*titles, *(way for entry in entries for way in entry.similar)):
        plain = asked_text(way)
        asked.setdefault(word_key(plain), plain)
    return {QUESTION: asked, ANSWER: {word_key(text): text for text in map(answer_text, entries)}}
