"""Drafts: written and submitted by one person, with an optimistic lock so that nobody overwrites another's work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, local
from knowledge.content import Problem, checked, new_entry_id, problems, taken
from knowledge.contract import Actor, KnowledgeError
from knowledge.permissions import READERS, WRITERS, require, require_unit
from knowledge.repository import newest_version
from store import audit
from store.accounts import Role
from store.engine import Database
from store.ids import new_id
from store.schema import attachments, drafts
from store.schema_knowledge import OPEN_DRAFT

DRAFT: Final = "draft"
IN_REVIEW: Final = "in_review"
RETURNED: Final = "returned"
WITHDRAWN: Final = "withdrawn"
PUBLISHED: Final = "published"
STATUS_LABELS: Final = {
    DRAFT: "草稿",
    IN_REVIEW: "待审核",
    RETURNED: "已退回",
    WITHDRAWN: "已撤回",
    PUBLISHED: "已发布",
}
OPEN: Final = (DRAFT, IN_REVIEW, RETURNED)
ORIGINS: Final = frozenset({"manual", "import", "gap", "document", "rollback", "unit"})
MOST_NOTE: Final = 500
_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it stands. ``editors``: everybody who wrote in it, the last one last; ``revision``: grows with changes."""

    id: str
    entry_id: str
    base_version: int
    content: Mapping[str, Any]
    status: str
    origin: str
    gap_id: str | None
    editors: tuple[str, ...]
    revision: int
    created_at: datetime
    updated_at: datetime
    submitted_by: str | None
    submitted_at: datetime | None
    reviewed_by: str | None
    reviewed_at: datetime | None
    review_note: str
    published_version: int | None
    note: str

    @property
    def status_label(self) -> str:
        """What people call its status."""
        return STATUS_LABELS[self.status]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What must be put right before it can be submitted."""
        return problems(self.content)

    @property
    def unit(self) -> str:
        """The handling unit that it is written for, as far as it says."""
        return str(self.content.get("unit") or "").strip()

    @property
    def last_hand(self) -> str:
        """Who changed it last."""
        if self.status in (RETURNED, PUBLISHED) and self.reviewed_by:
            return self.reviewed_by
        if self.status == IN_REVIEW and self.submitted_by:
            return self.submitted_by
        return self.editors[-1]


class DraftConflict(KnowledgeError):
    """Somebody else changed the draft, or the entry, in the meantime; nothing was overwritten. ``theirs``: as it is now.

    ``newest``: the version that was published meanwhile, which the draft has to be brought up to; 0: that is not it.
    """

    def __init__(self, message: str, theirs: Draft | None, newest: int = 0) -> None:
        super().__init__("conflict", message)
        self.theirs: Final = theirs
        self.newest: Final = newest


class Drafts:
    """Writes drafts. Raises :class:`KnowledgeError`: not_found, forbidden, invalid, and :class:`DraftConflict`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def draft(self, actor: Actor, draft_id: str) -> Draft:
        """One draft, open or not."""
        require(actor, READERS, "看草稿")
        async with self._database.connect() as connection:
            found = await find_draft(connection, draft_id)
        require_unit(actor, found.unit)
        return found

    async def open_draft(self, actor: Actor, entry_id: str) -> Draft | None:
        """The draft of an entry that somebody still works on."""
        require(actor, READERS, "看草稿")
        async with self._database.connect() as connection:
            found = await find_open(connection, entry_id)
        return found if found and (actor.role is not Role.UNIT or found.unit == actor.unit) else None

    async def drafts(self, actor: Actor, status: str = "") -> tuple[Draft, ...]:
        """Open drafts (or those of ``status``), the longest waiting first; a unit sees its own."""
        require(actor, READERS, "看草稿")
        query = select(drafts).order_by(drafts.c.updated_at, drafts.c.id).limit(_LISTED)
        query = query.where(drafts.c.status == status) if status else query.where(text(OPEN_DRAFT))
        async with self._database.connect() as connection:
            found = [draft_of(row) for row in await connection.execute(query)]
        return tuple(one for one in found if actor.role is not Role.UNIT or one.unit == actor.unit)

    async def newest_published(self, entry_id: str) -> int:
        """The newest version of an entry; above a draft's ``base_version`` the draft has to be brought up to it. 0: none."""
        async with self._database.connect() as connection:
            return await _version(connection, entry_id)

    async def save_draft(
        self,
        actor: Actor,
        content: Mapping[str, object],
        *,
        draft_id: str | None = None,
        revision: int | None = None,
        base_version: int | None = None,
        note: str = "",
        origin: str = "manual",
        gap_id: str | None = None,
    ) -> Draft:
        """Begin a draft, or with ``draft_id`` and the ``revision`` that was read go on with it.

        ``base_version``: the version that the writer started from, 0 for a new entry; ``None``: the newest, or what the
        draft stands on. Giving the newest brings a draft up to it: its writer has compared the two. Content may still be
        wrong; a draft in review that is changed must be submitted again.
        """
        require(actor, WRITERS, "写草稿")
        if origin not in ORIGINS or len(note) > MOST_NOTE:
            raise KnowledgeError("invalid", f"修改说明最多 {MOST_NOTE} 个字")
        async with self._database.begin() as connection:
            if draft_id is None:
                entry_id = str(content.get("id") or "").strip() or new_entry_id(local(self._clock.now()).date())
                return await self._begin(connection, actor, entry_id, content, base_version, note, origin, gap_id)
            if revision is None:
                raise KnowledgeError("invalid", "保存草稿要带上读到的修订号（revision）")
            before = await find_draft(connection, draft_id)
            return await self._continue(connection, actor, before, revision, content, base_version, note)

    async def submit(self, actor: Actor, draft_id: str, revision: int) -> Draft:
        """Ask for the review of a draft that is all right."""
        require(actor, WRITERS, "送审")
        async with self._database.begin() as connection:
            before = await find_draft(connection, draft_id)
            require_unit(actor, before.unit)
            _expect(before, revision, (DRAFT, RETURNED))
            expect_up_to_date(before, await _version(connection, before.entry_id), "请先对照它更新，再送审")
            await self._may_be_submitted(connection, before)
            after = await change(
                connection,
                before,
                status=IN_REVIEW,
                submitted_by=actor.id,
                submitted_at=self._clock.now(),
                reviewed_by=None,
                reviewed_at=None,
                updated_at=self._clock.now(),
            )
            await self._audit_draft(connection, actor, "draft.submitted", after)
        return after

    async def withdraw(self, actor: Actor, draft_id: str, revision: int) -> Draft:
        """Give a draft up; it stays readable."""
        require(actor, WRITERS, "撤回草稿")
        async with self._database.begin() as connection:
            before = await find_draft(connection, draft_id)
            require_unit(actor, before.unit)
            _expect(before, revision, OPEN)
            after = await change(connection, before, status=WITHDRAWN, updated_at=self._clock.now())
            await self._audit_draft(connection, actor, "draft.withdrawn", after)
        return after

    async def _begin(
        self,
        connection: AsyncConnection,
        actor: Actor,
        entry_id: str,
        content: Mapping[str, object],
        base_version: int | None,
        note: str,
        origin: str,
        gap_id: str | None,
    ) -> Draft:
        newest = await newest_version(connection, entry_id)
        if newest:
            require_unit(actor, newest.unit)
        version = newest.version if newest else 0
        if base_version is not None and base_version != version:
            raise DraftConflict(
                f"{entry_id} 已有第 {version} 版，您看到的是第 {base_version} 版，请对照最新版再改", None, version
            )
        kept = taken(content, entry_id)
        require_unit(actor, str(kept.get("unit") or "").strip())
        now = self._clock.now()
        row = {
            "id": new_id(),
            "entry_id": entry_id,
            "base_version": version,
            "content": kept,
            "status": DRAFT,
            "origin": "unit" if actor.role is Role.UNIT and origin == "manual" else origin,
            "gap_id": gap_id,
            "editors": [actor.id],
            "revision": 1,
            "created_at": now,
            "updated_at": now,
            "note": note.strip(),
        }
        if standing := await find_open(connection, entry_id):
            raise _taken_up(standing)
        try:
            await connection.execute(insert(drafts).values(row))
        except IntegrityError as error:
            raise DraftConflict(f"{entry_id} 刚刚有人建了草稿，请刷新后在那份草稿上修改", None) from error
        made = await find_draft(connection, str(row["id"]))
        await self._audit_draft(connection, actor, "draft.created", made)
        return made

    async def _continue(
        self,
        connection: AsyncConnection,
        actor: Actor,
        before: Draft,
        revision: int,
        content: Mapping[str, object],
        base_version: int | None,
        note: str,
    ) -> Draft:
        require_unit(actor, before.unit)
        _expect(before, revision, OPEN)
        version = await _version(connection, before.entry_id)
        if base_version not in (None, before.base_version, version):
            raise DraftConflict(f"{before.entry_id} 的最新版是第 {version} 版，请对照它再改", None, version)
        kept = taken(content, before.entry_id)
        require_unit(actor, str(kept.get("unit") or "").strip())
        after = await change(
            connection,
            before,
            content=kept,
            status=DRAFT if before.status == IN_REVIEW else before.status,
            editors=[*(one for one in before.editors if one != actor.id), actor.id],
            base_version=before.base_version if base_version is None else base_version,
            note=note.strip() or before.note,
            updated_at=self._clock.now(),
        )
        await self._audit_draft(connection, actor, "draft.saved", after)
        return after

    async def _may_be_submitted(self, connection: AsyncConnection, draft: Draft) -> None:
        form = checked(draft.content)
        wanted = {one.id for one in form.attachments}
        known = select(attachments.c.id).where(attachments.c.id.in_(wanted))
        if wanted and len((await connection.execute(known)).all()) != len(wanted):
            raise KnowledgeError("invalid", "有附件没有上传成功，请重新上传", (("attachments", "附件不在了"),))

    async def _audit_draft(self, connection: AsyncConnection, actor: Actor, action: str, draft: Draft) -> None:
        detail = f"{draft.id} 第 {draft.revision} 次修订"
        await audit.record(
            connection,
            at=self._clock.now(),
            by=actor.id,
            action=f"knowledge.{action}",
            subject=draft.entry_id,
            detail=detail,
        )


async def find_draft(connection: AsyncConnection, draft_id: str) -> Draft:
    """The draft of that id. Raises ``not_found``."""
    row = (await connection.execute(select(drafts).where(drafts.c.id == draft_id))).first()
    if row is None:
        raise KnowledgeError("not_found", "没有这份草稿，可能链接不对，请从列表里打开")
    return draft_of(row)


async def find_open(connection: AsyncConnection, entry_id: str) -> Draft | None:
    """The draft of an entry that somebody still works on."""
    query = select(drafts).where(drafts.c.entry_id == entry_id, text(OPEN_DRAFT))
    row = (await connection.execute(query)).first()
    return draft_of(row) if row else None


async def change(connection: AsyncConnection, before: Draft, **values: object) -> Draft:
    """Change a draft if it is still as ``before``: compare and set. Raises :class:`DraftConflict`."""
    done = await connection.execute(
        update(drafts)
        .where(drafts.c.id == before.id, drafts.c.revision == before.revision, drafts.c.status == before.status)
        .values(**values, revision=before.revision + 1)
    )
    now = await find_draft(connection, before.id)
    if done.rowcount != 1:
        raise _overtaken(now)
    return now


def _expect(draft: Draft, revision: int, statuses: tuple[str, ...]) -> None:
    if draft.revision != revision:
        raise _overtaken(draft)
    if draft.status not in statuses:
        raise DraftConflict(f"这份草稿现在是“{draft.status_label}”，不能这样处理，请刷新页面", draft)


def expect_in_review(draft: Draft, revision: int) -> None:
    """Raise :class:`DraftConflict` unless the draft is in review and still as it was read."""
    _expect(draft, revision, (IN_REVIEW,))


def expect_up_to_date(draft: Draft, newest: int, advice: str) -> None:
    """Raise :class:`DraftConflict` when a version was published since the one that the draft was made from."""
    if newest != draft.base_version:
        raise DraftConflict(
            f"{draft.entry_id} 已有第 {newest} 版，这份草稿是照第 {draft.base_version} 版改的，{advice}", None, newest
        )


async def _version(connection: AsyncConnection, entry_id: str) -> int:
    newest = await newest_version(connection, entry_id)
    return newest.version if newest else 0


def draft_of(row: Row[Any]) -> Draft:
    """The draft of a row of ``drafts``."""
    values = {name: getattr(row, name) for name in Draft.__slots__}
    return Draft(**values | {"editors": tuple(row.editors)})


def _overtaken(theirs: Draft) -> DraftConflict:
    when = f"{local(theirs.updated_at):%m月%d日 %H:%M:%S}"
    return DraftConflict(
        f"{theirs.last_hand} 在 {when} 改过这份草稿（现在是“{theirs.status_label}”），您的修改没有保存，也没有覆盖对方的。"
        "请对照最新内容再改一次",
        theirs,
    )


def _taken_up(theirs: Draft) -> DraftConflict:
    return DraftConflict(
        f"{theirs.entry_id} 已有一份{theirs.status_label}（{theirs.last_hand}，{local(theirs.updated_at):%m月%d日 %H:%M}），"
        "请在那份上修改，或先把它撤回",
        theirs,
    )
