"""Near-duplicates: entries that are asked for in nearly the same words as one that is being written.

Search names the entries worth a look; only those are compared, so that it takes as long in a large knowledge base as in a
small one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

from sqlalchemy import select
from structlog import get_logger

from config.errors import HotlineError
from knowledge.gap_likeness import SAME, Signature, likeness, signature
from store.engine import Database
from store.schema import entries

log = get_logger("knowledge")

MOST_NAMED: Final = 5
WITHIN_S: Final = 5.0
"""So long a writer is kept waiting for it, at most."""
_WAYS: Final = 20
"""Ways of asking of one entry that are compared."""
_ASKED: Final = 5
"""Ways of asking that candidates are looked for with."""
_NEAR: Final = 8
"""Candidates of one way of asking that are compared: what asks the same is among the first."""
_KEPT: Final = 2000
"""Versions whose signatures are kept: they take 8 kB each."""

Key = tuple[str, int]
"""Id and version of an entry."""


class Candidates(Protocol):
    """The entries in force, those for agents too, that search finds worth comparing with a way of asking, best first.

    Raises :class:`config.errors.HotlineError` while search is not ready.
    """

    def __call__(self, way: str) -> Awaitable[Sequence[Key]]: ...


@dataclass(frozen=True, slots=True)
class Like:
    """An entry that nearly the same is asked of; ``likeness`` 0…1."""

    id: str
    question: str
    likeness: float


@dataclass(frozen=True, slots=True)
class _Known:
    question: str
    ways: tuple[Signature, ...]


class NearDuplicates:
    """Compares ways of asking with the entries that ``candidates`` names; analyses each version once while it is wanted."""

    def __init__(self, database: Database, candidates: Candidates) -> None:
        self._database = database
        self._candidates = candidates
        self._known: OrderedDict[Key, _Known] = OrderedDict()

    async def of(self, id: str, ways: Sequence[str]) -> tuple[Like, ...]:
        """The entries but ``id`` that are asked for nearly as in ``ways``, the likest first; five at most.

        None while search is not ready or takes longer than :data:`WITHIN_S`: writing does not wait for it.
        """
        distinct = list(dict.fromkeys(way for way in ways if way.strip()))[:_WAYS]
        try:
            async with asyncio.timeout(WITHIN_S):
                known = await self._look_up(await self._named(id, distinct[:_ASKED]))
                return await asyncio.to_thread(_likest, distinct, known)
        except (TimeoutError, HotlineError) as error:
            log.warning("near_duplicates_not_compared", error=type(error).__name__)
            return ()

    async def _named(self, id: str, ways: Iterable[str]) -> list[Key]:
        named: dict[Key, None] = {}
        for way in ways:
            others = [key for key in await self._candidates(way) if key[0] != id]
            named |= dict.fromkeys(others[:_NEAR])
        return list(named)

    async def _look_up(self, wanted: Sequence[Key]) -> dict[str, _Known]:
        missing = [key for key in wanted if key not in self._known]
        if missing:
            query = select(entries.c.id, entries.c.version, entries.c.question, entries.c.similar)
            async with self._database.connect() as connection:
                rows = await connection.execute(query.where(entries.c.id.in_([id for id, _ in missing])))
                read = {key: (row.question, *row.similar) for row in rows if (key := (row.id, row.version)) in missing}
            self._known |= await asyncio.to_thread(_analysed, read)
        for key in wanted:
            if key in self._known:
                self._known.move_to_end(key)
        found = {key[0]: self._known[key] for key in wanted if key in self._known}
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return found


def _analysed(read: dict[Key, tuple[str, ...]]) -> dict[Key, _Known]:
    return {key: _Known(ways[0], _signatures(list(dict.fromkeys(ways))[:_WAYS])) for key, ways in read.items()}


def _likest(ways: Sequence[str], known: dict[str, _Known]) -> tuple[Like, ...]:
    mine = _signatures(ways)
    likes = (
        Like(id, one.question, round(max(likeness(way, its) for way in mine for its in one.ways), 3))
        for id, one in known.items()
        if mine and one.ways
    )
    same = [like for like in likes if like.likeness >= SAME]
    return tuple(sorted(same, key=lambda like: (-like.likeness, like.id))[:MOST_NAMED])


def _signatures(ways: Sequence[str]) -> tuple[Signature, ...]:
    return tuple(signature(way, _key) for way in ways)


def _key(term: str) -> str:
    return blake2b(term.encode(), digest_size=8).hexdigest()
