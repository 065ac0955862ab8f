"""The pages, as built into ``web/dist``, and the headers that keep them safe."""

from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from config.rulebook_model import Rulebook

_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""Element Plus sets style attributes; scripts come from our files alone; "play it" plays what the page fetched."""
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
"""Built assets carry a hash in their names."""

NOT_BUILT: Final = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>12345</title>
<h1>页面还没有构建</h1><p>请在程序目录运行 <code>./hotline up</code>，它会构建页面；
或者在 <code>web/</code> 里运行 <code>npm ci</code> 与 <code>npm run build</code>。</p>
<p>接口与电话不受影响。</p></html>"""


@web.middleware
async def secure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the security headers on every answer; what is not a built asset is not kept by browsers."""
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        refused.headers.update(_HEADERS)
        raise
    if not response.prepared:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        asset = request.path.startswith("/assets/")
        response.headers.setdefault("Cache-Control", _FOREVER if asset else "no-store")
    return response


class Pages:
    """Routes for people: the chat, the desk, the knowledge base, their assets, and what the pages need to know of the city."""

    def __init__(self, dist: Path, rulebook: Rulebook) -> None:
        self._dist = dist
        self._rulebook = rulebook

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._chat),
            web.get("/desk", self._desk),
            web.get("/desk/{rest:.*}", self._desk),
            web.get("/kb", self._kb),
            web.get("/kb/{rest:.*}", self._kb),
            web.get("/assets/{file}", self._asset),
            web.get("/icon.svg", self._icon),
            web.get("/api/city", self._city),
            web.get("/healthz", self._alive),
        ]

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return self._page("index.html")

    async def _desk(self, request: web.Request) -> web.StreamResponse:
        return self._page("desk.html")

    async def _kb(self, request: web.Request) -> web.StreamResponse:
        return self._page("kb.html")

    def _page(self, name: str) -> web.StreamResponse:
        file = self._dist / name
        if not file.is_file():
            return web.Response(text=NOT_BUILT, content_type="text/html", status=503)
        return web.FileResponse(file)

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        return self._file(self._dist / "assets" / request.match_info["file"])

    async def _icon(self, request: web.Request) -> web.StreamResponse:
        return self._file(self._dist / "icon.svg")

    def _file(self, file: Path) -> web.StreamResponse:
        if file.name.startswith(".") or not file.is_file():
            raise web.HTTPNotFound(text="没有这个文件")
        return web.FileResponse(file)

    async def _city(self, request: web.Request) -> web.StreamResponse:
        book = self._rulebook
        numbers: dict[str, str] = {}
        for incident in book.emergency:
            if incident.number:
                numbers.setdefault(incident.number, incident.name)
        return web.json_response(
            {
                "city": book.id,
                "name": book.name,
                "title": f"{book.name}12345政务服务便民热线",
                "emergency_numbers": [{"number": number, "label": label} for number, label in numbers.items()],
            }
        )

    async def _alive(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True})
