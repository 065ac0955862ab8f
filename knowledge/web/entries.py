"""Entries: the list with its filters, one entry with its history, what changed, and what may be done to a published one."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from config.clock import Clock
from knowledge.catalogue import Catalogue, Listed, Standing, Wanted
from knowledge.consultations import Consultations
from knowledge.contract import Actor
from knowledge.web.bodies import id_of, page_of, query_text
from knowledge.web.contract import Visitor, WebError
from knowledge.web.rights import Right
from knowledge.web.routing import Route
from knowledge.web.shapes import full_json, page_json, version_json

ANSWERS_OVER: Final = timedelta(days=30)


class EntryPages:
    """``/entries``."""

    def __init__(self, catalogue: Catalogue, consultations: Consultations, clock: Clock) -> None:
        self._catalogue = catalogue
        self._consultations = consultations
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/entries", Right.ENTER, self._list),
            Route("GET", "/entries/{id}", Right.ENTER, self._see),
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
        return web.json_response(page_json(await self._catalogue.page(visitor.actor, wanted), number, size))

    async def _see(self, request: web.Request, visitor: Visitor) -> web.Response:
        listed = await self._require(visitor.actor, id_of(request))
        since = self._clock.now() - ANSWERS_OVER
        return web.json_response(
            {
                "entry": full_json(listed),
                "versions": [version_json(one) for one in await self._catalogue.versions(listed.entry.id)],
                "draft": None,
                "disputes": [],
                "answers_30d": await self._consultations.answers(listed.entry.id, since),
            }
        )

    async def _require(self, actor: Actor, id: str) -> Listed:
        listed = await self._catalogue.look(actor, id)
        if listed is None:
            raise WebError("not_found", "没有这个条目，或者它不属于你的单位；请回到列表再找", 404)
        return listed
