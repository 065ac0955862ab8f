"""What comes in from outside: whole files as one batch of drafts in review, a unit's document as a draft to finish."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from knowledge.content import new_entry_id, stored
from knowledge.contract import Actor, Entry
from knowledge.document import Document
from knowledge.drafts import IN_REVIEW, MOST_NOTE, OPEN, Draft, draft_of
from knowledge.importer import ImportRefused, Row, RowError
from knowledge.permissions import MAINTAINERS, require
from knowledge.repository import read_versions, same_content
from store import audit
from store.accounts import Role
from store.engine import Database
from store.ids import new_id
from store.schema import drafts

_BATCH: Final = 500
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
        async with self._database.connect() as connection:
            return _plan(rows, await _newest(connection), await _being_written(connection))

    async def import_drafts(self, actor: Actor, rows: Sequence[Row], note: str = "") -> tuple[str, ...]:
        """Drafts in review of all rows that say something new, or none at all; returns the drafts' ids.

        Raises :class:`ImportRefused` when an entry of the file has an open draft already.
        """
        require(actor, MAINTAINERS, "导入")
        async with self._database.begin() as connection:
            newest = await _newest(connection)
            plan = _plan(rows, newest, await _being_written(connection))
            if plan.errors:
                raise ImportRefused("rows_invalid", f"有 {len(plan.errors)} 处不能导入，一条也没有导入：", plan.errors)
            wanted = {*plan.added, *plan.changed}
            made = [self._row(actor, row, newest.get(row.form.id), note) for row in rows if row.form.id in wanted]
            for start in range(0, len(made), _BATCH):
                await connection.execute(insert(drafts), made[start : start + _BATCH])
            if made:
                await self._audit_import(connection, actor, len(plan.added), len(plan.changed))
        return tuple(str(one["id"]) for one in made)

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
        "answer": document.text,
        "speech": "",
        "unit": actor.unit if actor.role is Role.UNIT else unit,
        "field": field or _FIELD_UNKNOWN,
        "source": document.title,
        "source_no": document.number,
        "source_date": document.date.isoformat() if document.date else None,
        "official": document.text,
        "effective_at": today.isoformat(),
    }


async def _newest(connection: AsyncConnection) -> dict[str, Entry]:
    return {entry.id: entry for entry in await read_versions(connection, archived=True)}


async def _being_written(connection: AsyncConnection) -> dict[str, Draft]:
    rows = await connection.execute(select(drafts).where(drafts.c.status.in_(OPEN)))
    return {row.entry_id: draft_of(row) for row in rows}


def _plan(rows: Sequence[Row], newest: dict[str, Entry], being_written: dict[str, Draft]) -> Plan:
    added: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    errors: list[RowError] = []
    for row in rows:
        before, draft = newest.get(row.form.id), being_written.get(row.form.id)
        if before and same_content(row.form.entry(before.version), before):
            unchanged.append(row.form.id)
        elif draft:
            errors.append(
                RowError(row.line, row.form.id, f"已有一份{draft.status_label}（{draft.last_hand}），请先处理它")
            )
        else:
            (changed if before else added).append(row.form.id)
    return Plan(tuple(added), tuple(changed), tuple(unchanged), tuple(errors))
