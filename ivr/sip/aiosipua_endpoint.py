"""The default back end: a SIP endpoint over aiosipua and aiortp, in trunk mode (it registers nowhere)."""

import asyncio
import logging
from typing import Final, Unpack

from aiosipua import IncomingCall, SdpMessage, SipRequest

from config.errors import HotlineError
from ivr.sip.aiosipua_legs import AiosipuaLeg, IncomingLeg, OutgoingLeg, Signalling
from ivr.sip.contract import DialFailed
from ivr.sip.endpoint import CallOrder, Endpoint, EndpointOptions
from ivr.sip.keys import key_of_info
from ivr.sip.session_description import NotAcceptable
from ivr.sip.transactions import ClientTransactions
from ivr.sip.transport import GuardedUdpTransport
from ivr.sip.user_agent import USER_AGENT, UserAgentClient, UserAgentServer
from ivr.sip.watchdog import PERIOD_S, Watchdog

_RINGS_AT_MOST_S: Final = 3600.0
"""Only so that aiosipua has a number; the dialler's own time-out ends the wait."""


class WrongEventLoop(HotlineError):
    """aiosipua and aiortp deal with asyncio's own datagram transports only."""

    def __init__(self) -> None:
        super().__init__("wrong_event_loop", "SIP 端点须运行在 asyncio 自带的事件循环上；请勿启用 uvloop")


class AiosipuaEndpoint(Endpoint[AiosipuaLeg], Signalling):
    """A :class:`ivr.sip.contract.SipEndpoint` over aiosipua; ``watchdog_period_s``: how often it listens to itself."""

    def __init__(
        self, host: str, port: int, *, watchdog_period_s: float = PERIOD_S, **shared: Unpack[EndpointOptions]
    ) -> None:
        super().__init__(host, port, **shared)
        self._transport = GuardedUdpTransport(host, port)
        self._watchdog_period_s = watchdog_period_s
        self._watchdog: Watchdog | None = None

    async def _open(self) -> ClientTransactions:
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
        self.server.on_ack = self._acknowledged
        self.server.on_change = self._changed
        self.server.on_transfer_progress = self._transfer_progress
        self._transport.on_message = self.server._on_message
        self._watchdog = Watchdog(self._transport, self.client, period_s=self._watchdog_period_s)
        self._spawn(self._watchdog.run(), "sip watchdog")
        return self.client.asked

    def drain(self) -> None:
        self.server.draining = True

    def _post(self, request: SipRequest, address: tuple[str, int]) -> None:
        self._transport.send(request, address)

    async def _close(self) -> None:
        if self._watchdog is not None:
            await self.server.stop()
            await asyncio.sleep(0)  # the event loop lets go of the socket: the port is free on return

    @property
    def address(self) -> tuple[str, int]:
        return self.media_host, self._transport.local_addr[1]

    @property
    def counters(self) -> dict[str, int]:
        """Datagrams that could not be read or sent, sockets opened again, legs alive."""
        return {
            **super().counters,
            "malformed": self._transport.malformed,
            "undeliverable": self._transport.undeliverable,
            "reopened": self._watchdog.reopened if self._watchdog else 0,
        }

    async def _call(self, order: CallOrder, offer: SdpMessage) -> tuple[AiosipuaLeg, SdpMessage | None]:
        call = self.client.send_invite(
            self._origin(order),
            order.target.uri,
            order.target.address,
            offer,
            user_agent=USER_AGENT,
            extra_headers=dict(order.headers),
        )
        call.on_ringing = lambda _: order.on_ringing()
        try:
            await call.wait_answered(_RINGS_AT_MOST_S)
        except RuntimeError as error:
            raise DialFailed(call._reject_code, call._reject_reason) from error
        except asyncio.CancelledError:
            self.client.abandon(call)
            raise
        return OutgoingLeg(call, self), call.sdp_answer

    # --- what comes in ------------------------------------------------------------------------------------------

    def _invited(self, call: IncomingCall) -> None:
        if self._arrived(IncomingLeg(call, self)):
            call.ringing()

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
        if leg is not None:
            leg.transfer_told(status)

    def _acknowledged(self, call_id: str, ack: SipRequest) -> None:
        leg = self._legs.get(call_id)
        if leg is not None:
            leg.acknowledged(ack)

    def _changed(self, call_id: str, update: SipRequest) -> SdpMessage | None:
        leg = self._legs.get(call_id)
        if leg is None:
            raise NotAcceptable("no such call")
        return leg.changed(update)

    def _gone(self, call_id: str, how: str) -> None:
        leg = self._legs.get(call_id)
        if leg is not None:
            leg.finish(how)
