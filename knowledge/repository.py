"""Entries and their versions in the store. A published version never changes; a change is a new version."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from knowledge.contract import Attachment, Entry
from knowledge.entries import EntryForm, sample_entries
from store import audit, versions
from store.engine import Database
from store.schema import entries

VERSION_NAME: Final = "knowledge"
"""The counter in ``versions`` that grows with every change."""
PUBLISHED: Final = "published"
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did: ids that are new, that got a new version, and that were the same already."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Repository:
    """The knowledge base's rows."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def publish(self, forms: Iterable[EntryForm], by: str = "") -> Published:
        """Publish all of ``forms`` or none; an entry that says the same as its newest version is left alone.

        ``by`` is the account or the command that did it; it is written to the audit.
        """
        async with self._database.begin() as connection:
            return await self._publish(connection, tuple(forms), by)

    async def load_samples(self) -> int:
        """Put the sample entries into a knowledge base that holds nothing yet; returns how many were added."""
        async with self._database.begin() as connection:
            if (await connection.execute(select(entries.c.id).limit(1))).first():
                return 0
            return len((await self._publish(connection, sample_entries(), "samples")).added)

    async def all_versions(self) -> tuple[Entry, ...]:
        """Every published version of every entry, by id and version."""
        async with self._database.connect() as connection:
            return await _read(connection)

    async def snapshot(self) -> tuple[int, tuple[Entry, ...]]:
        """The counter of ``versions`` and all published versions, of the same moment."""
        async with self._database.connect() as connection:
            return await versions.read(connection, VERSION_NAME), await _read(connection)

    async def counter(self) -> int:
        """The counter that grows with every change; cheap."""
        async with self._database.connect() as connection:
            return await versions.read(connection, VERSION_NAME)

    async def history(self, id: str) -> tuple[Entry, ...]:
        """The published versions of one entry, newest first; empty: there is no such entry."""
        async with self._database.connect() as connection:
            return tuple(reversed(await _read(connection, id)))

    async def _publish(self, connection: AsyncConnection, forms: tuple[EntryForm, ...], by: str) -> Published:
        newest = {entry.id: entry for entry in await _read(connection)}
        now = self._clock.now()
        added: list[str] = []
        changed: list[str] = []
        unchanged: list[str] = []
        rows: list[dict[str, Any]] = []
        for form in forms:
            before = newest.get(form.id)
            if before and form.entry(before.version) == before:
                unchanged.append(form.id)
                continue
            entry = form.entry(before.version + 1 if before else 1)
            newest[form.id] = entry
            (changed if before else added).append(form.id)
            rows.append(_row(entry) | {"status": PUBLISHED, "created_at": now})
        for start in range(0, len(rows), _BATCH):
            await connection.execute(insert(entries), rows[start : start + _BATCH])
        if rows:
            count = await versions.bump(connection, VERSION_NAME)
            detail = f"新增 {len(added)} 条，更新 {len(changed)} 条"
            await audit.record(
                connection, at=now, by=by[:32], action="knowledge.publish", subject=str(count), detail=detail
            )
        return Published(tuple(added), tuple(changed), tuple(unchanged))


def in_force(all_versions: Iterable[Entry], day: date) -> tuple[Entry, ...]:
    """Of each entry the newest version whose effective date has come by ``day`` (a day in Asia/Shanghai)."""
    newest: dict[str, Entry] = {}
    for entry in all_versions:
        if entry.effective_at > day:
            continue
        known = newest.get(entry.id)
        if known is None or known.version < entry.version:
            newest[entry.id] = entry
    return tuple(newest[id] for id in sorted(newest))


async def _read(connection: AsyncConnection, id: str | None = None) -> tuple[Entry, ...]:
    query = select(entries).where(entries.c.status == PUBLISHED).order_by(entries.c.id, entries.c.version)
    if id is not None:
        query = query.where(entries.c.id == id)
    return tuple(_entry(row) for row in await connection.execute(query))


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        version=row.version,
        question=row.question,
        similar=tuple(row.similar),
        answer=row.answer,
        speech=row.speech,
        unit=row.unit,
        field=row.field,
        source=row.source,
        effective_at=row.effective_at,
        sample=row.sample,
        kind=row.kind,
        audience=row.audience,
        area=row.area,
        source_no=row.source_no,
        source_date=row.source_date,
        official=row.official,
        expires_at=row.expires_at,
        tags=tuple(row.tags),
        attachments=tuple(Attachment(**one) for one in row.attachments),
        urgent=row.urgent,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        author=row.author,
        reviewed_by=row.reviewed_by,
    )


def _row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Entry.__slots__} | {
        "similar": list(entry.similar),
        "tags": list(entry.tags),
        "attachments": [asdict(one) for one in entry.attachments],
    }
