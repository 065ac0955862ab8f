"""Reads what changed in a large knowledge base without reading the rest again, in pieces that never hold up a call."""

from typing import Final

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from knowledge.contract import Entry
from knowledge.repository import PUBLISHED, VERSION_NAME, Snapshot, entry_of
from store import versions
from store.engine import Database
from store.schema import disputes, entries, synonyms

_KEYS: Final = 5000
_ROWS: Final = 400
"""Rows of one query: keys alone, and whole entries."""
_FEW: Final = 1000
"""So many new entries are fetched by their keys; more are read with the rest."""

Key = tuple[str, int]


async def snapshot_after(database: Database, before: Snapshot | None) -> Snapshot:
    """The knowledge base as it is now; entries that ``before`` has are taken from it, for a version never changes.

    The counter is read first: what is newer than it is seen again by the next look.
    """
    async with database.connect() as connection:
        counter = await versions.read(connection, VERSION_NAME)
        disputed = await connection.execute(select(disputes.c.entry_id).where(disputes.c.resolved_at.is_(None)))
        groups = await connection.execute(select(synonyms.c.words).order_by(synonyms.c.id))
        known = {(entry.id, entry.version): entry for entry in before.versions} if before else {}
        keys = await _keys(connection)
        missing = [key for key in keys if key not in known]
        known |= await (_chosen(connection, missing) if len(missing) <= _FEW else _all(connection))
        return Snapshot(
            counter,
            tuple(known[key] for key in keys if key in known),
            frozenset(disputed.scalars()),
            tuple(tuple(words) for words in groups.scalars()),
        )


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
        if len(rows) < _ROWS:
            return found
        after = (rows[-1].id, rows[-1].version)
