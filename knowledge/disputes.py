"""Entries said to be wrong (CLAUSES Z47): silent for the bot at once, put right within 2 working days."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from knowledge.contract import Actor, KnowledgeError
from knowledge.permissions import READERS, REPORTERS, REVIEWERS, require
from knowledge.repository import VERSION_NAME, newest_version
from knowledge.working_days import end_of_working_day
from store import audit, versions
from store.accounts import Role
from store.engine import Database
from store.ids import new_id
from store.schema import disputes, entries
from store.vault import Vault

WORKING_DAYS: Final = 2
MOST_REASON: Final = 1000
REPORTERS_OTHER: Final = frozenset({"citizen", "bot"})
OUTCOMES: Final = {"corrected": "已改正", "unfounded": "经核实无误"}
_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Dispute:
    """One report of an error. ``due_at``: ``None`` while that year's calendar is not announced; then never overdue."""

    id: str
    entry_id: str
    version: int
    reporter_kind: str
    reporter: str
    conversation_id: str | None
    reason: str
    at: datetime
    due_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    outcome: str | None
    note: str
    question: str
    unit: str
    overdue: bool


class Disputes:
    """Takes reports and settles them. Raises :class:`KnowledgeError`."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def report_dispute(
        self,
        actor: Actor,
        entry_id: str,
        reason: str,
        *,
        conversation_id: str | None = None,
        version: int | None = None,
    ) -> Dispute:
        """An agent or a maintainer says that an entry is wrong; ``version``: the one that was read, else the newest."""
        require(actor, REPORTERS, "报告条目有错")
        if not reason.strip():
            raise KnowledgeError("invalid", "请写明哪里不对", (("reason", "请填写"),))
        return await self._report("agent", actor.id, entry_id, reason, conversation_id, version)

    async def dispute_from(
        self, kind: str, entry_id: str, reason: str, *, conversation_id: str | None = None, version: int | None = None
    ) -> Dispute:
        """A citizen (``citizen``) or the bot itself (``bot``) says so; ``reason`` in masked words."""
        if kind not in REPORTERS_OTHER:
            raise ValueError(f"no such reporter: {kind}")
        return await self._report(kind, "", entry_id, reason, conversation_id, version)

    async def disputes(self, actor: Actor, entry_id: str = "") -> tuple[Dispute, ...]:
        """Of one entry: all, the newest first; of all entries: the open ones, the longest open first."""
        require(actor, READERS | {Role.AGENT}, "看争议")
        if entry_id:
            query = select(disputes).where(disputes.c.entry_id == entry_id).order_by(disputes.c.at.desc())
        else:
            query = select(disputes).where(disputes.c.resolved_at.is_(None)).order_by(disputes.c.at)
        async with self._database.connect() as connection:
            rows = (await connection.execute(query.limit(_LISTED))).all()
            found = [await self._dispute(connection, row) for row in rows]
        return tuple(one for one in found if actor.role is not Role.UNIT or one.unit == actor.unit)

    async def overdue(self, actor: Actor) -> tuple[Dispute, ...]:
        """Open disputes whose 2 working days are over."""
        return tuple(one for one in await self.disputes(actor) if one.overdue)

    async def resolve_dispute(self, actor: Actor, dispute_id: str, outcome: str, note: str) -> Dispute:
        """A reviewer settles it: ``unfounded`` lets the entry speak again; ``corrected`` needs a newer version."""
        require(actor, REVIEWERS, "处理争议")
        if outcome not in OUTCOMES or not note.strip() or len(note) > MOST_REASON:
            raise KnowledgeError("invalid", "请选处理结果（已改正、经核实无误）并写明依据", (("note", "请填写依据"),))
        async with self._database.begin() as connection:
            row = (await connection.execute(select(disputes).where(disputes.c.id == dispute_id))).first()
            if row is None:
                raise KnowledgeError("not_found", "没有这条争议，请刷新页面")
            newest = await newest_version(connection, row.entry_id)
            if outcome == "corrected" and newest and newest.version <= row.version:
                raise KnowledgeError("invalid", "还没有发布改正后的新版；若内容无误，请选“经核实无误”")
            done = await connection.execute(
                update(disputes)
                .where(disputes.c.id == dispute_id, disputes.c.resolved_at.is_(None))
                .values(resolved_at=self._clock.now(), resolved_by=actor.id, outcome=outcome, note=note.strip())
            )
            if done.rowcount != 1:
                raise KnowledgeError("conflict", f"{row.resolved_by} 已经处理过这条争议，请刷新页面")
            await versions.bump(connection, VERSION_NAME)
            await self._audit_dispute(connection, actor.id, "knowledge.dispute.resolved", row.entry_id, outcome)
            settled = (await connection.execute(select(disputes).where(disputes.c.id == dispute_id))).one()
            return await self._dispute(connection, settled)

    async def _report(
        self, kind: str, reporter: str, entry_id: str, reason: str, conversation_id: str | None, version: int | None
    ) -> Dispute:
        if len(reason) > MOST_REASON:
            raise KnowledgeError("invalid", f"说明最多 {MOST_REASON} 个字，请写短些", (("reason", "太长"),))
        now = self._clock.now()
        async with self._database.begin() as connection:
            newest = await newest_version(connection, entry_id)
            if newest is None:
                raise KnowledgeError("not_found", f"知识库里没有编号为 {entry_id} 的条目")
            row = {
                "id": new_id(),
                "entry_id": entry_id,
                "version": newest.version if version is None else version,
                "reporter_kind": kind,
                "reporter": reporter,
                "conversation_id": conversation_id,
                "reason_enc": self._vault.encrypt(reason.strip()),
                "at": now,
                "due_at": end_of_working_day(now, WORKING_DAYS),
            }
            await connection.execute(insert(disputes).values(row))
            await versions.bump(connection, VERSION_NAME)
            await self._audit_dispute(connection, reporter or kind, "knowledge.dispute.reported", entry_id, kind)
            made = (await connection.execute(select(disputes).where(disputes.c.id == row["id"]))).one()
            return await self._dispute(connection, made)

    async def _audit_dispute(
        self, connection: AsyncConnection, by: str, action: str, entry_id: str, detail: str
    ) -> None:
        await audit.record(connection, at=self._clock.now(), by=by, action=action, subject=entry_id, detail=detail)

    async def _dispute(self, connection: AsyncConnection, row: Row[Any]) -> Dispute:
        said = select(entries.c.question, entries.c.unit).where(
            entries.c.id == row.entry_id, entries.c.version == row.version
        )
        entry = (await connection.execute(said)).first()
        due = row.due_at or end_of_working_day(row.at, WORKING_DAYS)
        found = Dispute(
            id=row.id,
            entry_id=row.entry_id,
            version=row.version,
            reporter_kind=row.reporter_kind,
            reporter=row.reporter,
            conversation_id=row.conversation_id,
            reason=self._vault.decrypt(row.reason_enc),
            at=row.at,
            due_at=due,
            resolved_at=row.resolved_at,
            resolved_by=row.resolved_by,
            outcome=row.outcome,
            note=row.note,
            question=entry.question if entry else "",
            unit=entry.unit if entry else "",
            overdue=False,
        )
        return replace(found, overdue=bool(not row.resolved_at and due and due <= self._clock.now()))
