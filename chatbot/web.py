"""The chat's HTTP and WebSocket interface; docs/api.md is its reference."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import web

from chatbot.contract import LiveMarks, Pages, Tokens
from chatbot.files import FileApi
from chatbot.service import Chat
from knowledge.public_files import PublicFiles
from store.ids import new_id

COOKIE: Final = "hotline_visitor"
LIFETIME_S: Final = 30 * 24 * 3600.0
SESSIONS_MOST: Final = 120
"""New visitors from one address a minute; many share one behind a carrier's NAT."""
_PURPOSE: Final = "visitor"


class ChatApi:
    """Routes under ``/api/chat``."""

    def __init__(
        self,
        chat: Chat,
        tokens: Tokens,
        marks: LiveMarks,
        pages: Pages,
        present: Callable[[], Sequence[str]],
        files: PublicFiles,
    ) -> None:
        self._chat = chat
        self._tokens = tokens
        self._marks = marks
        self._pages = pages
        self._present = present
        self._files = FileApi(files, marks, self._who)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/chat/session", self._session),
            web.get("/api/chat/history", self._history),
            web.get("/api/chat/ws", self._socket),
            *self._files.routes(),
        ]

    async def _session(self, request: web.Request) -> web.Response:
        session = self._who(request)
        if session is None:
            wait = await self._marks.hit(f"visitors:{request.remote}", SESSIONS_MOST, 60.0)
            if wait:
                return _refuse(429, "rate_limited", "访问的人太多，请稍后再试")
            session = new_id()
        token = self._tokens.sign(_PURPOSE, {"session": session}, LIFETIME_S)
        response = web.json_response({"session": session, "token": token})
        response.set_cookie(
            COOKIE, token, max_age=int(LIFETIME_S), httponly=True, samesite="Lax", secure=request.secure
        )
        return response

    async def _history(self, request: web.Request) -> web.Response:
        session = self._who(request)
        if session is None:
            return _refuse(401, "not_logged_in", "请刷新页面")
        return web.json_response(await self._chat.look(session))

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        session = self._who(request)
        if session is None:
            return _refuse(401, "not_logged_in", "请刷新页面")
        room = self._chat.room(session)

        async def on_frame(frame: dict[str, Any]) -> Any:
            return await room.take(frame)

        try:
            return await self._pages.serve(request, session, room.ready, on_frame)
        finally:
            if session not in self._present():
                self._chat.leave(session)

    def _who(self, request: web.Request) -> str | None:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        token = bearer or request.query.get("token", "") or request.cookies.get(COOKIE, "")
        claims = self._tokens.read(_PURPOSE, token) if token else None
        return str(claims["session"]) if claims else None


def _refuse(status: int, code: str, text: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": text}}, status=status)
