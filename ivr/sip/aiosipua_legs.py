"""The two kinds of leg of the aiosipua back end: a call that came in, a call that we made."""

import asyncio
from typing import Final

import structlog
from aiosipua import IncomingCall, OutgoingCall, SipRequest
from aiosipua.dialog import Dialog, DialogState

from ivr.sip.leg import Leg, reason_phrase
from ivr.sip.ports import NoPortFree, PortRange
from ivr.sip.session_description import NotAcceptable, agree, make_answer, make_offer, read_offer
from ivr.sip.user_agent import UserAgentClient, UserAgentServer

_log = structlog.get_logger("ivr.sip")
_ACK_WAIT_S: Final = 2.0
_REFER_ANSWER_S: Final = 5.0
_REFER_DONE_S: Final = 30.0


class AiosipuaLeg(Leg):
    """What both kinds share: renegotiation, transfer by REFER, and one BYE."""

    def __init__(self, call_id: str, headers: dict[str, str], owner: "Signalling") -> None:
        super().__init__(call_id, headers, rtp_timeout_s=owner.rtp_timeout_s)
        self._owner = owner
        self.transferred: asyncio.Future[bool] | None = None

    def renegotiate(self, request: IncomingCall) -> None:
        """Answer a re-INVITE: same codec, other address or hold; anything else 488, and the call goes on as it was."""
        media = self._media
        invite = request.invite
        if media is None:
            self._owner.server._send_error(invite, 491, "Request Pending")
            return
        host, port = self._owner.media_host, media.port
        if not invite.body:
            request.accept(make_offer(host, port, self.session_name, (media.agreed.codec,)))
            return
        try:
            offer = read_offer(invite.content_type or "", invite.text)
            agreed = agree(offer, codecs=(media.agreed.codec,))
        except NotAcceptable:
            self._owner.server._send_error(invite, 488, "Not Acceptable Here")
            return
        media.move(agreed)
        request.accept(make_answer(offer, agreed, host, port, self.session_name))

    async def _refer(self, dialog: Dialog, target: str, address: tuple[str, int]) -> bool:
        if dialog.state != DialogState.CONFIRMED or self.ended:
            return False
        client = self._owner.client
        self.transferred = asyncio.get_running_loop().create_future()
        request = client.send_refer(dialog, target, address)
        answer = await client.asked.answered(request, _REFER_ANSWER_S)
        if answer is None or answer.status_code >= 300:
            return False
        done, _ = await asyncio.wait({self.transferred}, timeout=_REFER_DONE_S)
        return bool(done) and self.transferred.result()

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


class IncomingLeg(AiosipuaLeg):
    """A citizen's call, not yet answered."""

    def __init__(self, call: IncomingCall, owner: Signalling) -> None:
        headers = {name: values[0] for name, values in call.invite.headers.items() if values}
        super().__init__(call.call_id, headers, owner)
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
            self._call.accept(answer)

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        if self.ended or self._answering:
            return
        self.finish("local")
        self._refuse(code, retry_after_s)

    async def refer(self, target: str) -> bool:
        return await self._refer(self._call.dialog, target, self._call.source_addr)

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
        headers = {name: values[0] for name, values in call.invite.headers.items() if values}
        super().__init__(call.call_id, headers, owner)
        self._call = call

    async def answer(self) -> None:
        """It is answered already."""

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        """It is answered already: hang up."""
        await self.hangup()

    async def refer(self, target: str) -> bool:
        return await self._refer(self._call.dialog, target, self._call.remote_addr)

    async def _say_bye(self) -> None:
        bye = self._call.hangup(self._owner.client)
        self._owner.server.note_ended(self.call_id)
        await self._bye_answered(bye)
