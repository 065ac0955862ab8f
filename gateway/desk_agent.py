"""An agent as a program: the desk's API on one side, a SIP phone on the other. ``./hotline desk`` and benchmarks use it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from config.errors import HotlineError
from ivr.phones.agent import ASKED_HZ, AgentPhone, PhoneState
from ivr.phones.listening import SILENT_DBFS
from ivr.speech.voice import Voice

_CONNECT_WITHIN_S: Final = 40.0
_HEARD_MS: Final = 100
"""A tone or voice counts as heard from here on."""


class DeskAgentError(HotlineError):
    """The desk refused or cannot be reached."""


class DeskAgent:
    """Logs in, is ready, takes hand-overs. Use as an async context manager."""

    def __init__(self, url: str, tell: Callable[[str], None] = lambda line: None) -> None:
        self._url = url.rstrip("/")
        self._tell = tell
        self._session: aiohttp.ClientSession | None = None
        self._headers: dict[str, str] = {}
        self.me: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        jar = aiohttp.CookieJar(unsafe=True)
        self._session = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=15))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def login(self, agent: str, password: str) -> None:
        """With the account's password, as the page does."""
        self.me = await self._ask("POST", "/api/desk/login", {"agent": agent, "password": password})
        self._headers = {"X-CSRF-Token": self.me["csrf"]}

    async def login_as_operator(self, agent: str, operator_port: int, token: str) -> None:
        """On the same machine, with the operator's token."""
        url = f"http://127.0.0.1:{operator_port}/operator/desk-token"
        given = await self._ask("POST", url, {"agent": agent}, {"Authorization": f"Bearer {token}"})
        self.me = given["me"]
        self._headers = {"Authorization": f"Bearer {given['token']}"}

    async def take_one(self, *, wait_s: float, talk_s: float, save: bool, say: str) -> dict[str, Any] | None:
        """Be ready, take the next hand-over, see it through; ``None`` when none came within ``wait_s`` (0: no limit)."""
        uri = self.me["agent"]["sip_uri"]
        if not uri:
            self._tell(f"账号 {self.me['agent']['id']} 没有登记话机，只能接文字会话。")
            return await self._serve(None, wait_s, talk_s, save, say)
        async with Voice("agent") as voice:
            opening = await voice.synthesise(say) if say else b""
        phone = AgentPhone(uri, auto_answer=True, play=opening)
        await phone.start()
        try:
            return await self._serve(phone, wait_s, talk_s, save, say)
        finally:
            await phone.stop()

    async def _serve(
        self, phone: AgentPhone | None, wait_s: float, talk_s: float, save: bool, say: str
    ) -> dict[str, Any] | None:
        async with self.at_desk() as socket:
            self._tell("已置为可接，等待转接……")
            try:
                async with asyncio.timeout(wait_s or None):
                    pop = await self.accept_next(socket)
            except TimeoutError:
                return None
            self._tell(f"已接起：{pop['caller']}，{pop['reason_text']}")
            measured = await self._talk(socket, pop, phone, talk_s, say, save)
            await self.end(pop["handover"])
            return report(pop, measured)

    @contextlib.asynccontextmanager
    async def at_desk(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Sit at the desk, ready, with its page's socket open; offline afterwards."""
        async with self._http.ws_connect(f"{self._url}/api/desk/ws", headers=self._headers, heartbeat=20) as socket:
            await self.be("ready")
            try:
                yield socket
            finally:
                await self.be("offline")

    async def be(self, state: str) -> None:
        """``ready``, ``busy`` or ``offline``."""
        await self._ask("PUT", "/api/desk/presence", {"state": state})

    async def end(self, handover: str) -> None:
        """End the talk, or close the pop of one that is over."""
        await self._ask("POST", f"/api/desk/handovers/{handover}/end")

    async def accept_next(
        self, socket: aiohttp.ClientWebSocketResponse, offered: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """The first pop that is still there when we accept it; ``offered`` is called as it comes."""
        while True:
            pop: dict[str, Any] = (await _next(socket, "offer"))["pop"]
            offered()
            try:
                await self._ask("POST", f"/api/desk/handovers/{pop['handover']}/accept")
            except DeskAgentError as error:
                if error.code != "taken":
                    raise
            else:
                return pop

    async def _talk(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        pop: dict[str, Any],
        phone: AgentPhone | None,
        talk_s: float,
        say: str,
        save: bool,
    ) -> dict[str, Any]:
        """Talk until the far end goes or ``talk_s`` is over; file the ticket on the way."""
        path = f"/api/desk/handovers/{pop['handover']}"
        over = asyncio.create_task(_next(socket, "ended", "withdrawn"), name="handover over")
        rang = answered = False
        ticket = None
        try:
            if pop["channel"] == "phone" and phone is not None:
                answered = await phone.wait_for(PhoneState.TALKING, _CONNECT_WITHIN_S)
                rang = answered or phone.state is not PhoneState.IDLE
            elif say:
                await self._ask("POST", f"{path}/messages", {"id": "first", "text": say})
            if save:
                ticket = (await self._ask("POST", f"{path}/file"))["no"]
                self._tell(f"已登记，工单号 {ticket}")
            await asyncio.wait({over}, timeout=talk_s or None)
        finally:
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)
        return {"phone": _phone_report(phone, rang=rang, answered=answered), "ticket": ticket}

    async def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        url = path if path.startswith("http") else self._url + path
        try:
            async with self._http.request(method, url, json=body or {}, headers=headers or self._headers) as answer:
                document: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeskAgentError("desk_away", f"连不上话务台 {self._url}：请先运行 ./hotline up") from error
        if answer.status != 200:
            fault = document.get("error") or {}
            raise DeskAgentError(str(fault.get("code", "failed")), str(fault.get("message", "话务台拒绝了请求")))
        return document

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use DeskAgent as a context manager")
        return self._session


def report(pop: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """The pop and what the phone measured, as one document."""
    return {
        "handover": pop["handover"],
        "conversation": pop["conversation"],
        "channel": pop["channel"],
        "caller": pop["caller"],
        "reason": pop["reason"],
        "emergency": pop["emergency"],
        "type": pop["ticket"]["type"],
        "elements": pop["ticket"]["elements"],
        "transcript": pop["transcript"],
        "suggestions": pop["suggestions"],
        "phone": measured["phone"],
        "ticket": measured["ticket"],
    }


def _phone_report(phone: AgentPhone | None, *, rang: bool, answered: bool) -> dict[str, Any]:
    if phone is None:
        return {"rang": False, "answered": False, "heard_caller": False, "heard_dbfs": SILENT_DBFS, "tone": None}
    levels, tones = phone.levels, phone.tones
    return {
        "rang": rang,
        "answered": answered,
        "heard_caller": levels.heard_ms >= _HEARD_MS,
        "heard_dbfs": levels.heard_dbfs,
        "heard_ms": levels.heard_ms,
        "tone": {"heard": tones[ASKED_HZ] >= _HEARD_MS, "ms": {f"{hertz:.0f}": ms for hertz, ms in tones.items()}},
    }


async def _next(socket: aiohttp.ClientWebSocketResponse, *types: str) -> dict[str, Any]:
    """The next frame of one of these types."""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            frame: dict[str, Any] = message.json()
            if frame["type"] in types:
                return frame
    raise DeskAgentError("desk_away", "与话务台的连接断开了，请重新运行")
