"""The default back end: a SIP endpoint over aiosipua and aiortp, in trunk mode (it registers nowhere)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from aiosipua import IncomingCall, SipRequest

from config.errors import HotlineError
from ivr.sip.address import BadAddress, Target, reachable_host, resolve
from ivr.sip.aiosipua_legs import AiosipuaLeg, IncomingLeg, OutgoingLeg, Signalling
from ivr.sip.contract import CallLeg, DialFailed, OnCall
from ivr.sip.keys import key_of_info
from ivr.sip.media import RTP_TIMEOUT_S, Taps
from ivr.sip.ports import NoPortFree, PortRange, RtpPorts
from ivr.sip.session_description import NotAcceptable, SessionName, agree_answer, make_offer
from ivr.sip.transport import GuardedUdpTransport
from ivr.sip.user_agent import USER_AGENT, UserAgentClient, UserAgentServer
from ivr.sip.watchdog import PERIOD_S, Watchdog

_log = structlog.get_logger("ivr.sip")
_GOODBYE_S: Final = 1.0


class WrongEventLoop(HotlineError):
    """aiosipua and aiortp deal with asyncio's own datagram transports only."""

    def __init__(self) -> None:
        super().__init__("wrong_event_loop", "SIP 端点须运行在 asyncio 自带的事件循环上；请勿启用 uvloop")


class AiosipuaEndpoint(Signalling):
    """A :class:`ivr.sip.contract.SipEndpoint` on ``host``:``port`` (port 0: any)."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        rtp_low: int = 0,
        rtp_high: int = 0,
        domain: str = "127.0.0.1",
        rtp_timeout_s: float = RTP_TIMEOUT_S,
        watchdog_period_s: float = PERIOD_S,
    ) -> None:
        self.media_host = reachable_host(host, domain)
        self.rtp_timeout_s = rtp_timeout_s
        self.ports = PortRange(host, rtp_low, rtp_high)
        self._transport = GuardedUdpTransport(host, port)
        self._watchdog_period_s = watchdog_period_s
        self._watchdog: Watchdog | None = None
        self._handler: OnCall | None = None
        self._legs: dict[str, AiosipuaLeg] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Bind and listen. Raises :class:`OSError` when the port is taken."""
        if type(asyncio.get_running_loop()).__module__.startswith("uvloop"):
            raise WrongEventLoop
        for library in ("aiosipua", "aiortp"):  # they log numbers and addresses of callers
            logging.getLogger(library).setLevel(logging.CRITICAL)
        await self._transport.start()
        advertised = (self.media_host, self._transport.local_addr[1])
        self.client = UserAgentClient(self._transport, advertised)
        self.server = UserAgentServer(self._transport, self.client, advertised)
        self.server.on_invite = self._invited
        self.server.on_reinvite = self._reinvited
        self.server.on_bye = lambda call, request: self._gone(call.call_id, "remote")
        self.server.on_cancel = lambda request, addr: self._gone(request.call_id or "", "remote")
        self.server.on_ack_timeout = lambda call: self._gone(call.call_id, "fault")
        self.server.on_info = self._informed
        self.server.on_transfer_progress = self._transfer_progress
        self._transport.on_message = self.server._on_message
        self._watchdog = Watchdog(self._transport, self.client, period_s=self._watchdog_period_s)
        self._spawn(self._watchdog.run(), "sip watchdog")

    async def stop(self) -> None:
        legs = list(self._legs.values())
        if legs:
            await asyncio.wait([asyncio.create_task(leg.hangup()) for leg in legs], timeout=_GOODBYE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._watchdog is not None:
            await self.server.stop()
        for leg in legs:
            leg.finish("local")
            await leg.closed()

    @property
    def address(self) -> tuple[str, int]:
        return self.media_host, self._transport.local_addr[1]

    @property
    def counters(self) -> dict[str, int]:
        """Datagrams that could not be read or sent, sockets opened again, legs alive."""
        return {
            "malformed": self._transport.malformed,
            "undeliverable": self._transport.undeliverable,
            "reopened": self._watchdog.reopened if self._watchdog else 0,
            "legs": len(self._legs),
        }

    def on_call(self, handler: OnCall) -> None:
        self._handler = handler

    async def dial(
        self,
        uri: str,
        *,
        caller: str = "",
        timeout_s: float = 25.0,
        on_ringing: Callable[[], None] | None = None,
        taps: Taps | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallLeg:
        """Call ``uri``. ``headers``: further headers of the INVITE."""
        try:
            target = await resolve(uri)
            ports = self.ports.reserve()
        except (BadAddress, NoPortFree) as error:
            raise DialFailed(404 if isinstance(error, BadAddress) else 503, str(error)) from error
        try:
            return await self._dial(target, ports, caller, timeout_s, on_ringing, taps, headers)
        except BaseException:
            ports.close()
            raise

    async def _dial(
        self,
        target: Target,
        ports: RtpPorts,
        caller: str,
        timeout_s: float,
        on_ringing: Callable[[], None] | None,
        taps: Taps | None,
        headers: dict[str, str] | None,
    ) -> CallLeg:
        own = f"{self.address[0]}:{self.address[1]}"
        name = SessionName()
        offer = make_offer(self.media_host, ports.port, name)
        call = self.client.send_invite(
            f"sip:{caller}@{own}" if caller else f"sip:{own}",
            target.uri,
            target.address,
            offer,
            user_agent=USER_AGENT,
            extra_headers=headers,
        )
        if on_ringing is not None:
            ringing = on_ringing
            call.on_ringing = lambda _: ringing()
        try:
            await call.wait_answered(timeout_s)
        except RuntimeError as error:
            raise DialFailed(call._reject_code, call._reject_reason) from error
        except (TimeoutError, asyncio.CancelledError) as error:
            self.client.abandon(call)
            if isinstance(error, TimeoutError):
                raise DialFailed(408, "无应答") from error
            raise
        leg = OutgoingLeg(call, self)
        leg.session_name = name
        leg.taps = taps or leg.taps
        self._keep(leg)
        try:
            if call.sdp_answer is None:
                raise NotAcceptable("answer without SDP")
            agreed = agree_answer(call.sdp_answer)
        except NotAcceptable as error:
            await leg.hangup()
            raise DialFailed(488, "对方媒体不兼容") from error
        await leg.open_media(agreed, ports)
        return leg

    # --- what comes in ------------------------------------------------------------------------------------------

    def _invited(self, call: IncomingCall) -> None:
        leg = IncomingLeg(call, self)
        self._keep(leg)
        if self._handler is None:
            self._spawn(leg.reject(480), "refuse call")
            return
        call.ringing()
        self._spawn(self._handle(self._handler, leg), "call")

    async def _handle(self, handler: OnCall, leg: AiosipuaLeg) -> None:
        try:
            await handler(leg)
        except Exception as error:
            _log.exception("call_handler_failed", call=leg.call_id, error=type(error).__name__)
            await leg.hangup()

    def _reinvited(self, call: IncomingCall) -> None:
        leg = self._legs.get(call.call_id)
        if leg is None:
            self.server._send_error(call.invite, 481, "Call/Transaction Does Not Exist")
        else:
            leg.renegotiate(call)

    def _informed(self, call_id: str, request: SipRequest) -> None:
        key = key_of_info(request.content_type or "", request.text)
        leg = self._legs.get(call_id)
        if key is not None and leg is not None:
            leg.key_pressed(key)

    def _transfer_progress(self, call_id: str, status: int, reason: str) -> None:
        leg = self._legs.get(call_id)
        if leg is not None and leg.transferred is not None and status >= 200 and not leg.transferred.done():
            leg.transferred.set_result(status < 300)

    def _gone(self, call_id: str, how: str) -> None:
        leg = self._legs.get(call_id)
        if leg is not None:
            leg.finish(how)

    # --- housekeeping -------------------------------------------------------------------------------------------

    def _keep(self, leg: AiosipuaLeg) -> None:
        self._legs[leg.call_id] = leg
        self._spawn(self._forget_when_over(leg), "forget leg")

    async def _forget_when_over(self, leg: AiosipuaLeg) -> None:
        await leg.wait_ended()
        await leg.closed()
        if self._legs.get(leg.call_id) is leg:
            del self._legs[leg.call_id]

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
