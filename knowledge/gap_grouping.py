"""Puts every consultation that was not answered at once into a gap, near-duplicates into the same one.

It runs beside the conversations and not in them: a turn only writes its question down. An answer that was offered and
not picked is waited for a while: the citizen may be thinking.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, and_, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, local
from knowledge.consultations import Result
from knowledge.gap_clock import due_at
from knowledge.gap_likeness import SAME, Signature, likeness, signature
from store import versions
from store.engine import Database
from store.ids import new_id
from store.schema import consultations, drafts, entries, gaps
from store.vault import Vault

VERSION_NAME: Final = "gaps"
PICKED_WITHIN: Final = timedelta(minutes=10)
"""So long an offer may still be picked."""
SETTLED_WITHIN: Final = timedelta(days=1)
"""No conversation changes the outcome of a question later than this."""
MOST_COMPARED: Final = 5000
"""Gaps that a question is compared with, those asked for last."""
BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class _Question:
    row: Row[Any]
    text: str
    signature: Signature


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a question belongs. ``new``: a gap that it opens."""

    question: _Question
    gap_id: str
    new: bool


class _Overtaken(Exception):
    """Another process has placed questions in the meantime: look again."""


class Grouping:
    """Follows the consultations. One of these in a process; several processes may run one each."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._known: dict[str, Signature] = {}
        self._since: datetime | None = None

    async def gather(self) -> int:
        """Take up every question that is due, and what became of drafts; returns how many questions were placed."""
        begun, placed = self._clock.now(), 0
        await self._settle()
        while taken := await self._gather_some():
            placed += taken
        self._since = begun - SETTLED_WITHIN
        return placed

    async def _gather_some(self) -> int:
        """One batch: read, compared in a thread, written."""
        async with self._database.connect() as connection:
            counter = await versions.read(connection, VERSION_NAME)
            rows = (await connection.execute(self._waiting().limit(BATCH))).all()
            if not rows:
                return 0
            await self._learn(connection)
        placed = await asyncio.to_thread(self._place, rows)
        try:
            async with self._database.begin() as connection:
                if await versions.bump(connection, VERSION_NAME) != counter + 1:
                    raise _Overtaken
                for one in placed:
                    await self._write(connection, one)
        except _Overtaken:
            return len(rows)
        self._known |= {one.gap_id: one.question.signature for one in placed if one.new}
        return len(placed)

    def _waiting(self) -> Select[Any]:
        """Questions that belong to a gap and have none."""
        offered = and_(
            consultations.c.outcome == Result.OFFERED.value,
            consultations.c.at > self._clock.now() - PICKED_WITHIN,
        )
        wanted = [consultations.c.reason != "", consultations.c.gap_id.is_(None), not_(offered)]
        if self._since is not None:
            wanted.append(consultations.c.at >= self._since)
        return select(consultations).where(*wanted).order_by(consultations.c.at, consultations.c.id)

    async def _learn(self, connection: AsyncConnection) -> None:
        """Know the signatures of the gaps that are there."""
        newest = select(gaps.c.id).order_by(gaps.c.last_at.desc()).limit(MOST_COMPARED)
        ids = [str(id) for id in (await connection.execute(newest)).scalars()]
        self._known = {id: self._known[id] for id in ids if id in self._known}
        unknown = [id for id in ids if id not in self._known]
        for start in range(0, len(unknown), BATCH * 10):
            query = select(gaps.c.id, gaps.c.signature).where(gaps.c.id.in_(unknown[start : start + BATCH * 10]))
            self._known |= {row.id: Signature.from_json(row.signature) for row in await connection.execute(query)}

    def _place(self, rows: Sequence[Row[Any]]) -> list[_Placed]:
        """Compare questions with the gaps and with each other. Runs in a thread."""
        known, placed = dict(self._known), []
        for row in rows:
            text = self._vault.decrypt(row.text_enc, row.id)
            question = _Question(row, text, signature(text, self._vault.key))
            gap_id = likest(question.signature, known)
            placed.append(_Placed(question, gap_id or new_id(), gap_id is None))
            known[placed[-1].gap_id] = known.get(placed[-1].gap_id, question.signature)
        return placed

    async def _write(self, connection: AsyncConnection, placed: _Placed) -> None:
        row = placed.question.row
        if placed.new:
            await self._open(connection, placed)
        else:
            await self._join(connection, placed.gap_id, row)
        await connection.execute(update(consultations).where(consultations.c.id == row.id).values(gap_id=placed.gap_id))

    async def _open(self, connection: AsyncConnection, placed: _Placed) -> None:
        row, due = placed.question.row, due_at(placed.question.row.at)
        await connection.execute(
            insert(gaps).values(
                id=placed.gap_id,
                title_enc=self._vault.encrypt(placed.question.text, placed.gap_id),
                topic=row.topic,
                unit=row.unit,
                reason=row.reason,
                status="open",
                created_at=row.at,
                last_at=row.at,
                due_at=due.at,
                due_on_holiday=due.on_holiday,
                entry_id=_told(row),
                signature=placed.question.signature.to_json(),
            )
        )

    async def _join(self, connection: AsyncConnection, gap_id: str, row: Row[Any]) -> None:
        gap = (await connection.execute(select(gaps).where(gaps.c.id == gap_id))).one()
        changes: dict[str, Any] = {"last_at": max(gap.last_at, row.at)}
        if not gap.topic and row.topic:
            changes |= {"topic": row.topic, "unit": gap.unit or row.unit}
        if gap.status == "open" and gap.entry_id is None and _told(row):
            changes["entry_id"] = _told(row)
        if gap.status == "answered" and await _answerable(connection, gap, row.at):
            due = due_at(row.at)
            changes |= {"status": "open", "draft_id": None, "due_at": due.at, "due_on_holiday": due.on_holiday}
        await connection.execute(update(gaps).where(gaps.c.id == gap_id).values(**changes))

    async def _settle(self) -> None:
        """A published draft answers its gap; one that was withdrawn, or is gone, leaves it open."""
        query = (
            select(gaps.c.id, drafts.c.status, drafts.c.entry_id)
            .select_from(gaps.outerjoin(drafts, drafts.c.id == gaps.c.draft_id))
            .where(gaps.c.status == "drafted", func.coalesce(drafts.c.status, "").in_(["", "published", "withdrawn"]))
        )
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            return
        async with self._database.begin() as connection:
            for row in rows:
                published = row.status == "published"
                values = {"status": "answered", "entry_id": row.entry_id} if published else {"status": "open"}
                still = update(gaps).where(gaps.c.id == row.id, gaps.c.status == "drafted")
                await connection.execute(still.values(**values))


def likest(asked: Signature, known: dict[str, Signature]) -> str | None:
    """The id of what asks the same as ``asked``, the likest of several; ``None``: nothing does."""
    best, found = SAME, None
    for id, other in known.items():
        value = likeness(asked, other)
        if value >= best and (found is None or value > best):
            best, found = value, id
    return found


def _told(row: Row[Any]) -> str | None:
    """The entry that the answer stands in already: one said to be wrong, or the one an agent answered with."""
    mended = {Result.DISPUTED.value, Result.AGENT_ANSWERED.value}
    return str(row.entry_id) if row.outcome in mended and row.entry_id else None


async def _answerable(connection: AsyncConnection, gap: Row[Any], at: datetime) -> bool:
    """Whether what was published for the gap could have answered at ``at``."""
    query = (
        select(drafts.c.reviewed_at, entries.c.effective_at)
        .select_from(
            drafts.join(
                entries, and_(entries.c.id == drafts.c.entry_id, entries.c.version == drafts.c.published_version)
            )
        )
        .where(drafts.c.id == gap.draft_id)
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return True
    return bool(row.effective_at <= local(at).date() and (row.reviewed_at is None or row.reviewed_at <= at))
