"""The UDP socket of a SIP endpoint: one that hostile datagrams cannot close, and that can be opened again."""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiosipua import SipMessage, SipRequest, SipResponse, UdpSipTransport
from aiosipua.headers import parse_via, stringify_via

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

    def receive(self, data: bytes, source: Address) -> None:
        """Parse one datagram and hand it on."""
        if not data.strip(b"\r\n\0 "):
            return
        try:
            message = SipMessage.parse(data)
            if isinstance(message, SipRequest):
                pin_to_source(message, source)
        except (ValueError, IndexError):
            self.malformed += 1
            return
        if self.on_message is None:
            return
        try:
            self.on_message(message, source)
        except Exception as error:  # one message must never stop the endpoint; its content stays out of the log
            self.malformed += 1
            _log.warning("sip_message_refused", error=type(error).__name__)

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


def way_back(response: SipResponse) -> Address:
    """Where an answer goes: what its top Via was made to say by :func:`pin_to_source`."""
    via = parse_via(response.headers.get("via")[0])
    return via.received or via.host, int(via.rport or via.port or 5060)


def is_reachable(addr: Address) -> bool:
    """A numeric address and a port that exists: names would block the loop, a port above 65535 kills the socket."""
    try:
        ipaddress.ip_address(addr[0])
    except ValueError:
        return False
    return 0 < addr[1] < 65_536


def pin_to_source(request: SipRequest, source: Address) -> None:
    """Make the top Via say where the request really came from (RFC 3581), so that answers go there and nowhere else."""
    vias = request.headers.get("via")
    if not vias:
        return
    via = parse_via(vias[0])
    via.received = source[0]
    if "rport" in via.params or not 0 < (via.port or 5060) < 65_536:
        via.rport = str(source[1])
    rest = vias[1:]
    request.headers.remove("Via")
    for value in [stringify_via(via), *rest]:
        request.headers.append("Via", value)
