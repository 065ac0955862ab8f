"""The two kinds of leg of the aiosipua back end: a call that came in, a call that we made."""

import asyncio
from abc import abstractmethod
from typing import Final

import structlog
from aiosipua import IncomingCall, OutgoingCall, SdpMessage, SipRequest, SipResponse
from aiosipua.dialog import DialogState

from ivr.sip.address import next_hop
from ivr.sip.leg import reason_phrase
from ivr.sip.number import uri_in
from ivr.sip.ports import NoPortFree, PortRange
from ivr.sip.session_description import NotAcceptable, agree, make_answer, read_offer
from ivr.sip.signalled_leg import SignalledLeg
from ivr.sip.trunk import Trunk
from ivr.sip.user_agent import UserAgentClient, UserAgentServer

_log = structlog.get_logger("ivr.sip")
_ACK_WAIT_S: Final = 2.0


class AiosipuaLeg(SignalledLeg):
    """What both kinds share: renegotiation, requests within the call, and one BYE."""

    def __init__(self, call: IncomingCall | OutgoingCall, owner: "Signalling") -> None:
        super().__init__(call.call_id, call.invite, owner)
        self._owner = owner
        self._dialog = call.dialog

    def renegotiate(self, request: IncomingCall) -> None:
        """Answer a re-INVITE: same codec, other address or hold; anything else 488, and the call goes on as it was."""
        invite = request.invite
        if self._media is None:
            self._owner.server._send_error(invite, 491, "Request Pending")
            return
        try:
            answer = self.changed(invite)
        except NotAcceptable:
            self._owner.server._send_error(invite, 488, "Not Acceptable Here")
            return
        request.accept(answer)

    def changed(self, request: SipRequest) -> SdpMessage | None:
        """Follow a re-INVITE or UPDATE; returns the answer's SDP. Raises :class:`NotAcceptable`."""
        answer = self.answer_anew(request)
        self._dialog.remote_target = uri_in(request.headers.get_first("contact") or "") or self._dialog.remote_target
        self._owner.server.served.promise(request, self.keep_session(request))
        return answer

    @property
    @abstractmethod
    def _address(self) -> tuple[str, int]:
        """Where requests within the call go."""

    @property
    def _confirmed(self) -> bool:
        return self._dialog.state == DialogState.CONFIRMED

    async def _ask_within(self, method: str, headers: dict[str, str], timeout_s: float) -> SipResponse | None:
        client = self._owner.client
        request = client._send_in_dialog(self._dialog, method, self._address, extra_headers=headers)
        return await client.asked.answered(request, timeout_s)

    async def _bye_answered(self, bye: SipRequest | None) -> None:
        """Keep repeating the BYE in the background; wait only a moment for its answer."""
        if bye is not None:
            await self._owner.client.asked.answered(bye, 0.2)


class Signalling:
    """What a leg needs of its endpoint."""

    server: UserAgentServer
    client: UserAgentClient
    ports: PortRange
    media_host: str
    rtp_timeout_s: float
    trunk: Trunk


def _keep_to_the_rules(call: IncomingCall) -> None:
    """RFC 3261 §12.1.1 where aiosipua strays from it: the route in its order, URIs as written, ``tel:`` included.

    Requests go to the first route; without one, straight back to a phone that called without a proxy, else to its Contact.
    """
    invite, dialog = call.invite, call.dialog
    dialog.route_set = list(invite.headers.get("record-route"))
    dialog.remote_target = uri_in(invite.headers.get_first("contact") or "")
    dialog.remote_uri = uri_in(invite.headers.get_first("from") or "")
    dialog.local_uri = uri_in(invite.headers.get_first("to") or "")
    if dialog.route_set or len(invite.headers.get("via")) > 1:
        call.source_addr = next_hop(dialog.route_set, dialog.remote_target, call.source_addr)


class IncomingLeg(AiosipuaLeg):
    """A citizen's call, not yet answered."""

    def __init__(self, call: IncomingCall, owner: Signalling) -> None:
        _keep_to_the_rules(call)
        super().__init__(call, owner)
        self._call = call
        self._answering = False

    async def answer(self) -> None:
        if self.ended or self._answering:
            return
        self._answering = True
        invite = self._call.invite
        offer = read_offer(invite.content_type or "", invite.text)
        agreed = agree(offer)
        try:
            ports = self._owner.ports.reserve()
        except NoPortFree as error:
            _log.error("no_rtp_port", error=str(error))
            self._answering = False
            await self.reject(503)
            return
        answer = make_answer(offer, agreed, self._owner.media_host, ports.port, self.session_name)
        await self.open_media(agreed, ports)
        if not self.ended:
            self._owner.server.served.promise(invite, self.keep_session(invite))
            self._call.accept(answer)

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        if self.ended or self._answering:
            return
        self.finish("local")
        self._refuse(code, retry_after_s)

    @property
    def _address(self) -> tuple[str, int]:
        return self._call.source_addr

    async def _say_bye(self) -> None:
        if self._call.dialog.state == DialogState.EARLY:
            self._refuse(480)
            return
        await self._acknowledged()
        bye = self._call.hangup()
        self._owner.server.release(self._call)
        await self._bye_answered(bye)

    async def _acknowledged(self) -> None:
        """No BYE before the ACK of our 200 (RFC 3261 §15), but not for ever."""
        pending = self._call._retrans_task
        if pending is not None and not pending.done():
            await asyncio.wait({pending}, timeout=_ACK_WAIT_S)

    def _refuse(self, code: int, retry_after_s: int | None = None) -> None:
        later = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self._call._send_response(code, reason_phrase(code), extra_headers=later)
        self._call.dialog.terminate()
        self._owner.server.release(self._call)


class OutgoingLeg(AiosipuaLeg):
    """A call that we made, once it is answered."""

    def __init__(self, call: OutgoingCall, owner: Signalling) -> None:
        super().__init__(call, owner)
        self._call = call

    async def answer(self) -> None:
        """It is answered already."""

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        """It is answered already: hang up."""
        await self.hangup()

    @property
    def _address(self) -> tuple[str, int]:
        return self._call.remote_addr

    async def _say_bye(self) -> None:
        bye = self._call.hangup(self._owner.client)
        self._owner.server.note_ended(self.call_id)
        await self._bye_answered(bye)
