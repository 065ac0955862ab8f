"""Reads what changed in a large knowledge base without reading the rest again, in pieces that never hold up a call."""

from typing import Final

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog import get_logger

from knowledge.collector import spare
from knowledge.contract import Entry
from knowledge.repository import PUBLISHED, VERSION_NAME, Change, Snapshot, entry_of
from store import versions
from store.engine import Database
from store.schema import disputes, entries, synonyms

log = get_logger("knowledge")

_KEYS: Final = 5000
_ROWS: Final = 400
"""Rows of one query: keys alone, and whole entries."""
_FEW: Final = 1000
"""So many new entries are fetched by their keys; more are read with the rest."""

Key = tuple[str, int]


async def snapshot_after(database: Database, before: Snapshot | None) -> Snapshot:
    """The knowledge base as it is now; what ``before`` has and did not change is taken from it.

    The counter is read first: what is newer than it is seen again by the next look.
    """
    async with database.connect() as connection:
        counter = await versions.read(connection, VERSION_NAME)
        disputed = await connection.execute(select(disputes.c.entry_id).where(disputes.c.resolved_at.is_(None)))
        silenced = frozenset(disputed.scalars())
        groups = await connection.execute(select(synonyms.c.words).order_by(synonyms.c.id))
        words = tuple(tuple(group) for group in groups.scalars())
        change = await _change(connection, before, counter, silenced) if before else None
        if before and change:
            after = before.after(counter, change, silenced, words)
            if len(after.versions) == await _published(connection):
                return after
            log.info("change_not_followed", counter=counter)
        return Snapshot(counter, await _versions(connection, before), silenced, words)


async def _change(
    connection: AsyncConnection, before: Snapshot, counter: int, silenced: frozenset[str]
) -> Change | None:
    """What changed since ``before``; ``None``: too much to be read entry by entry, or the store is older than it."""
    if counter < before.counter:
        return None
    newer = select(entries.c.id).where(entries.c.changed_in > before.counter).limit(_FEW + 1)
    ids = set((await connection.execute(newer)).scalars()) | (silenced ^ before.silenced)
    if len(ids) > _FEW:
        return None
    found: list[Entry] = []
    listed = sorted(ids)
    for start in range(0, len(listed), _ROWS):
        named = entries.c.id.in_(listed[start : start + _ROWS])
        query = select(entries).where(entries.c.status == PUBLISHED, named)
        found += [entry_of(row) for row in await connection.execute(query)]
    return Change(frozenset(ids), tuple(found))


async def _published(connection: AsyncConnection) -> int:
    """How many versions there are: a change that a program of an earlier release made says nothing of its entries."""
    query = select(func.count()).select_from(entries).where(entries.c.status == PUBLISHED)
    return int((await connection.execute(query)).scalar_one())


async def _versions(connection: AsyncConnection, before: Snapshot | None) -> tuple[Entry, ...]:
    """All published versions. Entries that ``before`` has are taken from it, for a version never changes."""
    known = {(entry.id, entry.version): entry for entry in before.versions} if before else {}
    keys = await _keys(connection)
    missing = [key for key in keys if key not in known]
    known |= await (_chosen(connection, missing) if len(missing) <= _FEW else _all(connection))
    return tuple(known[key] for key in keys if key in known)


async def _keys(connection: AsyncConnection) -> list[Key]:
    found: list[Key] = []
    after: Key = ("", 0)
    while True:
        query = (
            select(entries.c.id, entries.c.version)
            .where(entries.c.status == PUBLISHED, tuple_(entries.c.id, entries.c.version) > after)
            .order_by(entries.c.id, entries.c.version)
            .limit(_KEYS)
        )
        rows = (await connection.execute(query)).all()
        found += [(row.id, row.version) for row in rows]
        if len(rows) < _KEYS:
            return found
        after = found[-1]


async def _chosen(connection: AsyncConnection, keys: list[Key]) -> dict[Key, Entry]:
    found: dict[Key, Entry] = {}
    for start in range(0, len(keys), _ROWS):
        query = select(entries).where(tuple_(entries.c.id, entries.c.version).in_(keys[start : start + _ROWS]))
        found |= {(row.id, row.version): entry_of(row) for row in await connection.execute(query)}
    return found


async def _all(connection: AsyncConnection) -> dict[Key, Entry]:
    found: dict[Key, Entry] = {}
    after: Key = ("", 0)
    while True:
        query = (
            select(entries)
            .where(entries.c.status == PUBLISHED, tuple_(entries.c.id, entries.c.version) > after)
            .order_by(entries.c.id, entries.c.version)
            .limit(_ROWS)
        )
        rows = (await connection.execute(query)).all()
        for row in rows:
            found[row.id, row.version] = entry_of(row)
        spare(len(found))
        if len(rows) < _ROWS:
            return found
        after = (rows[-1].id, rows[-1].version)
