"""Drafts: written, checked while they are written, sent to review."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from aiohttp import web

from config.clock import Clock, local
from knowledge.catalogue import Catalogue
from knowledge.contract import Actor
from knowledge.drafts import Draft, DraftConflict
from knowledge.filing import filing
from knowledge.lifecycle import Lifecycle
from knowledge.web.bodies import DRAFT_MOST, id_of, json_of, number_in, object_in, text_in, told
from knowledge.web.contract import Visitor
from knowledge.web.rights import Right
from knowledge.web.routing import Route, problem
from store.accounts import Role

NOTE_MOST: Final = 500


class DraftShapes:
    """Drafts as the pages read them."""

    def __init__(self, lifecycle: Lifecycle, catalogue: Catalogue, clock: Clock) -> None:
        self._lifecycle = lifecycle
        self._catalogue = catalogue
        self._clock = clock

    async def draft(self, actor: Actor, draft: Draft) -> dict[str, Any]:
        """A ``Draft`` with what is wrong with it, what it resembles, and how it stands to the filing clock."""
        stands = self._lifecycle.filing(draft)
        return (
            brief(draft)
            | await self._said_of(actor, draft.content)
            | {
                "filing": asdict(stands) if stands else None,
                "newest_version": await self._lifecycle.newest_published(draft.entry_id),
            }
        )

    async def checked(self, actor: Actor, content: Mapping[str, Any]) -> dict[str, Any]:
        """What there is to say about a content while it is written."""
        return await self._said_of(actor, content) | {"filing": self._filing_today(content)}

    async def _said_of(self, actor: Actor, content: Mapping[str, Any]) -> dict[str, Any]:
        alike = await self._lifecycle.similar_entries(content)
        return {
            "problems": [asdict(one) for one in self._lifecycle.check(content)],
            "similar_entries": [
                asdict(one)
                for one in alike
                if actor.role is not Role.UNIT or await self._catalogue.look(actor, one.id) is not None
            ],
        }

    def _filing_today(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """As if it were submitted today."""
        try:
            effective_at = date.fromisoformat(str(content.get("effective_at")))
        except ValueError:
            return None
        today = local(self._clock.now()).date()
        official = str(content.get("official") or "").strip()
        found = filing(str(content.get("kind") or ""), today, effective_at, official, today)
        return asdict(found) if found else None


class DraftPages:
    """``/drafts`` and ``/check``."""

    def __init__(self, lifecycle: Lifecycle, shapes: DraftShapes) -> None:
        self._lifecycle = lifecycle
        self._shapes = shapes

    def routes(self) -> list[Route]:
        one = "/drafts/{id}"
        return [
            Route("GET", "/drafts", Right.READ_DRAFTS, self._list),
            Route("POST", "/drafts", Right.EDIT, self._begin),
            Route("GET", one, Right.READ_DRAFTS, self._see),
            Route("PUT", one, Right.EDIT, self._save),
            Route("POST", one + "/submit", Right.EDIT, self._submit),
            Route("POST", one + "/withdraw", Right.EDIT, self._withdraw),
            Route("POST", "/check", Right.EDIT, self._check),
        ]

    async def _list(self, request: web.Request, visitor: Visitor) -> web.Response:
        return web.json_response({"drafts": [brief(one) for one in await self._lifecycle.drafts(visitor.actor)]})

    async def _see(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self._told(visitor, await self._lifecycle.draft(visitor.actor, id_of(request)))

    async def _begin(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request, DRAFT_MOST)
        content, note = object_in(body, "content", "条目内容"), text_in(body, "note", "修改说明", most=NOTE_MOST)
        try:
            draft = await self._lifecycle.save_draft(visitor.actor, content, base_version=_base(body), note=note)
        except DraftConflict as conflict:
            return await self._conflict(visitor, conflict)
        return await self._told(visitor, draft, status=201)

    async def _save(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request, DRAFT_MOST)
        revision = number_in(body, "revision", "修订号")
        content, note = object_in(body, "content", "条目内容"), text_in(body, "note", "修改说明", most=NOTE_MOST)
        try:
            draft = await self._lifecycle.save_draft(
                visitor.actor, content, draft_id=id_of(request), revision=revision, base_version=_base(body), note=note
            )
        except DraftConflict as conflict:
            return await self._conflict(visitor, conflict)
        return await self._told(visitor, draft)

    async def _submit(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self._moved(request, visitor, self._lifecycle.submit)

    async def _withdraw(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self._moved(request, visitor, self._lifecycle.withdraw)

    async def _moved(
        self, request: web.Request, visitor: Visitor, move: Callable[[Actor, str, int], Awaitable[Draft]]
    ) -> web.Response:
        revision = number_in(await json_of(request), "revision", "修订号")
        try:
            draft = await move(visitor.actor, id_of(request), revision)
        except DraftConflict as conflict:
            return await self._conflict(visitor, conflict)
        return await self._told(visitor, draft)

    async def _check(self, request: web.Request, visitor: Visitor) -> web.Response:
        content = object_in(await json_of(request, DRAFT_MOST), "content", "条目内容")
        return web.json_response(await self._shapes.checked(visitor.actor, content))

    async def _told(self, visitor: Visitor, draft: Draft, status: int = 200) -> web.Response:
        return web.json_response(await self._shapes.draft(visitor.actor, draft), status=status)

    async def _conflict(self, visitor: Visitor, conflict: DraftConflict) -> web.Response:
        return conflicting(conflict, await theirs_json(self._shapes, visitor.actor, conflict))


async def theirs_json(shapes: DraftShapes, actor: Actor, conflict: DraftConflict) -> dict[str, Any] | None:
    """The draft that stands in the way, where ``actor`` may see it."""
    theirs = conflict.theirs
    if theirs is None or (actor.role is Role.UNIT and theirs.unit != actor.unit):
        return None
    return await shapes.draft(actor, theirs)


def conflicting(conflict: DraftConflict, theirs: dict[str, Any] | None) -> web.Response:
    """409 with, beside the error, the draft as it is now and the version that the draft has to be brought up to."""
    newest = conflict.newest or None
    return problem(conflict.code, conflict.message, conflict.status, theirs=theirs, newest_version=newest)


def _base(body: Mapping[str, Any]) -> int | None:
    """The version that the content was written on, where the request says it."""
    return number_in(dict(body), "base_version", "所改的版本") if body.get("base_version") is not None else None


def brief(draft: Draft) -> dict[str, Any]:
    """A ``Draft`` without what has to be looked up."""
    return {
        "id": draft.id,
        "entry_id": draft.entry_id,
        "base_version": draft.base_version,
        "content": dict(draft.content),
        "status": draft.status,
        "status_label": draft.status_label,
        "origin": draft.origin,
        "gap_id": draft.gap_id,
        "editors": list(draft.editors),
        "revision": draft.revision,
        "created_at": told(draft.created_at),
        "updated_at": told(draft.updated_at),
        "submitted_by": draft.submitted_by,
        "submitted_at": told(draft.submitted_at),
        "reviewed_by": draft.reviewed_by,
        "reviewed_at": told(draft.reviewed_at),
        "review_note": draft.review_note,
        "published_version": draft.published_version,
        "note": draft.note,
    }
