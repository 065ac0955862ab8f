"""Entries and their versions in the store. A published version never changes; a change is a new version."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import LOCAL_ZONE, Clock, local
from knowledge.contract import Attachment, Audience, Entry
from knowledge.entries import EntryForm, sample_entries
from store import audit, versions
from store.engine import Database
from store.schema import disputes, entries, synonyms

VERSION_NAME: Final = "knowledge"
"""The counter in ``versions`` that grows with every change."""
PUBLISHED: Final = "published"
ARCHIVED: Final = "archived"
_BATCH: Final = 500
_BEGINNING: Final = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did: ids that are new, that got a new version, and that were the same already."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What is not as it was in an earlier snapshot: ids of entries, and all published versions that these have now."""

    ids: frozenset[str]
    versions: tuple[Entry, ...]


@dataclass(frozen=True)
class Snapshot:
    """The knowledge base of one moment. ``counter``: that of ``versions``; ``versions``: all that are published.

    ``silenced``: ids of the entries with an open dispute, which no bot may answer; ``synonyms``: groups of words;
    ``change``: how ``versions`` and ``silenced`` differ from those of the snapshot that this one came after, if known.
    """

    counter: int
    versions: tuple[Entry, ...]
    silenced: frozenset[str] = frozenset()
    synonyms: tuple[tuple[str, ...], ...] = ()
    change: Change | None = None

    def after(
        self, counter: int, change: Change, silenced: frozenset[str], synonyms: tuple[tuple[str, ...], ...]
    ) -> "Snapshot":
        """The next snapshot, of which all but ``change`` is in this one."""
        kept = tuple([entry for entry in self.versions if entry.id not in change.ids])
        return Snapshot(counter, kept + change.versions, silenced, synonyms, change)

    def in_force(self, at: datetime, versions: Iterable[Entry] | None = None) -> tuple[Entry, ...]:
        """What maintainers and agents see at ``at``; see :func:`in_force`. ``versions``: all of some entries only."""
        return in_force(self.versions if versions is None else versions, at)

    def answerable(self, at: datetime, versions: Iterable[Entry] | None = None) -> tuple[Entry, ...]:
        """What the public may be answered at ``at``: in force, for everybody, and not disputed."""
        return tuple(
            entry
            for entry in self.in_force(at, versions)
            if entry.audience == Audience.PUBLIC and entry.id not in self.silenced
        )

    @cached_property
    def boundaries(self) -> tuple[datetime, ...]:
        """The moments at which what is in force changes by itself, in order."""
        begin = {entry.effective_at for entry in self.versions}
        end = {entry.expires_at for entry in self.versions if entry.expires_at}
        moments = {entry.starts_at for entry in self.versions if entry.starts_at}
        moments |= {entry.ends_at for entry in self.versions if entry.ends_at}
        days = begin | {day + timedelta(days=1) for day in end}
        return tuple(sorted(moments | {_midnight(day) for day in days}))

    def since(self, at: datetime) -> datetime:
        """The last boundary up to ``at``: from then on until :meth:`until` the same entries are in force."""
        position = bisect_right(self.boundaries, at)
        return self.boundaries[position - 1] if position else _BEGINNING

    def until(self, at: datetime) -> datetime | None:
        """The first boundary after ``at``; ``None``: nothing changes by itself any more."""
        position = bisect_right(self.boundaries, at)
        return self.boundaries[position] if position < len(self.boundaries) else None


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
            return await read_versions(connection)

    async def snapshot(self) -> Snapshot:
        """All that search needs. The counter is read first: what is newer than it is seen again by the next look."""
        async with self._database.connect() as connection:
            counter = await versions.read(connection, VERSION_NAME)
            disputed = await connection.execute(
                select(disputes.c.entry_id).where(disputes.c.resolved_at.is_(None)).distinct()
            )
            groups = await connection.execute(select(synonyms.c.words).order_by(synonyms.c.id))
            return Snapshot(
                counter,
                await read_versions(connection),
                frozenset(disputed.scalars()),
                tuple(tuple(words) for words in groups.scalars()),
            )

    async def counter(self) -> int:
        """The counter that grows with every change; cheap."""
        async with self._database.connect() as connection:
            return await versions.read(connection, VERSION_NAME)

    async def history(self, id: str) -> tuple[Entry, ...]:
        """The versions of one entry, archived ones too, newest first; empty: there is no such entry."""
        async with self._database.connect() as connection:
            return tuple(reversed(await read_versions(connection, id, archived=True)))

    async def _publish(self, connection: AsyncConnection, forms: tuple[EntryForm, ...], by: str) -> Published:
        newest, spoken = await _known(connection, list(dict.fromkeys(form.id for form in forms)))
        now = self._clock.now()
        added: list[str] = []
        changed: list[str] = []
        unchanged: list[str] = []
        rows: list[dict[str, Any]] = []
        for form in forms:
            before = newest.get(form.id)
            if before and form.id in spoken and same_content(form.entry(before.version), before):
                unchanged.append(form.id)
                continue
            entry = replace(form.entry(before.version + 1 if before else 1), author=by[:32])
            newest[form.id] = entry
            spoken.add(form.id)
            (changed if before else added).append(form.id)
            rows.append(row_of(entry) | {"status": PUBLISHED, "created_at": now})
        if rows:
            count = await versions.bump(connection, VERSION_NAME)
            for start in range(0, len(rows), _BATCH):
                batch = [row | {"changed_in": count} for row in rows[start : start + _BATCH]]
                await connection.execute(insert(entries), batch)
            detail = f"新增 {len(added)} 条，更新 {len(changed)} 条，未经第二人审核"
            await audit.record(
                connection, at=now, by=by[:32], action="knowledge.publish", subject=str(count), detail=detail
            )
        return Published(tuple(added), tuple(changed), tuple(unchanged))


def in_force(all_versions: Iterable[Entry], at: datetime) -> tuple[Entry, ...]:
    """What holds at ``at``: of each entry the newest version that has begun, unless that one has expired.

    Days begin and end at midnight in Asia/Shanghai (CLAUSES Z44: 23:59 the old answer, 00:00 the new). An urgent script
    whose end has come is passed over, so that the version before it speaks again.
    """
    day = local(at).date()
    newest: dict[str, Entry] = {}
    for entry in all_versions:
        if entry.effective_at > day or (entry.starts_at and entry.starts_at > at):
            continue
        if entry.ends_at and entry.ends_at <= at:
            continue
        known = newest.get(entry.id)
        if known is None or known.version < entry.version:
            newest[entry.id] = entry
    held = (newest[id] for id in sorted(newest))
    return tuple(entry for entry in held if entry.expires_at is None or day <= entry.expires_at)


def same_content(one: Entry, other: Entry) -> bool:
    """Do the two say the same, whatever their versions and whoever made them?"""
    return replace(one, version=0, author="", reviewed_by="") == replace(other, version=0, author="", reviewed_by="")


async def read_versions(
    connection: AsyncConnection, id: str | None = None, *, archived: bool = False
) -> tuple[Entry, ...]:
    """Published versions by id and version, of one entry or of all; ``archived``: the archived ones too."""
    query = select(entries).order_by(entries.c.id, entries.c.version)
    if not archived:
        query = query.where(entries.c.status == PUBLISHED)
    if id is not None:
        query = query.where(entries.c.id == id)
    return tuple(entry_of(row) for row in await connection.execute(query))


async def _known(connection: AsyncConnection, ids: Sequence[str]) -> tuple[dict[str, Entry], set[str]]:
    """Of the entries ``ids`` the newest versions, archived or not, and those that have a published one."""
    newest: dict[str, Entry] = {}
    spoken: set[str] = set()
    for start in range(0, len(ids), _BATCH):
        named = entries.c.id.in_(ids[start : start + _BATCH])
        for row in await connection.execute(select(entries).where(named).order_by(entries.c.id, entries.c.version)):
            newest[row.id] = entry_of(row)
            if row.status == PUBLISHED:
                spoken.add(row.id)
    return newest, spoken


async def newest_version(connection: AsyncConnection, id: str) -> Entry | None:
    """The newest version of an entry, archived or not; ``None``: there is no such entry."""
    query = select(entries).where(entries.c.id == id).order_by(entries.c.version.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return entry_of(row) if row else None


def entry_of(row: Row[Any]) -> Entry:
    """The entry of a row of ``entries``."""
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


def row_of(entry: Entry) -> dict[str, Any]:
    """The columns of ``entries`` that an entry fills."""
    return {name: getattr(entry, name) for name in Entry.__slots__} | {
        "similar": list(entry.similar),
        "tags": list(entry.tags),
        "attachments": [asdict(one) for one in entry.attachments],
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL_ZONE).astimezone(UTC)
