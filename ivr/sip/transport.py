"""The UDP socket of a SIP endpoint: one that hostile datagrams cannot close, and that can be opened again."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiosipua import SipRequest, SipResponse, UdpSipTransport

from ivr.sip.intake import Fault, Unreadable, answer_to, is_reachable, read, way_back

_log = structlog.get_logger("ivr.sip")
_LARGEST: Final = 65_535
Address = tuple[str, int]


class _Datagrams(asyncio.DatagramProtocol):
    """aiosipua's own asserts a transport class and logs a traceback on stock asyncio (DESIGN §4); this one does not."""

    def __init__(self, owner: "GuardedUdpTransport") -> None:
        self._owner = owner
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._owner.receive(data, (str(addr[0]), int(addr[1])))

    def error_received(self, exc: Exception) -> None:
        self._owner.undeliverable += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost(self._transport, exc)


class GuardedUdpTransport(UdpSipTransport):
    """Parses what comes in, drops what cannot be read, answers only to where a request came from."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(local_addr=(host, port))
        self.malformed = 0
        self.undeliverable = 0
        self.on_sent: Callable[[SipRequest | SipResponse, Address], None] = lambda message, address: None
        self.on_reply: Callable[[SipResponse], None] = lambda response: None
        self.on_lost: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Bind; with port 0 the system picks, and ``local_addr`` tells which."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=self.local_addr)
        self._udp_transport = transport
        name = transport.get_extra_info("sockname")
        self.local_addr = (self.local_addr[0], int(name[1]))

    async def reopen(self) -> None:
        """Close the socket and bind the same port again."""
        await self.stop()
        await asyncio.sleep(0)  # the event loop lets go of the old socket
        await self.start()

    def lost(self, socket: asyncio.BaseTransport | None, error: Exception | None) -> None:
        """The event loop has closed ``socket``; one that we closed ourselves is ours no more."""
        if socket is not None and socket is self._udp_transport:
            self._udp_transport = None
            _log.error("sip_socket_lost", error=type(error).__name__)
            self.on_lost()

    def send(self, message: SipRequest | SipResponse, addr: Address) -> None:
        """Send to ``addr``; an address that no datagram can go to is counted, not raised."""
        if self._put(bytes(message), addr):
            self.on_sent(message, addr)

    def send_again(self, message: SipRequest | SipResponse, addr: Address) -> None:
        """Send a repetition, which nobody needs to watch."""
        self._put(bytes(message), addr)

    def send_reply_again(self, response: SipResponse) -> None:
        self._put(bytes(response), way_back(response))

    def send_reply(self, response: SipResponse) -> None:
        self.on_reply(response)
        super().send_reply(response)

    def receive(self, data: bytes, source: Address) -> None:
        """Read one datagram and hand it on; a request that breaks the rules is refused here."""
        try:
            message, fault = read(data, source)
        except Unreadable:
            self.malformed += 1
            return
        try:
            if fault is not None and isinstance(message, SipRequest):
                self.malformed += 1
                self._refuse(message, fault)
            elif self.on_message is not None:
                self.on_message(message, source)
        except Exception as error:  # one message must never stop the endpoint; its content stays out of the log
            self.malformed += 1
            _log.warning("sip_message_refused", error=type(error).__name__)

    def _refuse(self, request: SipRequest, fault: Fault) -> None:
        if request.method != "ACK" and request.headers.get("via"):
            response = answer_to(request, *fault)
            self._put(bytes(response), way_back(response))

    def _put(self, raw: bytes, addr: Address) -> bool:
        if self._udp_transport is None or len(raw) > _LARGEST or not is_reachable(addr):
            self.undeliverable += 1
            return False
        try:
            self._udp_transport.sendto(raw, addr)
        except (OSError, OverflowError, ValueError):
            self.undeliverable += 1
            return False
        return True
