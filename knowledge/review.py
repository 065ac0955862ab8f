"""The second person: drafts approved or returned, entries archived or rolled back. Nothing else makes a draft a version."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, local
from knowledge.content import checked, comparable, values_of
from knowledge.contract import Actor, Entry, KnowledgeError
from knowledge.difference import FieldChange, differences
from knowledge.drafts import (
    IN_REVIEW,
    MOST_NOTE,
    PUBLISHED,
    RETURNED,
    Draft,
    DraftConflict,
    change,
    draft_of,
    expect_in_review,
    expect_up_to_date,
    find_draft,
    find_open,
)
from knowledge.permissions import READERS, REVIEWERS, require, require_unit
from knowledge.repository import ARCHIVED, VERSION_NAME, newest_version, read_versions, row_of
from store import audit, versions
from store.accounts import Role
from store.engine import Database
from store.schema import disputes, drafts, entries, gaps

DRAFT_SIDE: Final = "draft"
"""Names the open draft in :meth:`Review.diff`."""
_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class ToReview:
    """A draft with what it would replace (``None``: nothing) and the difference."""

    draft: Draft
    before: Entry | None
    changes: tuple[FieldChange, ...]


class Review:
    """Reviews drafts and publishes them. Raises :class:`KnowledgeError` and :class:`DraftConflict`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def approve(self, actor: Actor, draft_id: str, revision: int, note: str = "") -> Entry:
        """Publish a draft that others wrote and submitted; its open disputes are settled by it."""
        require(actor, REVIEWERS, "审核发布")
        note = _note(note)
        async with self._database.begin() as connection:
            before = await find_draft(connection, draft_id)
            expect_in_review(before, revision)
            _second_person(actor, before)
            newest = await newest_version(connection, before.entry_id)
            version = newest.version if newest else 0
            expect_up_to_date(before, version, "请退回，由编辑对照它更新后再送审")
            form = checked(before.content)
            entry = replace(form.entry(version + 1), author=before.editors[-1], reviewed_by=actor.id)
            await change(
                connection,
                before,
                status=PUBLISHED,
                reviewed_by=actor.id,
                reviewed_at=self._clock.now(),
                review_note=note,
                published_version=entry.version,
                updated_at=self._clock.now(),
            )
            await self._settle(connection, actor, before, entry)
            await self._publish(connection, actor, entry, before.note, "knowledge.approved")
        return entry

    async def return_(self, actor: Actor, draft_id: str, revision: int, note: str) -> Draft:
        """Send a draft back to its writers, saying why."""
        require(actor, REVIEWERS, "退回草稿")
        note = _note(note)
        if not note:
            raise KnowledgeError("invalid", "退回时请写明哪里要改", (("note", "请填写退回原因"),))
        async with self._database.begin() as connection:
            before = await find_draft(connection, draft_id)
            expect_in_review(before, revision)
            now = self._clock.now()
            after = await change(
                connection,
                before,
                status=RETURNED,
                reviewed_by=actor.id,
                reviewed_at=now,
                review_note=note,
                updated_at=now,
            )
            await audit.record(
                connection,
                at=now,
                by=actor.id,
                action="knowledge.draft.returned",
                subject=after.entry_id,
                detail=after.id,
            )
        return after

    async def archive(self, actor: Actor, entry_id: str, reason: str) -> None:
        """Take an entry out of use, all its versions; they stay readable, and a new version brings it back."""
        require(actor, REVIEWERS, "归档条目")
        reason = _note(reason)
        if not reason:
            raise KnowledgeError("invalid", "归档时请写明原因", (("reason", "请填写原因"),))
        async with self._database.begin() as connection:
            await existing(connection, entry_id)
            count = await versions.bump(connection, VERSION_NAME)
            archived = {"status": ARCHIVED, "changed_in": count}
            await connection.execute(update(entries).where(entries.c.id == entry_id).values(archived))
            await audit.record(
                connection,
                at=self._clock.now(),
                by=actor.id,
                action="knowledge.archived",
                subject=entry_id,
                detail=reason,
            )

    async def roll_back(self, actor: Actor, entry_id: str, to_version: int, reason: str) -> Entry:
        """Publish the content of an older version, unchanged, as the newest; it was reviewed when it was published.

        Where nobody reviewed it then (a first load, a sample), the reviewer who rolls back answers for it.
        """
        require(actor, REVIEWERS, "回退版本")
        reason = _note(reason)
        async with self._database.begin() as connection:
            newest = await existing(connection, entry_id)
            known = {one.version: one for one in await read_versions(connection, entry_id, archived=True)}
            wanted = known.get(to_version)
            if wanted is None:
                raise KnowledgeError("not_found", f"{entry_id} 没有第 {to_version} 版，最新是第 {newest.version} 版")
            _still_holds(wanted, self._clock.now())
            entry = replace(wanted, version=newest.version + 1, reviewed_by=wanted.reviewed_by or actor.id)
            note = f"回退到第 {to_version} 版" + (f"：{reason}" if reason else "")
            await self._publish(connection, actor, entry, note, "knowledge.rolled_back")
        return entry

    async def reviews(self, actor: Actor) -> tuple[ToReview, ...]:
        """The drafts that wait for a second person, the longest waiting first, each with what it changes."""
        require(actor, READERS, "看审核队列")
        query = select(drafts).where(drafts.c.status == IN_REVIEW).order_by(drafts.c.submitted_at).limit(_LISTED)
        async with self._database.connect() as connection:
            waiting = [draft_of(row) for row in await connection.execute(query)]
            seen = [one for one in waiting if actor.role is not Role.UNIT or one.unit == actor.unit]
            return tuple([await _to_review(connection, draft) for draft in seen])

    async def diff(self, actor: Actor, entry_id: str, before: int, after: int | str) -> tuple[FieldChange, ...]:
        """What changed from one version to another, or to the open draft (:data:`DRAFT_SIDE`); 0 is nothing at all."""
        require(actor, READERS, "比较版本")
        async with self._database.connect() as connection:
            known = {one.version: one for one in await read_versions(connection, entry_id, archived=True)}
            draft = await find_open(connection, entry_id) if after == DRAFT_SIDE else None
        sides = [values_of(known[side]) if side in known else None for side in (before, after)]
        if after == DRAFT_SIDE:
            sides[1] = comparable(draft.content) if draft else None
        if (sides[0] is None and before != 0) or sides[1] is None:
            raise KnowledgeError("not_found", f"{entry_id} 没有要比较的版本，请刷新页面")
        require_unit(actor, str(sides[1].get("unit", "")))
        return differences(sides[0] or {}, sides[1])

    async def _publish(self, connection: AsyncConnection, actor: Actor, entry: Entry, note: str, action: str) -> None:
        count = await versions.bump(connection, VERSION_NAME)
        row = row_of(entry) | {
            "status": PUBLISHED,
            "created_at": self._clock.now(),
            "note": note,
            "changed_in": count,
        }
        try:
            await connection.execute(insert(entries).values(row))
        except IntegrityError as error:
            raise DraftConflict(f"{entry.id} 刚刚发布了另一版，这一次没有发布，请刷新后再试", None) from error
        await audit.record(
            connection,
            at=self._clock.now(),
            by=actor.id,
            action=action,
            subject=entry.id,
            detail=f"第 {entry.version} 版，作者 {entry.author or '不详'}，审核 {entry.reviewed_by}",
        )

    async def _settle(self, connection: AsyncConnection, actor: Actor, draft: Draft, entry: Entry) -> None:
        """Close what the new version answers: disputes of the entry, and the gap that the draft was made for."""
        await connection.execute(
            update(disputes)
            .where(disputes.c.entry_id == entry.id, disputes.c.resolved_at.is_(None))
            .values(
                resolved_at=self._clock.now(),
                resolved_by=actor.id,
                outcome="corrected",
                note=f"第 {entry.version} 版改正",
            )
        )
        if draft.gap_id:
            await connection.execute(
                update(gaps)
                .where(gaps.c.id == draft.gap_id, gaps.c.status.in_(("open", "drafted")))
                .values(status="answered", entry_id=entry.id)
            )


async def existing(connection: AsyncConnection, entry_id: str) -> Entry:
    """The newest version of an entry, archived or not. Raises ``not_found``."""
    newest = await newest_version(connection, entry_id)
    if newest is None:
        raise KnowledgeError("not_found", f"知识库里没有编号为 {entry_id} 的条目，请从列表里打开")
    return newest


async def _to_review(connection: AsyncConnection, draft: Draft) -> ToReview:
    before = await newest_version(connection, draft.entry_id)
    old: Mapping[str, object] = values_of(before) if before else {}
    return ToReview(draft, before, differences(old, comparable(draft.content)))


def _second_person(actor: Actor, draft: Draft) -> None:
    if actor.id in draft.editors or actor.id == draft.submitted_by:
        raise KnowledgeError("second_person", "写过或送审过这份草稿的人不能审核它，请换另一位审核人")


def _still_holds(entry: Entry, now: datetime) -> None:
    if (entry.expires_at and entry.expires_at < local(now).date()) or (entry.ends_at and entry.ends_at <= now):
        raise KnowledgeError("invalid", f"第 {entry.version} 版已经过期，回退后也不会用来回答，请另写一版")


def _note(note: str) -> str:
    if len(note) > MOST_NOTE:
        raise KnowledgeError("invalid", f"说明最多 {MOST_NOTE} 个字", (("note", "太长"),))
    return note.strip()
