"""The link to the ivr nodes: the server side of :mod:`ivr.protocol`.

A node that comes back after a cut gets what it missed: commands are kept per call until the call is over, and a command
carries an id, so that one sent twice is carried out once.
"""

import asyncio
import contextlib
import hmac
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog
from aiohttp import WSMsgType, web
from pydantic import ValidationError

from config.clock import Clock
from gateway.sockets import CLOSE_S, Outbox
from ivr.protocol import (
    HEARTBEAT_S,
    PROTOCOL_VERSION,
    CallbackRecorded,
    CallEnded,
    CallOffered,
    GatewayFrame,
    Heartbeat,
    Hello,
    LiveCall,
    NodeFrame,
    NodeLoad,
    Welcome,
    node_frame,
)

log = structlog.get_logger("gateway")

HELLO_WITHIN_S: Final = 5.0
SILENT_S: Final = 5.0
"""A node that says nothing for five heartbeats is cut off; it reconnects."""
GONE_AFTER_S: Final = 30.0
"""A node away this long does not come back with its calls: it holds them for 10 s."""
MISSING_AFTER_S: Final = 3.0
"""A returned node delivers what it kept first; a call of which it still says nothing then is gone."""
FRAME_MOST: Final = 256 * 1024
_KEPT: Final = 64
"""Commands kept per call for a node that comes back."""


class CallHandler(Protocol):
    """The phone channel as the link sees it."""

    async def resume(self, live: LiveCall) -> bool:
        """Go on with a call that a node still holds; false when it is unknown."""
        ...

    async def take(self, frame: NodeFrame) -> None:
        """A frame about a call, in order."""
        ...

    async def ended_unseen(self, frame: CallEnded) -> None:
        """A call that this process does not know is over."""
        ...

    async def offered(self, frame: CallOffered) -> GatewayFrame:
        """Admit a call?"""
        ...

    async def recorded(self, frame: CallbackRecorded) -> GatewayFrame:
        """Take over a promise that the node made alone."""
        ...

    async def lost(self, call: str) -> None:
        """The call is gone with its node."""
        ...


@dataclass(slots=True)
class _CallLine:
    """One call's numbering in both directions, and its last commands."""

    node: str
    sent: int = 0
    seen: int = 0
    kept: deque[GatewayFrame] = field(default_factory=lambda: deque(maxlen=_KEPT))


@dataclass(slots=True)
class _Node:
    outbox: Outbox
    calls: int = 0
    most: int = 0


class NodeLink:
    """All connected nodes. ``tables``: what every node must know as it stands, pushed to each one that connects."""

    def __init__(self, secret: str, clock: Clock, tables: Callable[[], Sequence[GatewayFrame]]) -> None:
        self._secret = secret
        self._clock = clock
        self._tables = tables
        self._nodes: dict[str, _Node] = {}
        self._lines: dict[str, _CallLine] = {}
        self._away: dict[str, float] = {}
        self._missing: dict[str, float] = {}
        self._handler: CallHandler | None = None

    def handle_with(self, handler: CallHandler) -> None:
        """Name the phone channel, once."""
        self._handler = handler

    @property
    def nodes(self) -> dict[str, tuple[int, int]]:
        """Connected nodes with their calls and most calls."""
        return {name: (node.calls, node.most) for name, node in self._nodes.items()}

    def send(self, frame: Any) -> None:
        """Send a command about a call; kept for the node if it is away."""
        line = self._lines.get(frame.call)
        if line is None:
            return
        line.sent += 1
        numbered: GatewayFrame = frame.model_copy(update={"seq": line.sent})
        line.kept.append(numbered)
        node = self._nodes.get(line.node)
        if node is not None:
            node.outbox.put(numbered.model_dump_json())

    def broadcast(self, frame: GatewayFrame) -> None:
        """Send to every node."""
        for node in self._nodes.values():
            node.outbox.put(frame.model_dump_json())

    def forget(self, call: str) -> None:
        """The call is over."""
        self._lines.pop(call, None)
        self._missing.pop(call, None)

    def network_ms(self, call: str) -> float:
        """Round-trip time to the call's node, as the kernel measures it; 0 when unknown."""
        line = self._lines.get(call)
        node = self._nodes.get(line.node) if line else None
        return _round_trip_ms(node.outbox.socket) if node else 0.0

    async def close(self) -> None:
        """Close every connection; the nodes hold their calls for the next gateway."""
        for node in list(self._nodes.values()):
            node.outbox.put(None)

    async def drop_lost(self) -> None:
        """Give up the calls of nodes that stay away, and those of which a returned node said nothing."""
        now = self._clock.monotonic()
        silent = [call for call, since in self._missing.items() if now - since >= MISSING_AFTER_S]
        await self._lose(silent)
        for name, since in list(self._away.items()):
            if now - since >= GONE_AFTER_S:
                del self._away[name]
                await self._lose([call for call, line in self._lines.items() if line.node == name])

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """``GET /node``: one node's connection, until it ends."""
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            log.warning("node_refused", remote=request.remote)
            return web.json_response({"error": {"code": "forbidden", "message": "节点密钥不对"}}, status=403)
        connection = web.WebSocketResponse(max_msg_size=FRAME_MOST, timeout=CLOSE_S)
        await connection.prepare(request)
        outbox = Outbox(connection)
        helper = asyncio.create_task(outbox.write(), name="node-writer")
        name = ""
        try:
            hello = await self._hello(connection)
            if hello is not None:
                name = hello.node
                await self._greet(hello, outbox)
                await self._listen(connection, name, outbox)
        finally:
            if name and self._nodes.get(name) and self._nodes[name].outbox is outbox:
                del self._nodes[name]
                self._away[name] = self._clock.monotonic()
                log.warning("node_away", node=name)
            helper.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await helper
        return connection

    async def _hello(self, connection: web.WebSocketResponse) -> Hello | None:
        try:
            frame = node_frame.validate_json(await connection.receive_str(timeout=HELLO_WITHIN_S))
        except (ValidationError, TimeoutError, TypeError) as error:
            log.warning("node_hello_bad", error=type(error).__name__)
            return None
        if isinstance(frame, Hello) and frame.version == PROTOCOL_VERSION:
            return frame
        log.warning("node_version_differs", wanted=PROTOCOL_VERSION)
        return None

    async def _greet(self, hello: Hello, outbox: Outbox) -> None:
        """Take the node in: which calls go on, the tables, and the commands it missed."""
        former = self._nodes.pop(hello.node, None)
        if former is not None:
            former.outbox.put(None)
        self._away.pop(hello.node, None)
        held = {live.call for live in hello.live}
        gone = [call for call, line in self._lines.items() if line.node == hello.node and call not in held]
        self._missing |= dict.fromkeys(gone, self._clock.monotonic())
        resumed, released = [], []
        for live in hello.live:
            known = live.call in self._lines
            if not known:
                self._lines[live.call] = _CallLine(hello.node, sent=live.last_seq_seen)
            if await self._calls.resume(live):
                resumed.append(live)
            else:
                self.forget(live.call)
                released.append(live.call)
        names = tuple(live.call for live in resumed)
        outbox.put(Welcome(resume=names, release=tuple(released)).model_dump_json())
        self._nodes[hello.node] = _Node(outbox)
        for table in self._tables():
            outbox.put(table.model_dump_json())
        for live in resumed:
            for frame in self._lines[live.call].kept:
                if frame.seq > live.last_seq_seen:
                    outbox.put(frame.model_dump_json())
        log.info("node_linked", node=hello.node, resumed=len(resumed), released=len(released))

    async def _listen(self, connection: web.WebSocketResponse, name: str, outbox: Outbox) -> None:
        beat = asyncio.create_task(_beat(outbox), name="node-heartbeat")
        try:
            while True:
                message = await connection.receive(timeout=SILENT_S)
                if message.type is not WSMsgType.TEXT:
                    return
                try:
                    frame = node_frame.validate_json(message.data)
                except ValidationError as error:
                    log.error("node_frame_bad", node=name, faults=error.error_count())
                    continue
                await self._dispatch(frame, name, outbox)
        except TimeoutError:
            log.warning("node_silent", node=name)
        finally:
            beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beat

    async def _dispatch(self, frame: NodeFrame, name: str, outbox: Outbox) -> None:
        if isinstance(frame, Heartbeat | Hello):
            return
        if isinstance(frame, NodeLoad):
            if name in self._nodes:
                self._nodes[name].calls, self._nodes[name].most = frame.calls, frame.max_calls
            return
        if isinstance(frame, CallbackRecorded):
            outbox.put((await self._calls.recorded(frame)).model_dump_json())
            return
        if isinstance(frame, CallOffered):
            outbox.put((await self._calls.offered(frame)).model_dump_json())
            return
        line = self._lines.get(frame.call)
        if line is None and frame.type == "call.started":
            line = self._lines[frame.call] = _CallLine(name)
        if line is None and isinstance(frame, CallEnded):
            await self._calls.ended_unseen(frame)
        if line is None or (frame.seq and frame.seq <= line.seen):
            return
        line.seen = max(line.seen, frame.seq)
        await self._calls.take(frame)

    async def _lose(self, calls: list[str]) -> None:
        for call in calls:
            await self._calls.lost(call)
            self.forget(call)

    @property
    def _calls(self) -> CallHandler:
        if self._handler is None:
            raise RuntimeError("handle_with was not called")
        return self._handler


async def _beat(outbox: Outbox) -> None:
    beat = Heartbeat().model_dump_json()
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        outbox.put(beat)


def _round_trip_ms(connection: web.WebSocketResponse) -> float:
    """``tcpi_rtt`` of the connection (linux/tcp.h: a u32 in µs at offset 68 of ``struct tcp_info``)."""
    raw = connection.get_extra_info("socket")
    if raw is None or not hasattr(socket, "TCP_INFO"):
        return 0.0
    with contextlib.suppress(OSError, struct.error):
        info = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 72)
        return float(struct.unpack_from("I", info, 68)[0]) / 1000
    return 0.0
