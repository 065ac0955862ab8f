"""How fresh the knowledge base is: by unit, what is about to expire, and the filing clock of its policies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select

from config.clock import Clock, local
from knowledge.content import comparable
from knowledge.contract import Actor, Entry
from knowledge.disputes import Dispute
from knowledge.drafts import OPEN, Draft, draft_of
from knowledge.filing import Filing, filing
from knowledge.permissions import READERS, require
from knowledge.repository import in_force, read_versions
from store.accounts import Role
from store.engine import Database
from store.schema import drafts, entries

STALE_AFTER: Final = timedelta(days=365)
"""An entry that nobody published anew for so long is stale; no source gives a period, this one is ours."""
EXPIRING_WITHIN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class UnitFreshness:
    """The entries of one unit that are in force. ``oldest_at``, ``newest_at``: when they were last published."""

    unit: str
    entries: int
    stale: int
    oldest_at: datetime
    newest_at: datetime
    disputed: int
    overdue: int


@dataclass(frozen=True, slots=True)
class FilingRow:
    """A policy that is late, early or without its official text; ``draft_id`` is empty once it is published."""

    draft_id: str
    entry_id: str
    question: str
    effective_at: date
    filing: Filing


class Freshness:
    """Reads; changes nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def by_unit(self, actor: Actor, open_disputes: Sequence[Dispute]) -> tuple[UnitFreshness, ...]:
        """By unit, those with the most stale entries first; a unit sees itself."""
        require(actor, READERS, "看保鲜情况")
        now = self._clock.now()
        held = await self._in_force(actor, now)
        async with self._database.connect() as connection:
            published = {
                (row.id, row.version): row.created_at
                for row in await connection.execute(select(entries.c.id, entries.c.version, entries.c.created_at))
            }
        disputed = frozenset(one.entry_id for one in open_disputes)
        overdue = frozenset(one.entry_id for one in open_disputes if one.overdue)
        by_unit: dict[str, list[Entry]] = {}
        for entry in held:
            by_unit.setdefault(entry.unit, []).append(entry)
        rows = [
            _unit_row(unit, of_unit, [published[one.id, one.version] for one in of_unit], disputed, overdue, now)
            for unit, of_unit in by_unit.items()
        ]
        return tuple(sorted(rows, key=lambda row: (-row.stale, -row.overdue, row.unit)))

    async def expiring(self, actor: Actor) -> tuple[Entry, ...]:
        """Entries in force that end within 30 days, the first to end first."""
        require(actor, READERS, "看保鲜情况")
        today = local(self._clock.now()).date()
        held = [one for one in await self._in_force(actor, self._clock.now()) if one.expires_at]
        ending = [one for one in held if one.expires_at and one.expires_at <= today + EXPIRING_WITHIN]
        return tuple(sorted(ending, key=lambda one: (one.expires_at or today, one.id)))

    async def filing_warnings(self, actor: Actor) -> tuple[FilingRow, ...]:
        """Policies with a warning or an alarm: open drafts, and published ones that wait for their day or their text."""
        require(actor, READERS, "看备案时限")
        today = local(self._clock.now()).date()
        async with self._database.connect() as connection:
            newest = {one.id: one for one in await read_versions(connection)}
            rows = (await connection.execute(select(drafts).where(drafts.c.status.in_((*OPEN, "published"))))).all()
        filed = {(row.entry_id, row.published_version): row.submitted_at for row in rows if row.published_version}
        found = [_of_draft(draft_of(row), today) for row in rows if row.status in OPEN]
        for entry in newest.values():
            at = filed.get((entry.id, entry.version))
            found.append(_of_entry(entry, local(at).date() if at else None, today))
        seen = [(row, unit) for row, unit in (one for one in found if one) if row.filing.warning or row.filing.alarm]
        shown = [row for row, unit in seen if actor.role is not Role.UNIT or unit == actor.unit]
        return tuple(sorted(shown, key=lambda row: (not row.filing.alarm, row.effective_at, row.entry_id)))

    async def _in_force(self, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        async with self._database.connect() as connection:
            held = in_force(await read_versions(connection), now)
        return tuple(one for one in held if actor.role is not Role.UNIT or one.unit == actor.unit)


def draft_filing(draft: Draft, today: date) -> Filing | None:
    """How a draft stands to the filing clock, as if filed ``today`` until it is submitted; ``None``: no policy, or no day."""
    filed_on = local(draft.submitted_at).date() if draft.submitted_at else today
    content = comparable(draft.content)
    effective_at = content.get("effective_at")
    if not isinstance(effective_at, date):
        return None
    return filing(str(content.get("kind")), filed_on, effective_at, str(content.get("official") or ""), today)


def _of_draft(draft: Draft, today: date) -> tuple[FilingRow, str] | None:
    stands = draft_filing(draft, today)
    content = comparable(draft.content)
    effective_at = content.get("effective_at")
    if stands is None or not isinstance(effective_at, date):
        return None
    return FilingRow(draft.id, draft.entry_id, str(content.get("question", "")), effective_at, stands), draft.unit


def _of_entry(entry: Entry, filed_on: date | None, today: date) -> tuple[FilingRow, str] | None:
    stands = filing(entry.kind, filed_on or entry.effective_at, entry.effective_at, entry.official, today)
    if stands is None:
        return None
    if entry.effective_at <= today or filed_on is None:
        stands = replace(stands, warning="")
    return FilingRow("", entry.id, entry.question, entry.effective_at, stands), entry.unit


def _unit_row(
    unit: str,
    of_unit: Sequence[Entry],
    published: Sequence[datetime],
    disputed: frozenset[str],
    overdue: frozenset[str],
    now: datetime,
) -> UnitFreshness:
    ids = {one.id for one in of_unit}
    return UnitFreshness(
        unit=unit,
        entries=len(of_unit),
        stale=sum(at <= now - STALE_AFTER for at in published),
        oldest_at=min(published),
        newest_at=max(published),
        disputed=len(ids & disputed),
        overdue=len(ids & overdue),
    )
