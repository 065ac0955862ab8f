"""An ivr node made of nothing but its end of the wire: a real WebSocket, frames checked against the protocol."""

import asyncio
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from ivr.protocol import (
    CallEnded,
    CallStarted,
    Dtmf,
    GatewayFrame,
    Hello,
    LiveCall,
    NoInput,
    SpeechFinal,
    SpeechPartial,
    TransferState,
    gateway_frame,
)

WITHIN_S = 5.0


class ScriptedNode:
    """Sends what a test tells it to, keeps what the gateway sent."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._session = session
        self._socket = socket
        self.seq: dict[str, int] = {}
        self.frames: list[GatewayFrame] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def link(
        cls, server: TestServer, secret: str, *, name: str = "n1", live: tuple[LiveCall, ...] = ()
    ) -> "ScriptedNode":
        session = aiohttp.ClientSession()
        headers = {"Authorization": f"Bearer {secret}", "X-Node": name}
        try:
            socket = await session.ws_connect(server.make_url("/node"), headers=headers)
        except aiohttp.WSServerHandshakeError:
            await session.close()
            raise
        node = cls(session, socket)
        await socket.send_str(Hello(node=name, live=live).model_dump_json())
        await node.wait("welcome")
        return node

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()
        await self._session.close()

    async def wait(self, type: str, count: int = 1, **fields: Any) -> Any:
        """The ``count``-th frame of that type with these fields, once it has come."""
        async with asyncio.timeout(WITHIN_S):
            while len(found := self.all(type, **fields)) < count:
                self._news.clear()
                await self._news.wait()
        return found[count - 1]

    async def said(self, part: str) -> Any:
        """The ``say`` whose text holds ``part``."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                for frame in self.all("say"):
                    if part in frame.text:
                        return frame
                self._news.clear()
                await self._news.wait()

    async def about(self, call: str) -> Any:
        """The first frame about ``call``, once it has come."""
        async with asyncio.timeout(WITHIN_S):
            while not (found := [frame for frame in self.frames if getattr(frame, "call", "") == call]):
                self._news.clear()
                await self._news.wait()
        return found[0]

    def all(self, type: str, **fields: Any) -> list[Any]:
        return [
            frame
            for frame in self.frames
            if frame.type == type and all(getattr(frame, name) == value for name, value in fields.items())
        ]

    @property
    def texts(self) -> list[str]:
        return [frame.text for frame in self.all("say")]

    async def send(self, frame: Any) -> None:
        seq = self.seq[frame.call] = self.seq.get(frame.call, 0) + 1
        await self._socket.send_str(frame.model_copy(update={"seq": seq}).model_dump_json())

    async def raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def call(
        self, call: str = "c1", number: str | None = "13800000000", *, restricted: bool = False, overflow: Any = ""
    ) -> None:
        await self.send(CallStarted(call=call, number=number, restricted=restricted, overflow=overflow))

    async def final(self, text: str, call: str = "c1", *, start_ms: int = 1000) -> None:
        await self.send(
            SpeechFinal(
                call=call,
                text=text,
                confidence=0.9,
                start_ms=start_ms,
                end_ms=start_ms + 900,
                endpoint_ms=start_ms + 1200,
            )
        )

    async def partial(self, text: str, call: str = "c1", *, start_ms: int = 1000) -> None:
        await self.send(SpeechPartial(call=call, text=text, start_ms=start_ms))

    async def key(self, digit: str, call: str = "c1") -> None:
        await self.send(Dtmf(call=call, digit=digit, at_ms=20))

    async def silent(self, count: int, call: str = "c1") -> None:
        await self.send(NoInput(call=call, count=count))

    async def transfer(self, state: Any, id: str, call: str = "c1", code: int = 0) -> None:
        await self.send(TransferState(call=call, id=id, state=state, sip_code=code))

    async def end(self, call: str = "c1", by: Any = "caller") -> None:
        await self.send(CallEnded(call=call, ended_by=by, duration_ms=9000))

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                frame = gateway_frame.validate_json(message.data)
                if frame.type != "heartbeat":
                    self.frames.append(frame)
                    self._news.set()
