"""Open pages: WebSockets by key, each with its own outgoing queue, so that a slow page holds nobody up."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

log = structlog.get_logger("gateway")

PING_S: Final = 20.0
QUEUE_MOST: Final = 500
"""Frames a page may lag behind before it is cut off; it reconnects and gets the whole state anew."""
CLOSE_S: Final = 1.0
"""How long a page that is being closed may take to say so."""
FRAME_MOST: Final = 16 * 1024
"""Bytes of one frame from a page."""

First = Callable[[], Awaitable[Mapping[str, Any]]]
OnFrame = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any] | None]]


class Outbox:
    """One open WebSocket and what is still to be sent over it."""

    __slots__ = ("outgoing", "socket")

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.outgoing: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_MOST)

    def put(self, text: str | None) -> None:
        """Queue a frame; ``None`` closes. A far end that lags too far behind is cut off."""
        try:
            self.outgoing.put_nowait(text)
        except asyncio.QueueFull:
            while not self.outgoing.empty():
                self.outgoing.get_nowait()
            self.outgoing.put_nowait(None)

    async def write(self) -> None:
        """Send what is queued until told to close."""
        while (text := await self.outgoing.get()) is not None:
            await self.socket.send_str(text)
        await self.socket.close(code=WSCloseCode.TRY_AGAIN_LATER)


class Hub:
    """The pages of one kind (chat by session, desk by agent)."""

    def __init__(self) -> None:
        self._pages: dict[str, list[Outbox]] = {}

    def send(self, key: str, frame: Mapping[str, Any]) -> int:
        """Queue ``frame`` for every page of ``key``; the number of pages."""
        pages = self._pages.get(key, [])
        if pages:
            text = json.dumps(frame, ensure_ascii=False)
            for page in pages:
                page.put(text)
        return len(pages)

    def present(self) -> Sequence[str]:
        """Whoever has a page open."""
        return tuple(self._pages)

    def close(self, key: str) -> None:
        """Close every page of ``key``."""
        for page in self._pages.get(key, []):
            page.put(None)

    def close_all(self) -> None:
        for key in self.present():
            self.close(key)

    async def serve(self, request: web.Request, key: str, first: First, on_frame: OnFrame) -> web.StreamResponse:
        """Keep a page until it goes: ``first`` makes the frame it gets on arrival, ``on_frame`` answers what it sends."""
        if not same_origin(request):
            return web.json_response({"error": {"code": "bad_origin", "message": "只能从本站页面连接"}}, status=403)
        socket = web.WebSocketResponse(heartbeat=PING_S, max_msg_size=FRAME_MOST, timeout=CLOSE_S)
        await socket.prepare(request)
        page = Outbox(socket)
        self._pages.setdefault(key, []).append(page)
        writer = asyncio.create_task(page.write(), name="page-writer")
        try:
            page.put(json.dumps(await first(), ensure_ascii=False))
            await self._read(page, on_frame)
        finally:
            self._pages[key].remove(page)
            if not self._pages[key]:
                del self._pages[key]
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writer
        return socket

    async def _read(self, page: Outbox, on_frame: OnFrame) -> None:
        async for message in page.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                frame = json.loads(message.data)
            except ValueError:
                frame = None
            if isinstance(frame, dict):
                answer = await on_frame(frame)
            else:
                answer = {"type": "error", "code": "bad_frame", "message": "内容应为 JSON 对象", "id": None}
            if answer is not None:
                page.put(json.dumps(answer, ensure_ascii=False))


def same_origin(request: web.Request) -> bool:
    """A browser's page from elsewhere may not use the visitor's cookie; programs send no ``Origin``."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
