"""pyVoIP's phone and call, subclassed, and the legs of the pyVoIP back end over them."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiosipua import SipRequest, SipResponse
from aiosipua.sdp import serialize_sdp

from ivr.sip.keys import key_of_info
from ivr.sip.leg import Leg, reason_phrase
from ivr.sip.ports import NoPortFree
from ivr.sip.pyvoip_client import Dialogue, TrunkClient, TrunkMessage, is_response
from ivr.sip.session_description import NotAcceptable, agree, make_answer, read_offer

from pyVoIP.VoIP.VoIP import CallState, VoIPCall, VoIPPhone  # isort: skip  # after pyvoip_client, which sees to the order

if TYPE_CHECKING:
    from ivr.sip.pyvoip_endpoint import PyVoipEndpoint

_ACK_WAIT_S: Final = 2.0
_BYE_ANSWER_S: Final = 0.2
_ENDED_REMEMBERED: Final = 256


class TrunkCall(VoIPCall):  # type: ignore[misc]
    """pyVoIP's call without its RTP and its destructor: media belongs to the leg."""

    def __init__(self, phone: "TrunkPhone", state: CallState, request: TrunkMessage, session: int) -> None:
        super().__init__(phone, state, request, session, phone.myIP, ms={}, sendmode="sendrecv")
        self.state: CallState = state
        self.dialogue = _dialogue_of(phone.sip, request, incoming=state == CallState.RINGING)
        self.leg: PyVoipLeg | None = None
        self.acknowledged = asyncio.Event()
        self.outcome: asyncio.Future[TrunkMessage] = asyncio.get_running_loop().create_future()
        """The final answer to our INVITE."""
        self.ringing: Callable[[], None] = lambda: None

    def __del__(self) -> None:
        """PyVoIP's re-enters a lock here and hangs the phone for good; ports are released with the media."""

    def create_rtp_clients(self, *arguments: Any, **named: Any) -> None:
        """The leg makes the media."""

    def renegotiate(self, request: TrunkMessage) -> None:
        """A re-INVITE: pyVoIP would start a second sender. Same codec, other address or hold; else 488."""
        leg = self.leg
        media = leg.media if leg is not None else None
        try:
            if leg is None or media is None:
                raise NotAcceptable("no media yet")
            offer = read_offer(request.headers.get("Content-Type", ""), request.text)
            agreed = agree(offer, codecs=(media.agreed.codec,))
        except NotAcceptable:
            self.phone.reply(request, 488, "Not Acceptable Here")
            return
        media.move(agreed)
        answer = make_answer(offer, agreed, self.phone.myIP, media.port, leg.session_name)
        self.phone.reply(request, 200, "OK", serialize_sdp(answer))

    def answered(self, request: TrunkMessage) -> None:
        """A final or provisional answer to our INVITE."""
        status = int(request.status)
        if status < 200:
            if status in {180, 183}:
                self.ringing()
            return
        if status < 300:
            _learn_route(self.dialogue, request)
            number = int(request.headers["CSeq"]["check"])
            self.phone.sip.send(self.phone.sip.gen_request(self.dialogue, "ACK", number=number), request.source)
            if self.state == CallState.DIALING:
                self.state = CallState.ANSWERED
            elif self.outcome.cancelled() or self.state == CallState.ENDED:
                self.phone.sip.send(self.phone.sip.gen_request(self.dialogue, "BYE"), request.source)
        if not self.outcome.done():
            self.outcome.set_result(request)

    def bye(self) -> None:
        """The far end hung up."""
        self.over("remote")

    def over(self, how: str) -> None:
        """The call is over; its leg is told."""
        self.state = CallState.ENDED
        self.phone.forget(self)
        if self.leg is not None:
            self.leg.finish(how)


class TrunkPhone(VoIPPhone):  # type: ignore[misc]
    """pyVoIP's phone in trunk mode: answers every request, refuses what it cannot take, needs no timer thread."""

    def __init__(self, host: str, port: int, advertised: str, on_call: Callable[[TrunkCall], None]) -> None:
        super().__init__(host, port, "12345", "", myIP=advertised, callCallback=on_call, sipPort=port)
        self.sip = TrunkClient(host, port, "12345", "", phone=self, myIP=host, myPort=port, callCallback=self.callback)
        self._ended: deque[str] = deque(maxlen=_ENDED_REMEMBERED)
        self._handlers = {
            "INVITE": self._callback_MSG_Invite,
            "BYE": self._callback_MSG_Bye,
            "CANCEL": self._cancelled,
            "ACK": self._acknowledged,
            "INFO": self._informed,
            "OPTIONS": self._asked,
        }

    def start(self) -> None:
        self.sip.start()
        self.sip.myIP = self.myIP  # from here on it is written into messages
        self.NSD = True

    def stop(self, failed: bool = False) -> None:
        self.sip.stop()
        self.NSD = False

    def request_port(self, blocking: bool = True) -> int:
        """The leg reserves its ports itself, bound."""
        return 0

    def release_ports(self, call: VoIPCall | None = None) -> None:
        """See :meth:`request_port`."""

    def forget(self, call: TrunkCall) -> None:
        """The call is over; for a while a BYE that crosses ours is still answered 200."""
        self.calls.pop(call.call_id, None)
        self._ended.append(call.call_id)

    def reply(self, request: TrunkMessage, status: int, phrase: str, body: str = "", more: str = "") -> SipResponse:
        message = self.sip.send(self.sip.gen_response(request, status, phrase, body=body, more=more), request.source)
        return message if isinstance(message, SipResponse) else SipResponse(status_code=status)

    def callback(self, request: TrunkMessage) -> None:
        """Every message that is no repetition."""
        if is_response(request):
            call = self.calls.get(request.headers["Call-ID"])
            if call is not None and request.headers["CSeq"]["method"] == "INVITE":
                call.answered(request)
            return
        handler = self._handlers.get(request.method)
        if handler is None:
            self.reply(request, 405, "Method Not Allowed")
        else:
            handler(request)

    def _callback_MSG_Invite(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is not None:
            if call.state == CallState.ANSWERED and self._belongs(call, request):
                call.renegotiate(request)
            else:
                self.reply(request, 482, "Loop Detected")
            return
        if request.headers["To"]["tag"]:
            self.reply(request, 481, "Call/Transaction Does Not Exist")
            return
        required = request.headers.get("Require", "")
        if required:
            self.reply(request, 420, "Bad Extension", more=f"Unsupported: {required}\r\n")
            return
        try:
            agree(read_offer(request.headers.get("Content-Type", ""), request.text))
        except NotAcceptable:
            self.reply(request, 488, "Not Acceptable Here")
            return
        self.reply(request, 100, "Trying")
        self.sip.send(self.sip.gen_ringing(request), request.source)
        self._create_Call(request, random.randint(1, 100_000))  # noqa: S311  # the o= line's number, no secret
        self.callCallback(self.calls[request.headers["Call-ID"]])

    def _create_Call(self, request: TrunkMessage, sess_id: int) -> None:
        self.calls[request.headers["Call-ID"]] = TrunkCall(self, CallState.RINGING, request, sess_id)

    def _callback_MSG_Bye(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is None and request.headers["Call-ID"] in self._ended:
            self.reply(request, 200, "OK")
            return
        if call is None or not self._belongs(call, request):
            self.reply(request, 481, "Call/Transaction Does Not Exist")
            return
        self.reply(request, 200, "OK")
        call.bye()

    def _cancelled(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is None or call.state != CallState.RINGING:
            self.reply(request, 481, "Call/Transaction Does Not Exist")
            return
        self.reply(request, 200, "OK")
        self.reply(call.request, 487, "Request Terminated")
        call.bye()

    def _acknowledged(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is not None:
            call.acknowledged.set()

    def _informed(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is None or not self._belongs(call, request):
            self.reply(request, 481, "Call/Transaction Does Not Exist")
            return
        self.reply(request, 200, "OK")
        key = key_of_info(request.headers.get("Content-Type", ""), request.text)
        if key is not None and call.leg is not None:
            call.leg.key_pressed(key)

    def _asked(self, request: TrunkMessage) -> None:
        self.reply(request, 200, "OK")

    @staticmethod
    def _belongs(call: TrunkCall, request: TrunkMessage) -> bool:
        tags = (request.headers["To"]["tag"], request.headers["From"]["tag"])
        return tags == (call.dialogue.local_tag, call.dialogue.remote_tag)


class PyVoipLeg(Leg):
    """A leg whose signalling is a :class:`TrunkCall`."""

    def __init__(self, call: TrunkCall, owner: "PyVoipEndpoint") -> None:
        headers = {name: values[0] for name, values in call.request.parsed.headers.items() if values}
        super().__init__(call.call_id, headers, rtp_timeout_s=owner.rtp_timeout_s)
        self._call = call
        self._owner = owner
        self._answering = False
        call.leg = self

    async def answer(self) -> None:
        if self.ended or self._answering or self._call.state != CallState.RINGING:
            return
        self._answering = True
        request = self._call.request
        offer = read_offer(request.headers.get("Content-Type", ""), request.text)
        agreed = agree(offer)
        try:
            ports = self._owner.ports.reserve()
        except NoPortFree:
            self._answering = False
            await self.reject(503)
            return
        phone = self._call.phone
        answer = make_answer(offer, agreed, phone.myIP, ports.port, self.session_name)
        await self.open_media(agreed, ports)
        if self.ended:
            return
        response = phone.reply(request, 200, "OK", serialize_sdp(answer))
        self._call.state = CallState.ANSWERED
        self._owner.keep_answering(self._call, response, request.source)

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        if self.ended or self._answering:
            return
        later = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
        self._call.phone.reply(self._call.request, code, reason_phrase(code), more=later)
        self._call.over("local")

    async def refer(self, target: str) -> bool:
        """PyVoIP has no REFER: the hand-over goes by a bridge."""
        return False

    async def _say_bye(self) -> None:
        call = self._call
        if call.state == CallState.RINGING:
            call.phone.reply(call.request, 480, reason_phrase(480))
            call.over("local")
            return
        if call.state != CallState.ANSWERED:
            return
        if self._answering:  # no BYE before the ACK of our 200 (RFC 3261 §15), but not for ever
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ACK_WAIT_S):
                    await call.acknowledged.wait()
        call.over("local")
        client: TrunkClient = call.phone.sip
        bye = client.send(client.gen_request(call.dialogue, "BYE"), self._owner.far_end_of(call))
        if isinstance(bye, SipRequest):
            await client.asked.answered(bye, _BYE_ANSWER_S)


def _dialogue_of(client: TrunkClient, request: TrunkMessage, *, incoming: bool) -> Dialogue:
    call_id = request.headers["Call-ID"]
    here, there = ("To", "From") if incoming else ("From", "To")
    tag = client.tagLibrary.get(call_id) or request.headers[here]["tag"]
    dialogue = Dialogue(
        call_id,
        local_uri=f"sip:{request.headers[here]['address']}",
        local_tag=tag,
        remote_name=request.headers[there]["raw"],
        target=_uri_of(request.headers.get("Contact", "")) or f"sip:{request.headers[there]['address']}",
    )
    dialogue.remote_tag = request.headers[there]["tag"]
    dialogue.routes = [request.headers["Record-Route"]] if incoming and "Record-Route" in request.headers else []
    return dialogue


def _learn_route(dialogue: Dialogue, answer: TrunkMessage) -> None:
    dialogue.remote_tag = answer.headers["To"]["tag"]
    dialogue.target = _uri_of(answer.headers.get("Contact", "")) or dialogue.target


def _uri_of(contact: str) -> str:
    inner = contact.partition("<")[2].partition(">")[0]
    return inner or contact.partition(";")[0].strip()
