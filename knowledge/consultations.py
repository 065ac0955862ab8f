"""Every question asked of the knowledge base, what became of it, and the share that was settled at once (R11).

Texts come masked and are encrypted at rest. A row is written in the transaction of the turn that tells the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Row, cast, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import LOCAL_ZONE, Clock, local
from store.engine import Database
from store.ids import new_id
from store.schema import consultations
from store.vault import Vault

MAX_TEXT: Final = 500
"""Characters of a question that are kept."""
MOST_DAYS: Final = 3660
"""Days that one table of rates may have: ten years."""
_CENT: Final = Decimal("0.01")


class Result(StrEnum):
    """What became of a consultation. ``OFFERED``: several answers were offered and none was picked (yet)."""

    ANSWERED = "answered"
    CHOSEN = "chosen"
    OFFERED = "offered"
    DENIED = "denied"
    DISPUTED = "disputed"
    NO_MATCH = "no_match"
    LOW_CONFIDENCE = "low_confidence"
    FAILED = "failed"
    HANDED_OVER = "handed_over"
    AGENT_ANSWERED = "agent_answered"


INSTANT: Final = frozenset({Result.ANSWERED, Result.CHOSEN, Result.AGENT_ANSWERED})
"""Settled at the front desk, by the bot or by an agent, while the citizen was there (R11)."""


class Reason(StrEnum):
    """Why a consultation was not answered at once: the five of 海口's report (R14), and four that the bot sees itself."""

    NEGLECTED = "neglected"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"
    IRREGULAR = "irregular"
    NEEDS_INTERPRETATION = "needs_interpretation"
    NO_MATCH = "no_match"
    LOW_CONFIDENCE = "low_confidence"
    DENIED = "denied"
    SYSTEM_ERROR = "system_error"


REASON_LABELS: Final = {
    Reason.NEGLECTED: "不重视",
    Reason.OUTDATED: "更新不及时",
    Reason.INCOMPLETE: "不完整",
    Reason.IRREGULAR: "不规范",
    Reason.NEEDS_INTERPRETATION: "需政策解读",
    Reason.NO_MATCH: "未命中",
    Reason.LOW_CONFIDENCE: "低置信",
    Reason.DENIED: "用户否定",
    Reason.SYSTEM_ERROR: "系统异常",
}
_REASON_OF: Final = {
    Result.OFFERED: Reason.LOW_CONFIDENCE,
    Result.LOW_CONFIDENCE: Reason.LOW_CONFIDENCE,
    Result.NO_MATCH: Reason.NO_MATCH,
    Result.DENIED: Reason.DENIED,
    Result.DISPUTED: Reason.OUTDATED,
    Result.FAILED: Reason.SYSTEM_ERROR,
}


@dataclass(frozen=True, slots=True)
class Consultation:
    """One question. ``contact_key``: who asked (a caller's id, else the conversation's); ``text`` masked.

    ``entry_id``: what was given as the answer; ``score``: of the best entry found. ``topic``, ``unit``: of the entry
    answered with, else the best guess; ``reason``: by ``result`` unless given.
    """

    conversation_id: str
    contact_key: str
    channel: str
    text: str = field(repr=False)
    at: datetime
    result: Result
    verdict: str = ""
    entry_id: str | None = None
    version: int | None = None
    score: float | None = None
    unit: str = ""
    topic: str = ""
    reason: str = ""
    turn_id: str | None = None
    id: str = field(default_factory=new_id)

    def become(self, result: Result) -> "Consultation":
        """The same with another result, for the reason that it had."""
        return replace(self, result=result, reason=self.reason or _REASON_OF.get(self.result, ""))


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a consultation later. ``reason`` empty: that of the result, or the one it has.

    ``entry_id``, ``version``, ``unit``, ``topic``: of the entry that was answered with after all.
    """

    consultation_id: str
    result: Result
    reason: str = ""
    entry_id: str | None = None
    version: int | None = None
    unit: str = ""
    topic: str = ""


@dataclass(frozen=True, slots=True)
class RateRow:
    """One day, unit, topic or channel. ``share`` in percent with two decimals; ``None`` where nothing was asked."""

    key: str
    instant: int
    total: int
    share: float | None


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate of a period as a whole, and by rows."""

    instant: int
    total: int
    share: float | None
    rows: tuple[RateRow, ...]


class Consultations:
    """Writes and counts consultations."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def record(self, consultation: Consultation) -> str:
        """Write one consultation in a transaction of its own; returns its id."""
        async with self._database.begin() as connection:
            await self.write(connection, (consultation,), ())
        return consultation.id

    async def write(
        self, connection: AsyncConnection, asked: Sequence[Consultation], settled: Sequence[Settled]
    ) -> None:
        """Write new consultations, and what became of earlier ones, in the caller's transaction."""
        for one in asked:
            await connection.execute(insert(consultations).values(**self._row(one)))
        for change in settled:
            chosen = consultations.c.id == change.consultation_id
            await connection.execute(update(consultations).where(chosen).values(**_changes(change)))

    async def latest(self, conversation_id: str) -> str | None:
        """The id of a conversation's last consultation."""
        last = (
            select(consultations.c.id)
            .where(consultations.c.conversation_id == conversation_id)
            .order_by(consultations.c.at.desc(), consultations.c.id)
            .limit(1)
        )
        async with self._database.connect() as connection:
            found = (await connection.execute(last)).scalar_one_or_none()
        return str(found) if found is not None else None

    async def mark(self, conversation_id: str, result: Result, **changes: Any) -> str | None:
        """Say what became of a conversation's last consultation; its id, or ``None`` when it had none.

        ``changes``: further fields of :class:`Settled`.
        """
        id = await self.latest(conversation_id)
        if id is not None:
            async with self._database.begin() as connection:
                await self.write(connection, (), (Settled(id, result, **changes),))
        return id

    async def of_conversation(self, conversation_id: str) -> tuple[Consultation, ...]:
        """A conversation's consultations, the earliest first."""
        wanted = (
            select(consultations)
            .where(consultations.c.conversation_id == conversation_id)
            .order_by(consultations.c.at, consultations.c.id)
        )
        async with self._database.connect() as connection:
            return tuple(self._read(row) for row in await connection.execute(wanted))

    async def answers(self, entry_id: str, since: datetime) -> int:
        """How often an entry was given as the answer since then, by the bot or by an agent."""
        counted = (
            select(func.count())
            .select_from(consultations)
            .where(consultations.c.entry_id == entry_id, consultations.c.at >= since)
        )
        async with self._database.connect() as connection:
            return int((await connection.execute(counted)).scalar_one())

    async def confirmed(self, since: datetime, most: int) -> tuple[tuple[str, str], ...]:
        """(question, entry id) of what was asked since then and answered with an entry that the citizen chose or an agent
        named; the newest first, at most ``most``.
        """
        wanted = (
            select(consultations.c.id, consultations.c.text_enc, consultations.c.entry_id)
            .where(
                consultations.c.outcome.in_((Result.CHOSEN.value, Result.AGENT_ANSWERED.value)),
                consultations.c.entry_id.is_not(None),
                consultations.c.at >= since,
            )
            .order_by(consultations.c.at.desc(), consultations.c.id)
            .limit(most)
        )
        async with self._database.connect() as connection:
            rows = (await connection.execute(wanted)).all()
        return tuple((self._vault.decrypt(row.text_enc, row.id), str(row.entry_id)) for row in rows)

    async def rate(self, by: str, since: datetime, until: datetime, unit: str = "") -> Rate:
        """The instant rate from ``since`` until just before ``until``, by day | unit | topic | channel (R11).

        ``unit``: only that unit's consultations; empty for all. Raises ``ValueError`` for another ``by`` or a longer time
        than :data:`MOST_DAYS`.
        """
        if by not in {"day", "unit", "topic", "channel"}:
            raise ValueError("a rate is by day, unit, topic or channel")
        if until - since > timedelta(days=MOST_DAYS):
            raise ValueError(f"a rate is of {MOST_DAYS} days at most")
        async with self._database.connect() as connection:
            if by == "day":
                counted = [
                    (day.isoformat(), *await _count(connection, max(since, start), min(until, end), unit))
                    for day, start, end in _days(since, until)
                ]
            else:
                column = consultations.c[by]
                query = select(column, *_COUNTS).where(*_within(since, until, unit)).group_by(column)
                counted = [(row[0], int(row[1]), int(row[2] or 0)) for row in await connection.execute(query)]
        rows = tuple(RateRow(key, instant, total, share(instant, total)) for key, total, instant in counted)
        instant, total = sum(row.instant for row in rows), sum(row.total for row in rows)
        ordered = rows if by == "day" else tuple(sorted(rows, key=lambda row: (-row.total, row.key)))
        return Rate(instant, total, share(instant, total), ordered)

    def _row(self, one: Consultation) -> dict[str, Any]:
        return {
            "id": one.id,
            "at": one.at,
            "conversation_id": one.conversation_id,
            "turn_id": one.turn_id,
            "contact_key": one.contact_key,
            "channel": one.channel,
            "text_enc": self._vault.encrypt(one.text[:MAX_TEXT], one.id),
            "entry_id": one.entry_id,
            "version": one.version,
            "score": one.score,
            "verdict": one.verdict,
            "outcome": one.result.value,
            "instant": one.result in INSTANT,
            "unit": one.unit[:100],
            "topic": one.topic[:64],
            "reason": one.reason or _REASON_OF.get(one.result, ""),
        }

    def _read(self, row: Row[Any]) -> Consultation:
        return Consultation(
            conversation_id=row.conversation_id,
            contact_key=row.contact_key,
            channel=row.channel,
            text=self._vault.decrypt(row.text_enc, row.id),
            at=row.at,
            result=Result(row.outcome),
            verdict=row.verdict,
            entry_id=row.entry_id,
            version=row.version,
            score=row.score,
            unit=row.unit,
            topic=row.topic,
            reason=row.reason,
            turn_id=row.turn_id,
            id=row.id,
        )


def share(instant: int, total: int) -> float | None:
    """``instant`` of ``total`` in percent, rounded once, half up, to two decimals; ``None`` when ``total`` is 0."""
    if total == 0:
        return None
    return float((Decimal(100) * instant / total).quantize(_CENT, ROUND_HALF_UP))


_COUNTS: Final = (func.count(), func.sum(cast(consultations.c.instant, Integer)))


def _changes(change: Settled) -> dict[str, Any]:
    values: dict[str, Any] = {"outcome": change.result.value, "instant": change.result in INSTANT}
    if change.result in {Result.ANSWERED, Result.CHOSEN}:
        values |= {"reason": "", "gap_id": None}
    elif reason := change.reason or _REASON_OF.get(change.result):
        values["reason"] = reason
    if change.entry_id is not None:
        values |= {"entry_id": change.entry_id, "version": change.version}
    return values | {name: value for name in ("unit", "topic") if (value := getattr(change, name))}


def _within(since: datetime, until: datetime, unit: str) -> list[ColumnElement[bool]]:
    wanted = [consultations.c.at >= since, consultations.c.at < until]
    return [*wanted, consultations.c.unit == unit] if unit else wanted


async def _count(connection: AsyncConnection, since: datetime, until: datetime, unit: str) -> tuple[int, int]:
    row = (await connection.execute(select(*_COUNTS).where(*_within(since, until, unit)))).one()
    return int(row[0]), int(row[1] or 0)


def _days(since: datetime, until: datetime) -> list[tuple[date, datetime, datetime]]:
    """The days in Asia/Shanghai that the period touches, each with its beginning and end."""
    days: list[tuple[date, datetime, datetime]] = []
    day = local(since).date()
    while (start := datetime.combine(day, time(), LOCAL_ZONE)) < until:
        following = day + timedelta(days=1)
        days.append((day, start, datetime.combine(following, time(), LOCAL_ZONE)))
        day = following
    return days
