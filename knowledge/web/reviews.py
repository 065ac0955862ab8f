"""The second person: drafts that wait, approved or returned; disputes settled; how fresh the knowledge base is."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from knowledge.catalogue import Catalogue
from knowledge.content import json_of as content_of
from knowledge.contract import Actor
from knowledge.disputes import Dispute
from knowledge.drafts import DraftConflict
from knowledge.freshness import FilingRow, UnitFreshness
from knowledge.lifecycle import Lifecycle
from knowledge.review import ToReview
from knowledge.web.bodies import id_of, json_of, number_in, text_in, told
from knowledge.web.contract import Visitor
from knowledge.web.drafts import NOTE_MOST, DraftShapes, conflicting, theirs_json
from knowledge.web.rights import Right
from knowledge.web.routing import Route
from knowledge.web.shapes import change_json, row_json


class ReviewPages:
    """``/reviews``, decisions on drafts, ``/disputes`` and ``/freshness``."""

    def __init__(self, lifecycle: Lifecycle, shapes: DraftShapes, catalogue: Catalogue) -> None:
        self._lifecycle = lifecycle
        self._shapes = shapes
        self._catalogue = catalogue

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/reviews", Right.OVERSEE, self._waiting),
            Route("POST", "/drafts/{id}/approve", Right.REVIEW, self._approve),
            Route("POST", "/drafts/{id}/return", Right.REVIEW, self._return),
            Route("POST", "/disputes/{id}/resolve", Right.REVIEW, self._resolve),
            Route("GET", "/freshness", Right.READ_DRAFTS, self._freshness),
        ]

    async def _waiting(self, request: web.Request, visitor: Visitor) -> web.Response:
        found = await self._lifecycle.reviews(visitor.actor)
        return web.json_response({"drafts": [await self._to_review(visitor.actor, one) for one in found]})

    async def _to_review(self, actor: Actor, one: ToReview) -> dict[str, Any]:
        return await self._shapes.draft(actor, one.draft) | {
            "before": content_of(one.before) if one.before else None,
            "diff": [change_json(change) for change in one.changes],
        }

    async def _approve(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self._decide(request, visitor, approve=True)

    async def _return(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self._decide(request, visitor, approve=False)

    async def _decide(self, request: web.Request, visitor: Visitor, *, approve: bool) -> web.Response:
        body, draft_id = await json_of(request), id_of(request)
        revision = number_in(body, "revision", "修订号")
        note = text_in(body, "note", "审核意见", most=NOTE_MOST)
        try:
            if approve:
                await self._lifecycle.approve(visitor.actor, draft_id, revision, note)
            else:
                await self._lifecycle.return_(visitor.actor, draft_id, revision, note)
        except DraftConflict as conflict:
            return conflicting(conflict, await theirs_json(self._shapes, visitor.actor, conflict))
        draft = await self._lifecycle.draft(visitor.actor, draft_id)
        return web.json_response(await self._shapes.draft(visitor.actor, draft))

    async def _resolve(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request)
        outcome = text_in(body, "outcome", "处理结果", most=16, needed=True)
        note = text_in(body, "note", "依据")
        settled = await self._lifecycle.resolve_dispute(visitor.actor, id_of(request), outcome, note)
        return web.json_response(dispute_json(settled))

    async def _freshness(self, request: web.Request, visitor: Visitor) -> web.Response:
        actor = visitor.actor
        expiring = [await self._catalogue.look(actor, entry.id) for entry in await self._lifecycle.expiring(actor)]
        return web.json_response(
            {
                "units": [_unit(one) for one in await self._lifecycle.freshness(actor)],
                "filing": [_filing(one) for one in await self._lifecycle.filing_warnings(actor)],
                "disputes": [dispute_json(one) for one in await self._lifecycle.disputes(actor)],
                "expiring": [row_json(one) for one in expiring if one],
            }
        )


def dispute_json(dispute: Dispute) -> dict[str, Any]:
    """A ``Dispute`` without the conversation that it came up in."""
    found = asdict(dispute)
    del found["conversation_id"]
    return found | {name: told(getattr(dispute, name)) for name in ("at", "due_at", "resolved_at")}


def _unit(row: UnitFreshness) -> dict[str, Any]:
    return asdict(row) | {"oldest_at": told(row.oldest_at), "newest_at": told(row.newest_at)}


def _filing(row: FilingRow) -> dict[str, Any]:
    return {
        "draft_id": row.draft_id,
        "entry_id": row.entry_id,
        "question": row.question,
        "effective_at": told(row.effective_at),
        "working_days": row.filing.working_days,
        "warning": row.filing.warning,
        "alarm": row.filing.alarm,
    }
