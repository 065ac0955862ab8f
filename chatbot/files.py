"""Attachments of the entries that citizens are answered with; read only, as downloads."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from chatbot.contract import LiveMarks
from knowledge.public_files import PublicFiles
from knowledge.web.attachments import download_headers
from knowledge.web.bodies import id_of
from knowledge.web.routing import answered, problem

ASKED_MOST: Final = 120
"""Lists and files for one session a minute."""
_WINDOW_S: Final = 60.0


class FileApi:
    """Routes under ``/api/chat/entries``. ``who``: the session of a request; ``None``: it has none."""

    def __init__(self, files: PublicFiles, marks: LiveMarks, who: Callable[[web.Request], str | None]) -> None:
        self._files = files
        self._marks = marks
        self._who = who

    def routes(self) -> list[web.RouteDef]:
        one = "/api/chat/entries/{entry}/attachments"
        return [web.get(one, answered(self._list)), web.get(one + "/{id}", answered(self._give))]

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if refused := await self._refused(request):
            return refused
        entry = id_of(request, "entry")
        files = [
            {"id": one.id, "name": one.name, "bytes": one.bytes, "media": one.media}
            for one in await self._files.of(entry)
        ]
        return web.json_response({"attachments": files})

    async def _give(self, request: web.Request) -> web.StreamResponse:
        if refused := await self._refused(request):
            return refused
        found = await self._files.find(id_of(request, "entry"), id_of(request))
        headers = download_headers(found.attachment.name) | {"Content-Type": found.attachment.media}
        return web.FileResponse(found.path, headers=headers)

    async def _refused(self, request: web.Request) -> web.Response | None:
        session = self._who(request)
        if session is None:
            return problem("not_logged_in", "请刷新页面", 401)
        wait = await self._marks.hit(f"files:{session}", ASKED_MOST, _WINDOW_S)
        return problem("rate_limited", "请求太多，请稍后再试", 429) if wait else None
