"""The knowledge base as its maintainers look through it: newest versions with their state, filters, counts, pages.

An account of a unit sees the rows of its unit alone, and an agent sees no drafts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, local
from knowledge.contract import Actor, Entry
from knowledge.repository import entry_of
from store.accounts import Role
from store.engine import Database
from store.schema import disputes, drafts, entries
from store.schema_knowledge import OPEN_DRAFT

WORDS_MOST: Final = 8
"""Words of a look-up that are looked for."""


class Standing(StrEnum):
    """What an entry's newest version is worth now."""

    IN_FORCE = "in_force"
    EMBARGOED = "embargoed"
    EXPIRED = "expired"
    ARCHIVED = "archived"
    DISPUTED = "disputed"
    DRAFT = "draft"


STANDING_LABELS: Final = {
    Standing.IN_FORCE: "生效中",
    Standing.EMBARGOED: "未到期",
    Standing.EXPIRED: "已过期",
    Standing.ARCHIVED: "已归档",
    Standing.DISPUTED: "有争议",
    Standing.DRAFT: "草稿",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show. Empty filters let everything pass; ``status`` is a :class:`Standing`; ``page`` counts from 1."""

    text: str = ""
    kind: str = ""
    field: str = ""
    unit: str = ""
    area: str = ""
    status: str = ""
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """The draft that somebody still works on."""

    id: str
    status: str
    revision: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry by its newest version. ``updated_at``: when that was published."""

    entry: Entry
    standing: Standing
    updated_at: datetime
    disputed: bool
    draft: OpenDraft | None


@dataclass(frozen=True, slots=True)
class Version:
    """One published version of an entry."""

    entry: Entry
    status: str
    published_at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Page:
    """``counts``: by field, unit and kind, how many entries each value would show."""

    total: int
    counts: Mapping[str, Sequence[tuple[str, int]]]
    rows: Sequence[Listed]


class Catalogue:
    """Reads; changes nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, actor: Actor, wanted: Wanted) -> Page:
        """The entries that ``actor`` may see and ``wanted`` asks for, by id."""
        base = self._base(actor, wanted.text)
        filters = {name: base.c[name] == value for name in _FILTERED if (value := getattr(wanted, name))}
        where = list(filters.values())
        shown = (
            select(base).where(*where).order_by(base.c.id).limit(wanted.size).offset((wanted.page - 1) * wanted.size)
        )
        async with self._database.connect() as connection:
            total = await connection.scalar(select(func.count()).select_from(base).where(*where)) or 0
            counts = {
                name: await _counts(connection, base, name, [one for key, one in filters.items() if key != name])
                for name in _COUNTED
            }
            rows = (await connection.execute(shown)).all()
        return Page(total, counts, [_listed(row, actor) for row in rows])

    async def look(self, actor: Actor, id: str) -> Listed | None:
        """One entry as it is listed; ``None`` where ``actor`` sees none of that id."""
        base = self._base(actor, "")
        async with self._database.connect() as connection:
            row = (await connection.execute(select(base).where(base.c.id == id))).first()
        return _listed(row, actor) if row else None

    async def versions(self, id: str) -> Sequence[Version]:
        """Every version that was ever published, the newest first."""
        query = select(entries).where(entries.c.id == id).order_by(entries.c.version.desc())
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [Version(entry_of(row), row.status, row.created_at, row.note) for row in rows]

    async def holds_attachment(self, actor: Actor, attachment_id: str) -> bool:
        """Whether a version or an open draft that ``actor`` may see has that attachment."""
        quoted = json.dumps(attachment_id)
        seen = _of_unit(actor, entries.c.unit)
        versions = select(literal(1)).where(cast(entries.c.attachments, Text).contains(quoted, autoescape=True), *seen)
        contents = select(drafts.c.content).where(
            text(OPEN_DRAFT), cast(drafts.c.content, Text).contains(quoted, autoescape=True)
        )
        async with self._database.connect() as connection:
            if (await connection.execute(versions.limit(1))).first():
                return True
            if actor.role is Role.AGENT:
                return False
            found = (await connection.execute(contents)).scalars()
            return any(actor.role is not Role.UNIT or content.get("unit") == actor.unit for content in found)

    def _base(self, actor: Actor, words: str) -> FromClause:
        now = self._clock.now()
        newest = select(entries.c.id, func.max(entries.c.version).label("version")).group_by(entries.c.id).subquery()
        disputed = exists().where(disputes.c.entry_id == entries.c.id, disputes.c.resolved_at.is_(None))
        today = local(now).date()
        standing = case(
            (entries.c.status == "archived", Standing.ARCHIVED.value),
            (disputed, Standing.DISPUTED.value),
            (or_(entries.c.expires_at < today, entries.c.ends_at <= now), Standing.EXPIRED.value),
            (or_(entries.c.effective_at > today, entries.c.starts_at > now), Standing.EMBARGOED.value),
            else_=Standing.IN_FORCE.value,
        )
        published = (
            select(
                *[column for column in entries.c if column.name != "status"],
                standing.label("status"),
                disputed.label("disputed"),
                drafts.c.id.label("draft_id"),
                drafts.c.status.label("draft_status"),
                drafts.c.revision.label("draft_revision"),
            )
            .join(newest, and_(newest.c.id == entries.c.id, newest.c.version == entries.c.version))
            .outerjoin(drafts, and_(drafts.c.entry_id == entries.c.id, drafts.c.status.in_(_OPEN)))
            .where(*_of_unit(actor, entries.c.unit), *_words(words))
        )
        return published.subquery()


_FILTERED: Final = ("kind", "field", "unit", "area", "status")
_COUNTED: Final = ("field", "unit", "kind")
_OPEN: Final = ("draft", "in_review", "returned")


async def _counts(
    connection: AsyncConnection, base: FromClause, name: str, where: Sequence[ColumnElement[bool]]
) -> list[tuple[str, int]]:
    number = func.count().label("number")
    query: Select[Any] = (
        select(base.c[name], number).where(*where).group_by(base.c[name]).order_by(number.desc(), base.c[name])
    )
    return [(str(value), int(count)) for value, count in await connection.execute(query)]


def _of_unit(actor: Actor, column: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [column == actor.unit] if actor.role is Role.UNIT else []


def _words(words: str) -> list[ColumnElement[bool]]:
    """Every word must stand in the id, the question, another way to ask, the answer or a tag."""
    return [
        or_(
            *(
                column.icontains(word, autoescape=True)
                for column in (entries.c.id, entries.c.question, entries.c.answer)
            ),
            *(
                cast(column, Text).icontains(json.dumps(word)[1:-1], autoescape=True)
                for column in (entries.c.similar, entries.c.tags)
            ),
        )
        for word in words.split()[:WORDS_MOST]
    ]


def _listed(row: Row[Any], actor: Actor) -> Listed:
    draft = None
    if row.draft_id and actor.role is not Role.AGENT:
        draft = OpenDraft(row.draft_id, row.draft_status, row.draft_revision)
    return Listed(entry_of(row), Standing(row.status), row.created_at, bool(row.disputed), draft)
