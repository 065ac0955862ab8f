"""A bare UDP socket that speaks SIP by hand, for messages that no decent user agent would send."""

import asyncio
import itertools
import socket
from pathlib import Path
from typing import Final, Literal

from config.settings import Settings
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg
from ivr.sip.factory import make_endpoint
from ivr.sip.pyvoip_endpoint import PyVoipEndpoint

OFFER: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
OFFERED: Final = OFFER.format(port=40_000)
_alive = itertools.count()


class Wire:
    """One socket; ``send`` a message, ``answer`` waits for the next datagram."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def send(self, message: str | bytes) -> None:
        self._socket.sendto(message if isinstance(message, bytes) else message.encode(), self.target)

    async def answer(self, timeout_s: float = 2.0) -> str:
        """The next datagram; raises :class:`TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            return (await asyncio.get_running_loop().sock_recv(self._socket, 65_535)).decode(errors="replace")

    async def final(self) -> str:
        """The next answer that is not provisional."""
        while (answer := await self.answer()).split()[1].startswith("1"):
            pass
        return answer

    async def silent(self, for_s: float) -> bool:
        try:
            await self.answer(for_s)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()

    def reply(
        self, request: str, code: int, *, to_tag: str = "far", more: str = "", body: str = "", contact: str = ""
    ) -> None:
        """Answer a request of the endpoint's, as whoever listens here."""
        copied = "".join(f"{name}: {header(request, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        to = header(request, "To")
        content = "Content-Type: application/sdp\r\n" if body else ""
        self.send(
            f"SIP/2.0 {code} -\r\n{copied}To: {to if 'tag=' in to else f'{to};tag={to_tag}'}\r\n"
            f"Contact: <{contact or f'sip:8001@127.0.0.1:{self.port}'}>\r\n{more}{content}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    async def next(self, method: str) -> str:
        """The next request named ``method``; repetitions of others and answers are passed over."""
        while not (message := await self.answer()).startswith(method):
            pass
        return message

    def request(
        self,
        method: str,
        *,
        call: str = "call-1",
        branch: str = "z9hG4bK-1",
        to_tag: str = "",
        number: int = 1,
        body: str = "",
        kind: str = "application/sdp",
        more: str = "",
        via_port: int | str = 0,
        caller: str = '"甲" <sip:13800138000@127.0.0.1>',
        called: str = "",
    ) -> str:
        host, port = self.target
        tag = f";tag={to_tag}" if to_tag else ""
        content = f"Content-Type: {kind}\r\n" if body else ""
        return (
            f"{method} sip:12345@{host}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{via_port or self.port};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {caller};tag=wire\r\nTo: {called or f'<sip:12345@{host}>'}{tag}\r\n"
            f"Call-ID: {call}\r\nCSeq: {number} {method}\r\nContact: <sip:wire@127.0.0.1:{self.port}>\r\n"
            f"{more}{content}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )


def status(answer: str) -> int:
    return int(answer.split()[1])


def header(answer: str, name: str) -> str:
    for line in answer.split("\r\n"):
        if line.lower().startswith(name.lower() + ":"):
            return line.split(":", 1)[1].strip()
    return ""


def lines_of(message: str, name: str) -> list[str]:
    """Every value of a header, whether it stands in lines of its own or between commas."""
    lines = [line for line in message.split("\r\n\r\n")[0].split("\r\n") if line.lower().startswith(name.lower() + ":")]
    return [value.strip() for line in lines for value in line.partition(":")[2].split(",")]


def tag_of(answer: str) -> str:
    return header(answer, "To").partition("tag=")[2]


class Ear:
    """Where the far end's media arrives."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    async def packet(self) -> bytes:
        async with asyncio.timeout(5):
            return await asyncio.get_running_loop().sock_recv(self._socket, 2048)

    def drain(self) -> int:
        """Throw away what has come; returns how many."""
        count = 0
        try:
            while self._socket.recv(2048):
                count += 1
        except BlockingIOError:
            return count
        return count

    def close(self) -> None:
        self._socket.close()


class Answering:
    """An endpoint that answers everything and keeps its legs."""

    def __init__(self, backend: Literal["aiosipua", "pyvoip"], data: Path) -> None:
        settings = Settings(data_dir=data, sip_port=0, rtp_port_low=0, rtp_port_high=0)
        self.endpoint = make_endpoint(settings, backend)
        self.legs: list[CallLeg] = []
        self.answering = True
        self.endpoint.on_call(self._take)

    async def _take(self, leg: CallLeg) -> None:
        self.legs.append(leg)
        if self.answering:
            await leg.answer()
        await leg.wait_ended()

    @property
    def remembered(self) -> int:
        """Calls that the SIP library still holds."""
        if isinstance(self.endpoint, AiosipuaEndpoint):
            return len(self.endpoint.server.active_calls)
        return self.endpoint.calls_held if isinstance(self.endpoint, PyVoipEndpoint) else -1


async def establish(wire: Wire, offer: str = OFFERED) -> str:
    """INVITE … ACK; returns the far end's tag."""
    wire.send(wire.request("INVITE", body=offer))
    answer = await wire.final()
    assert status(answer) == 200
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag_of(answer)))
    return tag_of(answer)


async def is_alive(wire: Wire) -> bool:
    wire.send(wire.request("OPTIONS", branch=f"z9hG4bK-alive-{next(_alive)}", call="alive"))
    while True:
        answer = await wire.answer()
        if header(answer, "CSeq").endswith("OPTIONS"):
            return status(answer) == 200
