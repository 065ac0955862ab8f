"""A trunk's registrar, in earnest: digest with MD5, nonces that grow stale, outages. It also passes challenges to INVITEs."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from typing import Any, cast

from aiosipua import SipMessage, SipRequest, SipResponse
from aiosipua.headers import parse_auth

USER, PASSWORD, DOMAIN = "12345", "一个密码", "ims.example"


class Registrar(asyncio.DatagramProtocol):
    """Keeps who is registered until when (``bindings``); ``heard`` are the requests, in order."""

    def __init__(self) -> None:
        self.bindings: dict[str, int] = {}
        self.heard: list[SipRequest] = []
        self.down = False
        self.granted_s = 120
        self.shortest_s = 0
        self.stale_once = False
        self.proxy_too = False
        self.always_503: str = ""
        self.then: Callable[[SipRequest, tuple[str, int]], None] = lambda request, source: None
        """What happens with an authorised request that is no REGISTER."""
        self._nonces: set[str] = set()
        self._changed = asyncio.Event()
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def start(cls, port: int = 0) -> "Registrar":
        loop = asyncio.get_running_loop()
        _, registrar = await loop.create_datagram_endpoint(cls, local_addr=("127.0.0.1", port))
        return registrar

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # stock asyncio's is no subclass

    @property
    def address(self) -> str:
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def close(self) -> None:
        self._transport.close()

    async def until(self, what: Callable[[], bool]) -> None:
        """Return when ``what`` holds; it is asked again after each request."""
        async with asyncio.timeout(5):
            while not what():
                self._changed.clear()
                await self._changed.wait()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        message = SipMessage.parse(data)
        if isinstance(message, SipRequest):
            self.heard.append(message)
            if not self.down and message.method != "ACK":
                self._serve(message, addr)
        self._changed.set()

    def _serve(self, request: SipRequest, source: tuple[str, int]) -> None:
        if self.always_503:
            self.answer(request, 503, {"Retry-After": self.always_503}, source)
        elif self.proxy_too and not self._proves(request, "Proxy-Authorization"):
            self._challenge(request, 407, "Proxy-Authenticate", source)
        elif not self._proves(request, "Authorization"):
            self._challenge(request, 401, "WWW-Authenticate", source)
        elif request.method != "REGISTER":
            self.then(request, source)
        else:
            self._register(request, source)

    def _register(self, request: SipRequest, source: tuple[str, int]) -> None:
        wanted = int(request.get_header("expires") or 0)
        if 0 < wanted < self.shortest_s:
            self.answer(request, 423, {"Min-Expires": str(self.shortest_s)}, source)
            return
        contact = request.headers.get("contact")[0]
        if wanted:
            self.bindings[contact] = granted = min(wanted, self.granted_s)
            others = {"Contact": f"<sip:someone@192.0.2.9>;expires=9999, {contact};expires={granted}"}
        else:
            self.bindings.pop(contact, None)
            others = {}
        self.answer(request, 200, others, source)

    def _proves(self, request: SipRequest, header: str) -> bool:
        """RFC 2617 §3.2.2 with qop=auth, computed here and not by the library under test."""
        given = parse_auth(request.get_header(header) or "", credentials=True).params
        if given.get("nonce") not in self._nonces or given.get("username") != USER:
            return False
        if self.stale_once:
            self.stale_once = False
            self._nonces.clear()
            return False
        ha1 = _md5(f"{USER}:{DOMAIN}:{PASSWORD}")
        ha2 = _md5(f"{request.method}:{given['uri']}")
        middle = f"{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}"
        return given["response"] == _md5(f"{ha1}:{middle}:{ha2}") and given["uri"] == request.uri

    def _challenge(self, request: SipRequest, code: int, header: str, source: tuple[str, int]) -> None:
        credentials = "Authorization" if code == 401 else "Proxy-Authorization"
        was_stale = parse_auth(request.get_header(credentials) or "", credentials=True).params.get("nonce", "")
        stale = ", stale=TRUE" if was_stale and not self._nonces else ""
        nonce = secrets.token_hex(8)
        self._nonces.add(nonce)
        value = f'Digest realm="{DOMAIN}", nonce="{nonce}", algorithm=MD5, qop="auth,auth-int"{stale}'
        self.answer(request, code, {header: value}, source)

    def answer(
        self, request: SipRequest, code: int, more: dict[str, str], source: tuple[str, int], body: str = ""
    ) -> None:
        response = SipResponse(status_code=code, reason_phrase="-", body=body.encode())
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            for value in request.headers.get(name):
                new = name == "To" and ";tag=" not in value
                response.headers.append(name, f"{value};tag=registrar" if new else value)
        for name, value in more.items():
            response.headers.set_single(name, value)
        self._transport.sendto(bytes(response), source)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
