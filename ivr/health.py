"""Does the node truly work? One line asked over a Unix socket, one JSON line answered; and ``OPTIONS`` to our own address."""

import asyncio
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

_log = structlog.get_logger("ivr")

ASK: Final = b"health\n"
_OPTIONS_S: Final = 1.0

Health = Callable[[], Awaitable[Mapping[str, object]]]


async def serve_health(path: Path, health: Health) -> asyncio.Server:
    """Answer ``health`` on the socket at ``path`` (0600) until the server is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(2):
                asked = await reader.readline()
            if asked == ASK:
                writer.write(json.dumps(await health()).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError):
            _log.info("health_not_answered")
        finally:
            writer.close()

    return await asyncio.start_unix_server(answer, sock=_bound(path))


def _bound(path: Path) -> socket.socket:
    """A Unix socket at ``path`` that only we may open; what a dead node left there goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(path))
    path.chmod(0o600)
    return bound


async def ask_health(path: Path, timeout_s: float = 3.0) -> dict[str, Any] | None:
    """What the node at ``path`` says of itself; ``None`` when it does not answer."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(ASK)
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    told = json.loads(line) if line else None
    return told if isinstance(told, dict) else None


class _Answered(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not self.heard.done():
            self.heard.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.heard.done():
            self.heard.set_exception(exc)


async def answers_options(host: str, port: int) -> bool:
    """Whether a SIP ``OPTIONS`` (RFC 3261 §11) to ``host:port`` is answered at all."""
    there = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 (compared, not bound)
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        _Answered, remote_addr=(there, port)
    )
    try:
        own_host, own_port = transport.get_extra_info("sockname")[:2]
        transport.sendto(_options(there, port, own_host, own_port))
        async with asyncio.timeout(_OPTIONS_S):
            answer = await protocol.heard
    except (TimeoutError, OSError):
        return False
    finally:
        transport.close()
    return answer.startswith(b"SIP/2.0 ")


def _options(host: str, port: int, own_host: str, own_port: int) -> bytes:
    mark = secrets.token_hex(8)
    return (
        f"OPTIONS sip:health@{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {own_host}:{own_port};branch=z9hG4bK{mark};rport\r\n"
        "Max-Forwards: 1\r\n"
        f"From: <sip:health@{own_host}:{own_port}>;tag={mark[:8]}\r\n"
        f"To: <sip:health@{host}:{port}>\r\n"
        f"Call-ID: {mark}@health\r\n"
        "CSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:health@{own_host}:{own_port}>\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode("ascii")
