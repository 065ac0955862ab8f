"""A gateway for the node's tests: a real WebSocket listener that records what it is told and can be cut off."""

import asyncio
from typing import TypeVar

from aiohttp import web

from ivr.protocol import (
    Ack,
    CallbackRecorded,
    GatewayFrame,
    Heartbeat,
    Hello,
    NodeFrame,
    Welcome,
    node_frame,
)

F = TypeVar("F", bound=NodeFrame)


class GatewayDouble:
    """Listens on a free port. ``known``: calls that it goes on with after a reconnection."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.got: list[NodeFrame] = []
        self.known: set[str] = set()
        self.acknowledges = True
        self.beats = True
        self.first: list[GatewayFrame] = []
        """Sent right after each welcome."""
        self._arrived = asyncio.Condition()
        self._sockets: set[web.WebSocketResponse] = set()
        self._transports: set[asyncio.WriteTransport] = set()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        application = web.Application()
        application.router.add_get("/node", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away as a killed process does: at once, with everything."""
        for transport in list(self._transports):
            transport.abort()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/node"

    async def send(self, frame: GatewayFrame) -> None:
        for connected in self._sockets:
            await connected.send_str(frame.model_dump_json())

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.got if isinstance(frame, kind)]

    async def until(self, kind: type[F], count: int = 1, within_s: float = 10) -> F:
        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self._secret}":
            return web.Response(status=403)
        connected = web.WebSocketResponse()
        await connected.prepare(request)
        transport = request.transport
        if not isinstance(transport, asyncio.WriteTransport):
            raise TypeError("a WebSocket needs a transport")
        self._sockets.add(connected)
        self._transports.add(transport)
        beating = asyncio.create_task(self._beat(connected))
        try:
            async for message in connected:
                await self._take(node_frame.validate_json(message.data), connected)
        finally:
            self._sockets.discard(connected)
            self._transports.discard(transport)
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
        return connected

    async def _beat(self, connected: web.WebSocketResponse) -> None:
        while True:
            if self.beats:
                await connected.send_str(Heartbeat().model_dump_json())
            await asyncio.sleep(1)

    async def _take(self, frame: NodeFrame, connected: web.WebSocketResponse) -> None:
        if isinstance(frame, Hello):
            live = {one.call for one in frame.live}
            welcome = Welcome(resume=tuple(live & self.known), release=tuple(live - self.known))
            await connected.send_str(welcome.model_dump_json())
            for one in self.first:
                await connected.send_str(one.model_dump_json())
        elif isinstance(frame, CallbackRecorded) and self.acknowledges:
            await connected.send_str(Ack(id=frame.id).model_dump_json())
        async with self._arrived:
            self.got.append(frame)
            self._arrived.notify_all()
