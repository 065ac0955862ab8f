"""What comes in from outside: whole files as one batch of drafts in review, a unit's document as a draft to finish."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from knowledge.content import new_entry_id, stored
from knowledge.contract import Actor, Entry
from knowledge.document import Document
from knowledge.drafts import IN_REVIEW, MOST_NOTE, OPEN, Draft, draft_of
from knowledge.importer import ImportRefused, Row, RowError
from knowledge.permissions import MAINTAINERS, require
from knowledge.repository import entry_of, same_content
from store import audit
from store.accounts import Role
from store.engine import Database
from store.ids import new_id
from store.schema import drafts, entries

_BATCH: Final = 100
_FIELD_UNKNOWN: Final = "其他"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would do: ids that are new, changed, the same; ``errors``: rows for which it cannot be done."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    errors: tuple[RowError, ...]


class Intake:
    """Makes drafts of what came in; nothing is published by it. Raises :class:`knowledge.contract.KnowledgeError`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def plan_import(self, actor: Actor, rows: Sequence[Row]) -> Plan:
        """What :meth:`import_drafts` would do."""
        require(actor, MAINTAINERS, "导入")
        plan, _ = await self._planned(rows)
        return plan

    async def import_drafts(self, actor: Actor, rows: Sequence[Row], note: str = "") -> tuple[str, ...]:
        """Drafts in review of all rows that say something new, or none at all; returns the drafts' ids.

        Raises :class:`ImportRefused` when an entry of the file has an open draft already. The database is held for the
        writing alone: calls go on writing while a large file is compared.
        """
        require(actor, MAINTAINERS, "导入")
        plan, newest = await self._planned(rows)
        if plan.errors:
            raise ImportRefused("rows_invalid", f"有 {len(plan.errors)} 处不能导入，一条也没有导入：", plan.errors)
        wanted = {*plan.added, *plan.changed}
        made = [
            self._row(actor, row, newest.get(row.form.id), note) async for row in _gently(rows) if row.form.id in wanted
        ]
        try:
            async with self._database.begin() as connection:
                for start in range(0, len(made), _BATCH):
                    await connection.execute(insert(drafts), made[start : start + _BATCH])
                if made:
                    await self._audit_import(connection, actor, len(plan.added), len(plan.changed))
        except IntegrityError as error:
            raise ImportRefused(
                "rows_invalid", "刚刚有人为其中的条目建了草稿，一条也没有导入；请先处理那份草稿，再重新导入"
            ) from error
        return tuple(str(one["id"]) for one in made)

    async def _planned(self, rows: Sequence[Row]) -> tuple[Plan, dict[str, Entry]]:
        ids = [row.form.id for row in rows]
        async with self._database.connect() as connection:
            newest, being_written = await _newest(connection, ids), await _being_written(connection, ids)
        return await asyncio.to_thread(_plan, rows, newest, being_written), newest

    def _row(self, actor: Actor, row: Row, before: Entry | None, note: str) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "id": new_id(),
            "entry_id": row.form.id,
            "base_version": before.version if before else 0,
            "content": stored(row.form),
            "status": IN_REVIEW,
            "origin": "import",
            "editors": [actor.id],
            "revision": 1,
            "created_at": now,
            "updated_at": now,
            "submitted_by": actor.id,
            "submitted_at": now,
            "review_note": "",
            "note": note.strip()[:MOST_NOTE] or "文件导入",
        }

    async def _audit_import(self, connection: AsyncConnection, actor: Actor, added: int, changed: int) -> None:
        await audit.record(
            connection,
            at=self._clock.now(),
            by=actor.id,
            action="knowledge.import.drafts",
            subject="import",
            detail=f"新增 {added} 条，更新 {changed} 条，待审核",
        )


def document_content(document: Document, actor: Actor, unit: str, field: str, today: date) -> dict[str, Any]:
    """What a draft of a unit's document holds: its words as they are; the spoken answer is left to be written."""
    return {
        "id": new_entry_id(today),
        "question": document.title,
        "speech": "",
        "unit": actor.unit if actor.role is Role.UNIT else unit,
        "field": field or _FIELD_UNKNOWN,
        "effective_at": today.isoformat(),
    } | document_answer(document)


def document_answer(document: Document) -> dict[str, Any]:
    """The fields of a draft that a document fills: its words as the answer, and where they stand."""
    return {
        "answer": document.text,
        "source": document.title,
        "source_no": document.number,
        "source_date": document.date.isoformat() if document.date else None,
        "official": document.text,
    }


def document_note(document: Document) -> str:
    """What the reviewer is told of a draft made from a document."""
    return f"由文件“{document.name}”录入"


async def _gently(rows: Sequence[Row]) -> AsyncIterator[Row]:
    """The rows, with a pause for calls after every few."""
    for number, row in enumerate(rows):
        if number % _BATCH == 0:
            await asyncio.sleep(0)
        yield row


async def _newest(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Entry]:
    """The newest version of each of the entries ``ids``, archived or not."""
    found: dict[str, Entry] = {}
    for start in range(0, len(ids), _BATCH):
        named = entries.c.id.in_(ids[start : start + _BATCH])
        last = select(entries.c.id, func.max(entries.c.version).label("version")).where(named).group_by(entries.c.id)
        newest = last.subquery()
        query = select(entries).join(newest, (newest.c.id == entries.c.id) & (newest.c.version == entries.c.version))
        found |= {row.id: entry_of(row) for row in await connection.execute(query)}
    return found


async def _being_written(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Draft]:
    """The open drafts of the entries ``ids``."""
    found: dict[str, Draft] = {}
    for start in range(0, len(ids), _BATCH):
        named = drafts.c.entry_id.in_(ids[start : start + _BATCH])
        rows = await connection.execute(select(drafts).where(drafts.c.status.in_(OPEN), named))
        found |= {row.entry_id: draft_of(row) for row in rows}
    return found


def _plan(rows: Sequence[Row], newest: dict[str, Entry], being_written: dict[str, Draft]) -> Plan:
    """What the rows would do. A sample entry that was exported and comes back as it was says nothing new."""
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    errors: list[RowError] = []
    for row in rows:
        before, draft = newest.get(row.form.id), being_written.get(row.form.id)
        if before and same_content(replace(row.form.entry(before.version), sample=before.sample), before):
            unchanged.append(row.form.id)
        elif draft:
            errors.append(
                RowError(row.line, row.form.id, f"已有一份{draft.status_label}（{draft.last_hand}），请先处理它")
            )
        else:
            (changed if before else added).append(row.form.id)
    return Plan(tuple(added), tuple(changed), tuple(unchanged), tuple(errors))
