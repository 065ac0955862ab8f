"""A real edge for tests: Debian's Kamailio on free loopback ports, and sources at addresses of their own."""

import asyncio
import contextlib
import hashlib
import re
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from gateway.edge import CONTROL, Site, TrunkSource, render, set_phone

NODE_HOST = "127.0.0.1"
TRUNK_HOST = "127.0.0.11"
PHONE_HOST = "127.0.0.31"
STRANGER_HOST = "127.0.0.66"
DOMAIN = "hotline.test"
PASSWORD = "s3cret-8001"


def free_port(host: str = NODE_HOST) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


class Edge:
    """Kamailio over two nodes' ports, which the test may or may not fill with nodes."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self.folder = folder
        self.port = free_port()
        self.node_ports = (free_port(), free_port())
        self.trunk_port = free_port(TRUNK_HOST)
        self.site = Site(
            listen=(f"udp:127.0.0.1:{self.port}",),
            domain=DOMAIN,
            trunks=(TrunkSource(address=TRUNK_HOST, uri=f"sip:{TRUNK_HOST}:{self.trunk_port}"),),
            nodes=tuple(f"sip:{NODE_HOST}:{port}" for port in self.node_ports),
            phones=(PHONE_HOST,),
            workers=2,
            answer_ms=1000,
            ping_every_s=1,
            ping_failures=2,
            ban_s=3,
            offences=5,
            min_expires_s=1,
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    async def start(self) -> None:
        render(self.site, self.folder)
        set_phone(self.folder, "8001", DOMAIN, PASSWORD)
        command = [str(self._program), "-f", str(self.folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4"]
        self._process = self._spawn([*command, "-Y", str(self.folder)])
        await self.until(lambda: (self.folder / CONTROL).exists() and "RECORDS" in self.ask("dispatcher.list"))

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    async def stop(self) -> None:
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ask(self, *command: str) -> str:
        """A command to the running Kamailio, and what it answers."""
        asked = [str(self._program.with_name("kamcmd")), "-s", f"unix:{self.folder / CONTROL}", *command]
        return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=10).stdout

    def serves(self, port: int) -> bool:
        """Whether the last probe found the node on ``port`` alive."""
        return self._state(port).startswith("A")

    def passes_over(self, port: int) -> bool:
        """Whether the node on ``port`` is taken out."""
        return self._state(port).startswith("I")

    def _state(self, port: int) -> str:
        found = re.search(rf"URI: sip:{NODE_HOST}:{port}\s+FLAGS: (\w+)", self.ask("dispatcher.list"))
        assert found is not None
        return found.group(1)

    async def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        deadline = asyncio.get_running_loop().time() + within_s
        while not await asyncio.to_thread(condition):
            assert asyncio.get_running_loop().time() < deadline, self.log[-3000:]
            assert self._process is not None
            assert self._process.poll() is None, self.log[-3000:]
            await asyncio.sleep(0.05)


class Source:
    """One UDP socket at an address of its own that speaks SIP by hand."""

    def __init__(self, edge: Edge, host: str) -> None:
        self._edge = edge
        self.host = host
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()

    def send(self, message: str) -> None:
        self._socket.sendto(message.encode(), ("127.0.0.1", self._edge.port))

    async def answer(self, timeout_s: float = 3.0) -> str:
        """The next final answer; raises :class:`TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while True:
                got = (await asyncio.get_running_loop().sock_recv(self._socket, 65_535)).decode()
                if not got.startswith("SIP/2.0 1"):
                    return got

    def drain(self) -> None:
        """Throw away what has arrived."""
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(65_535):
                pass

    async def ask(self, method: str, **changes: str) -> int:
        """The status of the answer to one request; 0 when there is none."""
        self.send(self.request(method, **changes))
        try:
            return status(await self.answer(1.5))
        except TimeoutError:
            return 0

    def request(
        self,
        method: str,
        *,
        to: str = "12345",
        caller: str = "<sip:13800138000@trunk.test>",
        more: str = "",
        contact: str = "",
        forwards: str = "70",
        number: str = "1",
        call: str = "",
    ) -> str:
        uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:{to}@127.0.0.1:{self._edge.port}"
        body = ""
        if method == "INVITE":
            body = (
                f"v=0\r\no=- 1 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
                "m=audio 40000 RTP/AVP 8\r\n"
            )
            more += "Content-Type: application/sdp\r\n"
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{secrets.token_hex(8)};rport\r\n"
            f"Max-Forwards: {forwards}\r\nFrom: {caller};tag={secrets.token_hex(4)}\r\nTo: <sip:{to}@{DOMAIN}>\r\n"
            f"Call-ID: {call or secrets.token_hex(8)}\r\nCSeq: {number} {method}\r\n"
            f"Contact: {contact or f'<sip:me@{self.host}:{self.port}>'}\r\n"
            f"{more}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    async def register(
        self, name: str, password: str, *, contact_port: int, expires: int = 60, as_user: str = ""
    ) -> int:
        """Register phone ``name`` with digest (RFC 2617); the final status. ``as_user``: whom it claims to be."""
        user = as_user or name
        call = secrets.token_hex(8)
        fixed = {
            "to": user,
            "caller": f"<sip:{user}@{DOMAIN}>",
            "contact": f"<sip:{user}@{self.host}:{contact_port}>;expires={expires}",
            "call": call,
        }
        self.send(self.request("REGISTER", **fixed))
        challenge = await self.answer()
        assert status(challenge) == 401, challenge
        given = dict(re.findall(r'(\w+)="?([^",\s]+)"?', challenge.split("WWW-Authenticate: Digest ")[1]))
        uri, nonce, cnonce = f"sip:{DOMAIN}", given["nonce"], secrets.token_hex(4)
        secret = _md5(f"{name}:{given['realm']}:{password}")
        response = _md5(f"{secret}:{nonce}:00000001:{cnonce}:auth:{_md5(f'REGISTER:{uri}')}")
        proof = (
            f'Authorization: Digest username="{name}", realm="{given["realm"]}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", cnonce="{cnonce}", nc=00000001, qop=auth, algorithm=MD5\r\n'
        )
        self.send(self.request("REGISTER", number="2", more=proof, **fixed))
        return status(await self.answer())


def status(answer: str) -> int:
    return int(answer.split()[1])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
