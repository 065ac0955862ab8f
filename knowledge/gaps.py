"""The gap board: what citizens asked and were not answered at once, ranked, and what is done about it (R13, R14, H8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Row, Select, distinct, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, local
from knowledge.consultations import REASON_LABELS, Reason
from knowledge.content import json_of
from knowledge.contract import Actor, Entry, KnowledgeError
from knowledge.document import Document
from knowledge.drafts import Draft
from knowledge.entries import MAX_QUESTION, MAX_SIMILAR
from knowledge.gap_grouping import Grouping
from knowledge.intake import document_answer, document_note
from knowledge.lifecycle import Lifecycle
from knowledge.permissions import MAINTAINERS, READERS, WRITERS, require
from store import audit
from store.accounts import Role
from store.engine import Database
from store.schema import consultations, gaps
from store.vault import Vault

STATUS_LABELS: Final = {"open": "待补充", "drafted": "已起草", "answered": "已答复", "closed": "已关闭"}
MOST_SHOWN: Final = 500
"""Gaps on the board; what is asked for least is left out."""
MOST_SAMPLES: Final = 5
MOST_WAYS: Final = 20
"""Callers' own words that a draft starts with."""
MAX_NOTE: Final = 500
_UNIT_MOST: Final = 100
_MASKED: Final = "【"
"""Begins the place of a name or number; such words are no way of asking."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One row of the board. ``askers``: different people; ``asked``: how often; ``samples``: masked, the latest first.

    ``due_on_holiday`` is ``None`` while that year's calendar is not announced. ``entry_id``: where the answer stands or
    should have stood.
    """

    id: str
    title: str = field(repr=False)
    topic: str
    unit: str
    reason: str
    status: str
    askers: int
    asked: int
    first_at: datetime
    last_at: datetime
    due_at: datetime | None
    due_on_holiday: bool | None
    overdue: bool
    samples: tuple[str, ...] = field(repr=False)
    draft_id: str | None
    entry_id: str | None
    note: str

    def to_json(self) -> dict[str, Any]:
        """As docs/api.md describes it; moments in Asia/Shanghai."""
        return {
            "id": self.id,
            "title": self.title,
            "topic": self.topic,
            "unit": self.unit,
            "reason": self.reason,
            "reason_label": REASON_LABELS[Reason(self.reason)],
            "status": self.status,
            "status_label": STATUS_LABELS[self.status],
            "askers": self.askers,
            "asked": self.asked,
            "first_at": local(self.first_at).isoformat(),
            "last_at": local(self.last_at).isoformat(),
            "due_at": local(self.due_at).isoformat() if self.due_at else None,
            "due_on_holiday": self.due_on_holiday,
            "overdue": self.overdue,
            "samples": list(self.samples),
            "draft_id": self.draft_id,
            "entry_id": self.entry_id,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """A topic of a unit with the people who asked in vain."""

    topic: str
    unit: str
    askers: int
    asked: int
    gaps: int


@dataclass(frozen=True, slots=True)
class Board:
    """The gaps of the most asked-for groups first, and within a group the most asked-for first."""

    gaps: tuple[Gap, ...]
    groups: tuple[Group, ...]


class Gaps:
    """Reads the board and changes it. Raises :class:`KnowledgeError`: ``not_found``, ``forbidden``, ``invalid``."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        lifecycle: Lifecycle,
        grouping: Grouping | None = None,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._lifecycle = lifecycle
        self._grouping = grouping or Grouping(database, vault, clock)

    async def board(self, actor: Actor, status: str = "open", unit: str = "", topic: str = "") -> Board:
        """Gaps of one status (empty: of any), of one unit or topic where given; a unit sees its own only."""
        require(actor, READERS, "看知识缺口")
        if status and status not in STATUS_LABELS:
            raise KnowledgeError("invalid", "状态应为 open、drafted、answered 或 closed")
        await self._grouping.gather()
        wanted = {"status": status, "unit": actor.unit if actor.role is Role.UNIT else unit, "topic": topic}
        conditions = [gaps.c[name] == value for name, value in wanted.items() if value]
        async with self._database.connect() as connection:
            groups = await _groups(connection, conditions)
            rows = (await connection.execute(_counted(conditions).limit(MOST_SHOWN))).all()
            samples = await self._samples(connection, [row.id for row in rows])
        place = {(group.topic, group.unit): number for number, group in enumerate(groups)}
        found = [self._gap(row, samples.get(row.id, ())) for row in rows]
        found.sort(key=lambda gap: (place[gap.topic, gap.unit], -gap.askers, -gap.asked, gap.first_at, gap.id))
        return Board(tuple(found), groups)

    async def get(self, gap_id: str, actor: Actor) -> Gap:
        """One gap."""
        require(actor, READERS, "看知识缺口")
        async with self._database.connect() as connection:
            row = (await connection.execute(_counted([gaps.c.id == gap_id]))).one_or_none()
            if row is None or (actor.role is Role.UNIT and row.unit != actor.unit):
                raise KnowledgeError("not_found", "没有这条缺口，或不属于本单位")
            samples = await self._samples(connection, [gap_id])
        return self._gap(row, samples.get(gap_id, ()))

    async def draft_from(self, gap_id: str, actor: Actor, document: Document | None = None) -> Draft:
        """A draft with the callers' own words as ways of asking; the gap is ``drafted`` from then on.

        ``document``: what the duty unit sent; its words are the answer, its title, number and date the source (H8, D10).
        Editors and reviewers, and a unit for its own gaps. Where the answer stands in an entry already, the draft is the next version of that entry.
        """
        require(actor, WRITERS, "为缺口起草")
        gap = await self.get(gap_id, actor)
        if gap.status == "drafted":
            raise _taken()
        async with self._database.connect() as connection:
            said = (await self._samples(connection, [gap_id], MOST_WAYS)).get(gap_id, ())
        versions = await self._lifecycle.history(gap.entry_id) if gap.entry_id else ()
        content = _content(gap, said, versions[0] if versions else None, local(self._clock.now()).date())
        if document:
            content |= document_answer(document)
        origin, note = ("document", document_note(document)) if document else ("gap", "")
        draft = await self._lifecycle.save_draft(actor, content, note=note, origin=origin, gap_id=gap_id)
        drafted = {"status": "drafted", "draft_id": draft.id}
        if not await self._change(gap_id, actor, drafted, "gap.drafted", draft.id, unless="drafted"):
            await self._lifecycle.withdraw(actor, draft.id, draft.revision)
            raise _taken()
        return draft

    async def change(
        self,
        gap_id: str,
        actor: Actor,
        *,
        reason: str | None = None,
        unit: str | None = None,
        status: str | None = None,
        note: str | None = None,
    ) -> Gap:
        """Give a gap its reason, unit or note, close it, or open it again. ``None``: as it is.

        A reason holds for every question of the gap (R14).
        """
        require(actor, MAINTAINERS, "修改缺口")
        gap = await self.get(gap_id, actor)
        changes = _checked(gap, reason, unit, status, note)
        if changes:
            said = "；".join(f"{name}={value}" for name, value in changes.items() if name != "note")
            await self._change(gap_id, actor, changes, "gap.changed", said)
        return await self.get(gap_id, actor)

    async def _change(
        self, gap_id: str, actor: Actor, changes: Mapping[str, Any], action: str, detail: str, *, unless: str = ""
    ) -> bool:
        """Write and audit; false when the gap was ``unless`` by now and nothing was written."""
        async with self._database.begin() as connection:
            chosen = update(gaps).where(gaps.c.id == gap_id, gaps.c.status != unless)
            if not (await connection.execute(chosen.values(**changes))).rowcount:
                return False
            if "reason" in changes:
                still = update(consultations).where(consultations.c.gap_id == gap_id, consultations.c.reason != "")
                await connection.execute(still.values(reason=changes["reason"]))
            await audit.record(
                connection, at=self._clock.now(), by=actor.id, action=action, subject=gap_id, detail=detail
            )
        return True

    async def _samples(
        self, connection: AsyncConnection, gap_ids: Sequence[str], most: int = MOST_SAMPLES
    ) -> dict[str, tuple[str, ...]]:
        """What was asked, by gap, the latest first, the same words once."""
        place = func.row_number().over(partition_by=consultations.c.gap_id, order_by=consultations.c.at.desc())
        columns = (consultations.c.id, consultations.c.gap_id, consultations.c.text_enc, place.label("place"))
        latest = select(*columns).where(consultations.c.gap_id.in_(gap_ids)).subquery()
        query = select(latest).where(latest.c.place <= 4 * most).order_by(latest.c.place)
        found: dict[str, dict[str, None]] = {}
        for row in await connection.execute(query):
            of_gap = found.setdefault(row.gap_id, {})
            if len(of_gap) < most:
                of_gap[self._vault.decrypt(row.text_enc, row.id)] = None
        return {gap_id: tuple(texts) for gap_id, texts in found.items()}

    def _gap(self, row: Row[Any], samples: tuple[str, ...]) -> Gap:
        unanswered = row.status in {"open", "drafted"}
        return Gap(
            id=row.id,
            title=self._vault.decrypt(row.title_enc, row.id),
            topic=row.topic,
            unit=row.unit,
            reason=row.reason,
            status=row.status,
            askers=int(row.askers),
            asked=int(row.asked),
            first_at=row.created_at,
            last_at=row.last_at,
            due_at=row.due_at,
            due_on_holiday=row.due_on_holiday,
            overdue=bool(unanswered and row.due_at and row.due_at < self._clock.now()),
            samples=samples,
            draft_id=row.draft_id,
            entry_id=row.entry_id,
            note=row.note,
        )


def _taken() -> KnowledgeError:
    return KnowledgeError("conflict", "这条缺口已有草稿，请打开那份草稿继续写")


def _counted(conditions: Sequence[Any]) -> Select[Any]:
    """Gaps with the number of their askers and questions, the most asked for first."""
    askers = func.count(distinct(consultations.c.contact_key)).label("askers")
    asked = func.count(consultations.c.id).label("asked")
    counted = select(consultations.c.gap_id, askers, asked).group_by(consultations.c.gap_id).subquery()
    many = func.coalesce(counted.c.askers, 0).label("askers")
    often = func.coalesce(counted.c.asked, 0).label("asked")
    joined = gaps.outerjoin(counted, counted.c.gap_id == gaps.c.id)
    chosen = select(*gaps.c, many, often).select_from(joined).where(*conditions)
    return chosen.order_by(many.desc(), gaps.c.created_at, gaps.c.id)


async def _groups(connection: AsyncConnection, conditions: Sequence[Any]) -> tuple[Group, ...]:
    """Topic × unit by the number of people who asked in vain."""
    askers = func.count(distinct(consultations.c.contact_key))
    query = (
        select(gaps.c.topic, gaps.c.unit, askers, func.count(consultations.c.id), func.count(distinct(gaps.c.id)))
        .select_from(gaps.outerjoin(consultations, consultations.c.gap_id == gaps.c.id))
        .where(*conditions)
        .group_by(gaps.c.topic, gaps.c.unit)
    )
    found = [Group(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in await connection.execute(query)]
    return tuple(sorted(found, key=lambda group: (-group.askers, -group.asked, group.topic, group.unit)))


def _content(gap: Gap, said: Sequence[str], before: Entry | None, today: date) -> dict[str, Any]:
    """What a draft for ``gap`` starts with."""
    ways = [text[:MAX_QUESTION] for text in dict.fromkeys((gap.title, *said)) if _MASKED not in text]
    if before is not None:
        known = {before.question, *before.similar}
        similar = [*before.similar, *(way for way in ways if way not in known)]
        return json_of(before) | {"similar": similar[:MAX_SIMILAR]}
    question, *others = ways or [gap.title.replace(_MASKED, "（")[:MAX_QUESTION]]
    return {
        "question": question,
        "similar": others,
        "answer": "",
        "speech": "",
        "unit": gap.unit,
        "field": gap.topic or "其他",
        "effective_at": today.isoformat(),
    }


def _checked(gap: Gap, reason: str | None, unit: str | None, status: str | None, note: str | None) -> dict[str, Any]:
    """The changes that may be made."""
    wrong = []
    if reason is not None and reason not in set(Reason):
        wrong.append(("reason", "没有这个原因"))
    if unit is not None and len(unit.strip()) > _UNIT_MOST:
        wrong.append(("unit", f"单位名称最多 {_UNIT_MOST} 个字"))
    if note is not None and len(note.strip()) > MAX_NOTE:
        wrong.append(("note", f"备注最多 {MAX_NOTE} 个字"))
    if status is not None and status != gap.status and status not in {"open", "closed"}:
        wrong.append(("status", "只能关闭缺口，或重新打开；起草和发布后状态自动变更"))
    if wrong:
        raise KnowledgeError("invalid", "；".join(message for _, message in wrong), tuple(wrong))
    given = {
        "reason": reason,
        "unit": unit.strip() if unit is not None else None,
        "status": status,
        "note": note.strip() if note is not None else None,
    }
    before = {name: getattr(gap, name) for name in given}
    return {name: value for name, value in given.items() if value is not None and value != before[name]}
