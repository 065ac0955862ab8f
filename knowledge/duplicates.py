"""Near-duplicates: entries that are asked for in nearly the same words as one that is being written."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from knowledge.contract import Entry
from knowledge.gap_likeness import SAME, Signature, likeness, signature

MOST_NAMED: Final = 5
_WAYS: Final = 20
"""Ways of asking of one entry that are compared."""


@dataclass(frozen=True, slots=True)
class Like:
    """An entry that nearly the same is asked of; ``likeness`` 0…1."""

    id: str
    question: str
    likeness: float


@dataclass(frozen=True, slots=True)
class _Known:
    entry: Entry
    ways: tuple[Signature, ...]


class NearDuplicates:
    """Compares with a set of entries; each version is analysed once, however often the set is renewed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Known] = {}
        self._by_word: dict[str, set[tuple[str, int]]] = defaultdict(set)

    async def renew(self, entries: Iterable[Entry]) -> None:
        """Compare with ``entries`` from now on."""
        await asyncio.to_thread(self._renew, tuple(entries))

    async def of(self, id: str, ways: Sequence[str]) -> tuple[Like, ...]:
        """The entries but ``id`` that are asked for nearly as in ``ways``, the likest first; five at most."""
        return await asyncio.to_thread(self._of, id, tuple(ways))

    def _renew(self, entries: tuple[Entry, ...]) -> None:
        wanted = {(entry.id, entry.version): entry for entry in entries}
        for gone in set(self._known) - set(wanted):
            for way in self._known.pop(gone).ways:
                for word in way.words:
                    self._by_word[word].discard(gone)
        for key, entry in wanted.items():
            if key not in self._known:
                self._known[key] = _Known(entry, _signatures((entry.question, *entry.similar)))
                for way in self._known[key].ways:
                    for word in way.words:
                        self._by_word[word].add(key)

    def _of(self, id: str, ways: tuple[str, ...]) -> tuple[Like, ...]:
        best: dict[str, Like] = {}
        for mine in _signatures(ways):
            for key in {key for word in mine.words for key in self._by_word.get(word, ())}:
                known = self._known[key]
                if known.entry.id == id:
                    continue
                alike = round(max(likeness(mine, its) for its in known.ways), 3)
                if alike >= SAME and (known.entry.id not in best or best[known.entry.id].likeness < alike):
                    best[known.entry.id] = Like(known.entry.id, known.entry.question, alike)
        return tuple(sorted(best.values(), key=lambda like: (-like.likeness, like.id))[:MOST_NAMED])


def _signatures(ways: Iterable[str]) -> tuple[Signature, ...]:
    distinct = dict.fromkeys(way for way in ways if way.strip())
    return tuple(signature(way, _key) for way in list(distinct)[:_WAYS])


def _key(term: str) -> str:
    return blake2b(term.encode(), digest_size=8).hexdigest()
