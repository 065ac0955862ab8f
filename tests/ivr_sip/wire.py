"""A bare UDP socket that speaks SIP by hand, for messages that no decent user agent would send."""

import asyncio
import socket
from typing import Final

OFFER: Final = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


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
    ) -> str:
        host, port = self.target
        tag = f";tag={to_tag}" if to_tag else ""
        content = f"Content-Type: {kind}\r\n" if body else ""
        return (
            f"{method} sip:12345@{host}:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{via_port or self.port};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {caller};tag=wire\r\nTo: <sip:12345@{host}>{tag}\r\n"
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


def tag_of(answer: str) -> str:
    return header(answer, "To").partition("tag=")[2]
