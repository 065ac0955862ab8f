"""The node's line to a gateway: one authenticated WebSocket, kept up, and what must not be lost kept until it is sent."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import aiohttp
import structlog
from pydantic import ValidationError

from ivr.admission import Answer
from ivr.protocol import (
    HEARTBEAT_S,
    OFFER_TIMEOUT_S,
    PROTOCOL_VERSION,
    Admit,
    AdmitRestricted,
    CallbackRecorded,
    CallEnded,
    CallOffered,
    CallStarted,
    GatewayFrame,
    Heartbeat,
    Hello,
    LiveCall,
    NodeFrame,
    Reject,
    SpeechPartial,
    Welcome,
    gateway_frame,
)

_log = structlog.get_logger("ivr")

LOST_S: Final = 3.0
"""A gateway that has been silent for three heartbeats is gone."""
_BACK_OFF_S: Final = (0.2, 0.4, 0.8, 1.0)
_PROMISES_AGAIN_S: Final = 10.0
_KEPT_FRAMES: Final = 5000


class LinkEvents(Protocol):
    """The node behind the link."""

    def live_calls(self) -> Iterable[LiveCall]: ...

    def restrictions_version(self) -> int: ...

    def undelivered(self) -> list[CallbackRecorded]: ...

    def linked(self, released: frozenset[str]) -> None:
        """The gateway is there; it does not know the calls in ``released``."""
        ...

    def lost(self) -> None: ...

    def received(self, frame: GatewayFrame) -> None: ...


class _Refused(Exception):
    """The gateway does not answer a ``hello`` as it should."""


class GatewayLink:
    """Connects, reconnects, delivers in order. :meth:`run` is its task."""

    def __init__(
        self, url: str, *, secret: Callable[[], str], node: str, events: LinkEvents, connect_timeout_s: float = 2.0
    ) -> None:
        self._url = url
        self._secret = secret
        self._node = node
        self._events = events
        self._connect_timeout_s = connect_timeout_s
        self._outbox: deque[NodeFrame] = deque(maxlen=_KEPT_FRAMES)
        self._to_send = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._announced: set[str] = set()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._lost_at: float | None = 0.0
        self.connections = 0

    @property
    def is_up(self) -> bool:
        return self._lost_at is None

    @property
    def down_s(self) -> float:
        """For how long the gateway has been away; 0 while it is there."""
        return 0.0 if self._lost_at is None else asyncio.get_running_loop().time() - self._lost_at

    def send(self, frame: NodeFrame) -> None:
        """Queue ``frame``; while the gateway is away only what still matters afterwards is kept."""
        if self.is_up or not isinstance(frame, SpeechPartial):
            self._outbox.append(frame)
            self._to_send.set()
            self._all_sent.clear()

    async def ask(self, offered: CallOffered) -> Answer | None:
        """The gateway's word on an INVITE; ``None`` when there is none within the time for it."""
        if not self.is_up:
            return None
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[offered.call] = answer
        self.send(offered)
        try:
            async with asyncio.timeout(OFFER_TIMEOUT_S):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._asked.pop(offered.call, None)

    async def flushed(self, within_s: float) -> None:
        """Return when everything queued has been sent, or after ``within_s``."""
        if self.is_up and self._outbox:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._all_sent.wait()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        self._lost_at = asyncio.get_running_loop().time()
        failures = 0
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    await self._connected(session)
                except (aiohttp.ClientError, OSError, TimeoutError, _Refused) as error:
                    if failures == 0:
                        _log.warning("gateway_not_reached", error=type(error).__name__)
                failures = 0 if self.is_up else failures + 1
                self._went_away()
                await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])

    def _went_away(self) -> None:
        if self.is_up:
            self._lost_at = asyncio.get_running_loop().time()
            _log.warning("gateway_lost")
            self._events.lost()

    async def _connected(self, session: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {self._secret()}", "X-Node": self._node}
        async with asyncio.timeout(self._connect_timeout_s):
            socket = await session.ws_connect(self._url, headers=headers, autoping=True, max_msg_size=1 << 22)
        try:
            await self._greet(socket)
            tasks = [
                asyncio.get_running_loop().create_task(work, name=name)
                for work, name in (
                    (self._receive(socket), "link-receive"),
                    (self._deliver(socket), "link-deliver"),
                    (self._beat(socket), "link-beat"),
                    (self._remind(), "link-promises"),
                )
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._went_away()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await socket.close()

    async def _greet(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        live = tuple(call for call in self._events.live_calls() if call.call in self._announced)
        hello = Hello(node=self._node, live=live, restrictions_version=self._events.restrictions_version())
        await socket.send_str(hello.model_dump_json())
        async with asyncio.timeout(LOST_S):
            while True:
                frame = self._parsed(await socket.receive())
                if isinstance(frame, Welcome):
                    break
                if frame is not None:
                    self._take(frame)
        if frame.version != PROTOCOL_VERSION:
            _log.error("gateway_speaks_another_version", version=frame.version)
            raise _Refused
        known = {call.call for call in live} & set(frame.resume)
        released = frozenset(call.call for call in live if call.call not in known)
        self._announced -= released
        kept = [one for one in self._outbox if getattr(one, "call", "") not in released]
        self._outbox.clear()
        self._outbox.extend(kept)
        self._to_send.set()
        self._lost_at = None
        self.connections += 1
        _log.info("gateway_linked", live=len(live), released=len(released))
        self._events.linked(released)

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            async with asyncio.timeout(LOST_S):
                message = await socket.receive()
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                return
            if message.type is aiohttp.WSMsgType.ERROR:
                return
            frame = self._parsed(message)
            if frame is not None:
                self._take(frame)

    def _parsed(self, message: aiohttp.WSMessage) -> GatewayFrame | None:
        if message.type is not aiohttp.WSMsgType.TEXT:
            if message.type is aiohttp.WSMsgType.BINARY:
                return None
            raise _Refused
        try:
            return gateway_frame.validate_json(message.data)
        except ValidationError as error:
            _log.error("gateway_frame_not_understood", faults=error.error_count())
            return None

    def _take(self, frame: GatewayFrame) -> None:
        if isinstance(frame, Heartbeat | Welcome):
            return
        if isinstance(frame, Admit | AdmitRestricted | Reject):
            asked = self._asked.get(frame.call)
            if asked and not asked.done():
                asked.set_result(frame)
            return
        self._events.received(frame)

    async def _deliver(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._to_send.wait()
            while self._outbox:
                frame = self._outbox[0]
                await socket.send_str(frame.model_dump_json())
                if self._outbox and self._outbox[0] is frame:
                    self._outbox.popleft()
                if isinstance(frame, CallStarted):
                    self._announced.add(frame.call)
                elif isinstance(frame, CallEnded):
                    self._announced.discard(frame.call)
            self._to_send.clear()
            self._all_sent.set()

    async def _beat(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        beat = Heartbeat().model_dump_json()
        while True:
            await socket.send_str(beat)
            await asyncio.sleep(HEARTBEAT_S)

    async def _remind(self) -> None:
        """Deliver promises until each is acknowledged (``Ack`` reaches the node through ``received``)."""
        while True:
            for promise in self._events.undelivered():
                self.send(promise)
            await asyncio.sleep(_PROMISES_AGAIN_S)
