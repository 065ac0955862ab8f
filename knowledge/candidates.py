"""Which entries are worth comparing closely: the question's most telling terms find them, all of its terms rank them.

A common term stands in many entries and says little. Its list is not read: it is only looked up for the best of the
entries that the telling terms found. Where all lists together are short, all are read and nothing is left out.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from knowledge.kinds import Floats, Numbers

READ: Final = 8000
"""So many places of lists are read for a question, those of its most telling terms."""
KEPT: Final = 150
"""So many of the entries found are looked up in other lists."""
LOOKED_UP: Final = 10
"""So many of the lists that are not read, the most telling, are looked up; what is in the others hardly weighs."""
_LIST_BITS: Final = 16

Scores = npt.NDArray[np.float64]
Weighed = tuple[float, Numbers]
"""What a term weighs, more than 0, and the entries that have it, ascending."""


def best(
    lists: Sequence[Weighed], damping: Floats, alive: npt.NDArray[np.bool_] | None, most: int
) -> tuple[Numbers, Scores]:
    """At most ``most`` entries in any order and their scores: the weights of their terms, together, times ``damping``.

    ``alive``: the entries that may be found; ``None``: all.

    Nothing in it takes longer where there are more entries, nor touches an array as long as there are entries: what comes
    after finds its own in the processor's cache.
    """
    read, rest = _divided(lists)
    if not read:
        return np.zeros(0, np.int32), np.zeros(0)
    found, scores = _merged(read)
    if alive is not None:
        living = alive[found]
        found, scores = found[living], scores[living]
    if rest:
        kept = np.sort(_top(scores * damping[found], KEPT))
        found, scores = found[kept], scores[kept]
        for weight, entries in rest[:LOOKED_UP]:
            places = np.minimum(entries.searchsorted(found), len(entries) - 1)
            scores += weight * (entries[places] == found)
    scores = scores * damping[found]
    chosen = _top(scores, most)
    return found[chosen], scores[chosen]


def _divided(lists: Sequence[Weighed]) -> tuple[list[Weighed], list[Weighed]]:
    """The lists to read and the others, most telling first; at least one is read, the shortest."""
    read: list[Weighed] = []
    rest: list[Weighed] = []
    left = READ
    for pair in sorted((pair for pair in lists if len(pair[1])), key=itemgetter(0), reverse=True):
        if len(pair[1]) <= left:
            read.append(pair)
            left -= len(pair[1])
        else:
            rest.append(pair)
    if rest and not read:
        read.append(rest.pop(min(range(len(rest)), key=lambda place: len(rest[place][1]))))
    return read, rest


def _merged(lists: Sequence[Weighed]) -> tuple[Numbers, Scores]:
    """The entries of all lists, ascending, and the sum of the weights of each."""
    numbered = np.concatenate([entries for _, entries in lists]).astype(np.int64) << _LIST_BITS
    numbered |= np.repeat(np.arange(len(lists)), [len(entries) for _, entries in lists])
    numbered.sort()
    entries = numbered >> _LIST_BITS
    begins = np.flatnonzero(np.concatenate(([True], entries[1:] != entries[:-1])))
    weights = np.array([weight for weight, _ in lists])[numbered & ((1 << _LIST_BITS) - 1)]
    return entries[begins].astype(np.int32), np.add.reduceat(weights, begins)


def _top(values: npt.NDArray[Any], most: int) -> npt.NDArray[np.int64]:
    """The places of the largest values, in any order."""
    return np.argpartition(values, -most)[-most:] if len(values) > most else np.arange(len(values))
