"""Entries: the list with its filters, one entry with its history, what changed, and what may be done to a published one."""

import re
from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from config.clock import Clock, local
from knowledge.catalogue import Catalogue, Listed, Standing, Wanted
from knowledge.consultations import Consultations
from knowledge.content import checked, new_entry_id
from knowledge.contract import Actor, Kind
from knowledge.drafts import Draft
from knowledge.lifecycle import Lifecycle
from knowledge.permissions import READERS
from knowledge.review import DRAFT_SIDE
from knowledge.web.bodies import id_of, json_of, moment, number_in, page_of, query_text, text_in, texts_in
from knowledge.web.contract import Visitor, WebError
from knowledge.web.drafts import NOTE_MOST, DraftShapes
from knowledge.web.reviews import dispute_json
from knowledge.web.rights import Right
from knowledge.web.routing import Route
from knowledge.web.shapes import change_json, draft_row_json, full_json, page_json, version_json

ANSWERS_OVER: Final = timedelta(days=30)
_REASON_MOST: Final = 1000
_SCRIPTS_SHOWN: Final = 200
_VERSION: Final = re.compile(r"[0-9]{1,6}")


class EntryPages:
    """``/entries`` and ``/scripts``."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        shapes: DraftShapes,
        catalogue: Catalogue,
        consultations: Consultations,
        clock: Clock,
    ) -> None:
        self._lifecycle = lifecycle
        self._shapes = shapes
        self._catalogue = catalogue
        self._consultations = consultations
        self._clock = clock

    def routes(self) -> list[Route]:
        one = "/entries/{id}"
        return [
            Route("GET", "/entries", Right.ENTER, self._list),
            Route("GET", one, Right.ENTER, self._see),
            Route("GET", one + "/diff", Right.READ_DRAFTS, self._diff),
            Route("POST", one + "/archive", Right.REVIEW, self._archive),
            Route("POST", one + "/rollback", Right.REVIEW, self._roll_back),
            Route("POST", one + "/dispute", Right.DISPUTE, self._dispute),
            Route("GET", "/scripts", Right.READ_SCRIPTS, self._scripts),
            Route("POST", "/scripts", Right.SCRIPTS, self._write_script),
        ]

    async def _list(self, request: web.Request, visitor: Visitor) -> web.Response:
        number, size = page_of(request)
        status = query_text(request, "status")
        if status and status not in set(Standing):
            raise WebError("bad_request", f"没有这种状态，可选：{'、'.join(Standing)}")
        wanted = Wanted(
            text=query_text(request, "q"),
            kind=query_text(request, "kind"),
            field=query_text(request, "field"),
            unit=query_text(request, "unit"),
            area=query_text(request, "area"),
            status=status,
            page=number,
            size=size,
        )
        if status == Standing.DRAFT:
            return web.json_response(await self._new_drafts(visitor.actor, wanted))
        return web.json_response(page_json(await self._catalogue.page(visitor.actor, wanted), number, size))

    async def _new_drafts(self, actor: Actor, wanted: Wanted) -> dict[str, Any]:
        """Open drafts as rows of the list; nothing for those who do not read drafts."""
        known = await self._lifecycle.drafts(actor) if actor.role in READERS else ()
        found = [one for one in known if _is_wanted(one, wanted)]
        start = (wanted.page - 1) * wanted.size
        rows = [draft_row_json(one) for one in found[start : start + wanted.size]]
        facets: dict[str, list[Any]] = {"field": [], "unit": [], "kind": []}
        return {"total": len(found), "page": wanted.page, "size": wanted.size, "facets": facets, "entries": rows}

    async def _see(self, request: web.Request, visitor: Visitor) -> web.Response:
        actor, id = visitor.actor, id_of(request)
        listed = await self._require(actor, id)
        draft = await self._lifecycle.open_draft(actor, id) if actor.role in READERS else None
        return web.json_response(
            {
                "entry": full_json(listed),
                "versions": [version_json(one) for one in await self._catalogue.versions(id)],
                "draft": await self._shapes.draft(actor, draft) if draft else None,
                "disputes": [dispute_json(one) for one in await self._lifecycle.disputes(actor, id)],
                "answers_30d": await self._consultations.answers(id, self._clock.now() - ANSWERS_OVER),
            }
        )

    async def _diff(self, request: web.Request, visitor: Visitor) -> web.Response:
        id = id_of(request)
        await self._require(visitor.actor, id)
        before, after = query_text(request, "from"), query_text(request, "to")
        if not _VERSION.fullmatch(before) or not (after == DRAFT_SIDE or _VERSION.fullmatch(after)):
            raise WebError("bad_request", "要比较的版本应为数字，后一个可以是 draft")
        changes = await self._lifecycle.diff(
            visitor.actor, id, int(before), after if after == DRAFT_SIDE else int(after)
        )
        return web.json_response({"fields": [change_json(one) for one in changes]})

    async def _archive(self, request: web.Request, visitor: Visitor) -> web.Response:
        id, reason = id_of(request), text_in(await json_of(request), "reason", "原因", most=NOTE_MOST)
        await self._lifecycle.archive(visitor.actor, id, reason)
        return web.json_response({"entry": full_json(await self._require(visitor.actor, id))})

    async def _roll_back(self, request: web.Request, visitor: Visitor) -> web.Response:
        body, id = await json_of(request), id_of(request)
        version, reason = number_in(body, "version", "版本"), text_in(body, "reason", "原因", most=NOTE_MOST)
        await self._lifecycle.roll_back(visitor.actor, id, version, reason)
        return web.json_response({"entry": full_json(await self._require(visitor.actor, id))})

    async def _dispute(self, request: web.Request, visitor: Visitor) -> web.Response:
        id, reason = id_of(request), text_in(await json_of(request), "reason", "哪里不对", most=_REASON_MOST)
        made = await self._lifecycle.report_dispute(visitor.actor, id, reason)
        return web.json_response(dispute_json(made), status=201)

    async def _scripts(self, request: web.Request, visitor: Visitor) -> web.Response:
        actor = visitor.actor
        page = await self._catalogue.page(actor, Wanted(kind=Kind.SCRIPT, size=_SCRIPTS_SHOWN))
        known = await self._lifecycle.drafts(actor) if actor.role in READERS else ()
        waiting = [one for one in known if one.content.get("kind") == Kind.SCRIPT]
        return web.json_response(
            {
                "scripts": [full_json(one) for one in page.rows],
                "drafts": [await self._shapes.draft(actor, one) for one in waiting],
            }
        )

    async def _write_script(self, request: web.Request, visitor: Visitor) -> web.Response:
        """An urgent script goes to review at once: a second person is all that it waits for."""
        content = _script(await json_of(request), local(self._clock.now()).date())
        checked(content)
        draft = await self._lifecycle.save_draft(visitor.actor, content, base_version=0)
        draft = await self._lifecycle.submit(visitor.actor, draft.id, draft.revision)
        return web.json_response(await self._shapes.draft(visitor.actor, draft), status=201)

    async def _require(self, actor: Actor, id: str) -> Listed:
        listed = await self._catalogue.look(actor, id)
        if listed is None:
            raise WebError("not_found", "没有这个条目，或者它不属于你的单位；请回到列表再找", 404)
        return listed


def _is_wanted(draft: Draft, wanted: Wanted) -> bool:
    content = draft.content
    same = all(
        not (value := getattr(wanted, name)) or content.get(name) == value for name in ("kind", "field", "unit", "area")
    )
    text = f"{draft.entry_id} {content.get('question')} {content.get('answer')}".lower()
    return same and all(word in text for word in wanted.text.lower().split())


def _script(body: dict[str, Any], today: date) -> dict[str, Any]:
    """The content of an urgent script; it takes effect with its first moment."""
    starts_at = moment(text_in(body, "starts_at", "开始时间", most=40, needed=True), "开始时间")
    ends_at = moment(text_in(body, "ends_at", "结束时间", most=40, needed=True), "结束时间")
    similar = texts_in(body, "similar", "其他问法", most=100) if body.get("similar") else []
    written = {
        name: text_in(body, name, label, most=most, needed=True)
        for name, label, most in (("question", "问题", 200), ("answer", "文字答案", 5000), ("speech", "语音答案", 80))
    }
    return written | {
        "id": new_entry_id(today),
        "kind": Kind.SCRIPT.value,
        "urgent": True,
        "unit": text_in(body, "unit", "单位", most=100, needed=True),
        "field": "应急口径",
        "similar": similar,
        "effective_at": local(starts_at).date().isoformat(),
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
    }
