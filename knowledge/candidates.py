"""Which entries are worth comparing closely: the question's most telling terms find them, all of its terms rank them.

A common term stands in many entries and says little. Its list is not read: it is only looked up for the entries that
the telling terms found, the best of them. Where all lists together are short, all are read and nothing is left out.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from knowledge.kinds import Floats, Numbers

READ: Final = 30_000
"""So many places of lists are read for a question, those of its most telling terms."""
KEPT: Final = 300
"""So many of the entries found are looked up in the other lists."""

Scores = npt.NDArray[np.float64]
Weighed = tuple[float, Numbers]
"""What a term weighs, more than 0, and the entries that have it, ascending."""


def best(
    lists: Sequence[Weighed], damping: Floats, alive: npt.NDArray[np.bool_] | None, most: int
) -> tuple[Numbers, Scores]:
    """At most ``most`` entries in any order and their scores: the weights of their terms, together, times ``damping``.

    ``alive``: the entries that may be found; ``None``: all.
    """
    read, rest = _divided(lists)
    if not read:
        return np.zeros(0, np.int32), np.zeros(0)
    lengths = [len(entries) for _, entries in read]
    weights = np.repeat([weight for weight, _ in read], lengths)
    sums: Scores = np.bincount(np.concatenate([entries for _, entries in read]), weights).astype(np.float64, copy=False)
    found = np.flatnonzero(sums).astype(np.int32)
    if alive is not None:
        found = found[alive[found]]
    scores = sums[found]
    if rest:
        kept = np.sort(_top(scores * damping[found], KEPT))
        found, scores = found[kept], scores[kept]
        for weight, entries in rest:
            scores += weight * _held(entries, found)
    scores = scores * damping[found]
    chosen = _top(scores, most)
    return found[chosen], scores[chosen]


def _divided(lists: Sequence[Weighed]) -> tuple[list[Weighed], list[Weighed]]:
    """The lists to read and those to look up; at least one is read, the shortest."""
    read: list[Weighed] = []
    rest: list[Weighed] = []
    left = READ
    for pair in sorted((pair for pair in lists if len(pair[1])), key=lambda pair: -pair[0]):
        if len(pair[1]) <= left:
            read.append(pair)
            left -= len(pair[1])
        else:
            rest.append(pair)
    if rest and not read:
        read.append(rest.pop(min(range(len(rest)), key=lambda place: len(rest[place][1]))))
    return read, rest


def _top(values: npt.NDArray[Any], most: int) -> npt.NDArray[np.int64]:
    """The places of the largest values, in any order."""
    return np.argpartition(values, -most)[-most:] if len(values) > most else np.arange(len(values))


def _held(entries: Numbers, wanted: Numbers) -> npt.NDArray[np.bool_]:
    """Which of ``wanted`` are among ``entries``; of one type, or the long list would be copied."""
    places = np.searchsorted(entries, wanted)
    places[places == len(entries)] = 0
    return np.asarray(entries[places] == wanted)
