"""The second back end: pyVoIP for signalling, for sites that already use it; the media is the same as the default's."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
from aiosipua import SipResponse
from aiosipua.sdp import serialize_sdp

from ivr.sip.address import BadAddress, Target, reachable_host, resolve
from ivr.sip.contract import CallLeg, DialFailed, OnCall
from ivr.sip.media import RTP_TIMEOUT_S, Taps
from ivr.sip.ports import NoPortFree, PortRange, RtpPorts
from ivr.sip.pyvoip_client import Dialogue, TrunkMessage
from ivr.sip.pyvoip_legs import PyVoipLeg, TrunkCall, TrunkPhone
from ivr.sip.session_description import NotAcceptable, SessionName, make_offer
from ivr.sip.transactions import LIFETIME, T1, T2

from pyVoIP.VoIP.VoIP import CallState  # isort: skip  # after pyvoip_client, which sees to the order

_log = structlog.get_logger("ivr.sip")
_GOODBYE_S: Final = 1.0
Address = tuple[str, int]


class PyVoipEndpoint:
    """A :class:`ivr.sip.contract.SipEndpoint` over pyVoIP. It cannot transfer by REFER and does not watch its socket."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        rtp_low: int = 0,
        rtp_high: int = 0,
        domain: str = "127.0.0.1",
        rtp_timeout_s: float = RTP_TIMEOUT_S,
    ) -> None:
        self.rtp_timeout_s = rtp_timeout_s
        self.ports = PortRange(host, rtp_low, rtp_high)
        self._phone = TrunkPhone(host, port, reachable_host(host, domain), self._invited)
        self._handler: OnCall | None = None
        self._legs: dict[str, PyVoipLeg] = {}
        self._far_ends: dict[str, Address] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Bind and listen. Raises :class:`OSError` when the port is taken."""
        self._phone.start()

    async def stop(self) -> None:
        legs = list(self._legs.values())
        if legs:
            await asyncio.wait([asyncio.create_task(leg.hangup()) for leg in legs], timeout=_GOODBYE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._phone.stop()
        for leg in legs:
            leg.finish("local")
            await leg.closed()

    @property
    def address(self) -> Address:
        return self._phone.myIP, self._phone.sip.myPort

    @property
    def calls_held(self) -> int:
        """Calls that pyVoIP still knows."""
        return len(self._phone.calls)

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
    ) -> CallLeg:
        try:
            target = await resolve(uri)
            ports = self.ports.reserve()
        except (BadAddress, NoPortFree) as error:
            raise DialFailed(404 if isinstance(error, BadAddress) else 503, str(error)) from error
        try:
            return await self._dial(target, ports, caller, timeout_s, on_ringing, taps)
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
    ) -> CallLeg:
        name = SessionName()
        call, invite = self._invite(target, caller, serialize_sdp(make_offer(self._phone.myIP, ports.port, name)))
        call.ringing = on_ringing or call.ringing
        try:
            async with asyncio.timeout(timeout_s):
                answer = await asyncio.shield(call.outcome)
        except (TimeoutError, asyncio.CancelledError) as error:
            self._give_up(call, target)
            if isinstance(error, TimeoutError):
                raise DialFailed(408, "无应答") from error
            raise
        if int(answer.status) >= 300:
            call.over("remote")
            raise DialFailed(int(answer.status), answer.status.phrase)
        leg = PyVoipLeg(call, self, invite)
        leg.session_name = name
        leg.taps = taps or leg.taps
        self._keep(leg)
        try:
            await leg.begin(answer, ports)
        except (NotAcceptable, ValueError) as error:
            await leg.hangup()
            raise DialFailed(488, "对方媒体不兼容") from error
        return leg

    def _invite(self, target: Target, caller: str, offer: str) -> tuple[TrunkCall, bytes]:
        client = self._phone.sip
        host, port = self.address
        own = f"sip:{caller}@{host}:{port}" if caller else f"sip:{host}:{port}"
        call_id = f"{client.gen_urn_uuid().lower()}@{host}"
        dialogue = Dialogue(
            call_id, local_uri=own, local_tag=client.gen_tag(), remote_name=f"<{target.uri}>", target=target.uri
        )
        invite = client.gen_request(dialogue, "INVITE", body=offer)
        raw = invite.encode()
        call = TrunkCall(self._phone, CallState.DIALING, TrunkMessage(raw, target.address), dialogue.number)
        call.dialogue = dialogue
        self._phone.calls[call_id] = call
        self._far_ends[call_id] = target.address
        client.send(invite, target.address)
        return call, raw

    def _give_up(self, call: TrunkCall, target: Target) -> None:
        """CANCEL with the INVITE's own branch and number; the call is forgotten when its answer has been taken."""
        client = self._phone.sip
        call.state = CallState.ENDED
        branch = call.request.headers["Via"][0]["branch"]
        number = int(call.request.headers["CSeq"]["check"])
        client.send(client.gen_request(call.dialogue, "CANCEL", branch=branch, number=number), target.address)
        asyncio.get_running_loop().call_later(LIFETIME, self._phone.calls.pop, call.call_id, None)

    # --- what comes in ------------------------------------------------------------------------------------------

    def _invited(self, call: TrunkCall) -> None:
        leg = PyVoipLeg(call, self, call.request.raw)
        self._far_ends[call.call_id] = call.request.source
        self._keep(leg)
        if self._handler is None:
            self._spawn(leg.reject(480), "refuse call")
        else:
            self._spawn(self._handle(self._handler, leg), "call")

    async def _handle(self, handler: OnCall, leg: PyVoipLeg) -> None:
        try:
            await handler(leg)
        except Exception as error:
            _log.exception("call_handler_failed", call=leg.call_id, error=type(error).__name__)
            await leg.hangup()

    def keep_answering(self, call: TrunkCall, response: SipResponse, address: Address) -> None:
        """Repeat a 200 until its ACK comes (RFC 3261 §13.3.1.4); without one the call is over."""
        self._spawn(self._repeat_answer(call, response, address), "repeat answer")

    async def _repeat_answer(self, call: TrunkCall, response: SipResponse, address: Address) -> None:
        waited, interval = 0.0, T1
        while waited < LIFETIME:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await call.acknowledged.wait()
            if call.acknowledged.is_set() or call.state != CallState.ANSWERED:
                return
            self._phone.sip.send_again(response, address)
            waited, interval = waited + interval, min(2 * interval, T2)
        call.over("fault")

    def far_end_of(self, call: TrunkCall) -> Address:
        return self._far_ends.get(call.call_id, ("", 0))

    # --- housekeeping -------------------------------------------------------------------------------------------

    def _keep(self, leg: PyVoipLeg) -> None:
        self._legs[leg.call_id] = leg
        self._spawn(self._forget_when_over(leg), "forget leg")

    async def _forget_when_over(self, leg: PyVoipLeg) -> None:
        await leg.wait_ended()
        await leg.closed()
        self._legs.pop(leg.call_id, None)
        self._far_ends.pop(leg.call_id, None)
        self._phone.sip.tagLibrary.pop(leg.call_id, None)

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
