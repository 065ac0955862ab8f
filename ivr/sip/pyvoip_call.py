"""pyVoIP's call, subclassed: the dialogue that pyVoIP does not keep, and the answers to our own INVITE."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiosipua import SipRequest, SipResponse
from aiosipua.sdp import serialize_sdp

from ivr.sip.address import next_hop
from ivr.sip.digest import number_of
from ivr.sip.number import uri_in
from ivr.sip.pyvoip_client import Address, Dialogue, TrunkClient, TrunkMessage
from ivr.sip.session_description import NotAcceptable

from pyVoIP.VoIP.VoIP import CallState, VoIPCall  # isort: skip  # after pyvoip_client, which sees to the order

if TYPE_CHECKING:
    from ivr.sip.pyvoip_legs import PyVoipLeg
    from ivr.sip.pyvoip_phone import TrunkPhone


class TrunkCall(VoIPCall):  # type: ignore[misc]
    """pyVoIP's call without its RTP and its destructor: media belongs to the leg."""

    def __init__(self, phone: "TrunkPhone", state: CallState, request: TrunkMessage, session: int) -> None:
        super().__init__(phone, state, request, session, phone.myIP, ms={}, sendmode="sendrecv")
        self.state: CallState = state
        self.dialogue = _dialogue_of(phone.sip, request)
        self.far_end: Address = request.source
        """Where requests within the call go."""
        if state == CallState.RINGING and (self.dialogue.routes or len(request.headers["Via"]) > 1):
            self.far_end = next_hop(self.dialogue.routes, self.dialogue.target, request.source)
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
        """A re-INVITE or UPDATE: pyVoIP would start a second sender, or say nothing. What the leg cannot follow is 488."""
        leg = self.leg
        try:
            if leg is None:
                raise NotAcceptable("no media yet")
            answer = leg.answer_anew(request.request)
        except NotAcceptable:
            self.phone.reply(request, 488, "Not Acceptable Here")
            return
        contact = uri_in(request.parsed.headers.get_first("contact") or "")
        self.dialogue.target = contact or self.dialogue.target
        self.phone.sip.served.promise(request.request, leg.keep_session(request.request))
        response = self.phone.reply(request, 200, "OK", serialize_sdp(answer) if answer is not None else "")
        if request.method == "INVITE":
            leg.await_acknowledgement(response, request.source)

    def answered(self, request: TrunkMessage) -> None:
        """A final or provisional answer to our INVITE."""
        status = int(request.status)
        if status < 200:
            self._proceeding(status)
            return
        if status < 300:
            self._accepted(request)
        if not self.outcome.done():
            self.outcome.set_result(request)

    def _proceeding(self, status: int) -> None:
        if self.state == CallState.ENDED:  # given up before there was anything that could be cancelled
            self.cancel()
        elif status in {180, 183}:
            self.ringing()

    def _accepted(self, answer: TrunkMessage) -> None:
        if self.state == CallState.ANSWERED and answer.headers["To"]["tag"] != self.dialogue.remote_tag:
            fork = self._fork()  # a second phone took the call: RFC 3261 §13.2.2.4
            self._acknowledge(fork, answer)
            self._send("BYE", fork, next_hop(fork.routes, fork.target, self.far_end))
            return
        self._acknowledge(self.dialogue, answer)
        self.far_end = next_hop(self.dialogue.routes, self.dialogue.target, self.far_end)
        if self.state == CallState.DIALING:
            self.state = CallState.ANSWERED
        elif self.state == CallState.ENDED:  # it was answered while the CANCEL was on its way
            self._send("BYE", self.dialogue, self.far_end)
            self.phone.forget(self)

    def _acknowledge(self, dialogue: Dialogue, answer: TrunkMessage) -> None:
        _learn_route(dialogue, answer)
        hop = next_hop(dialogue.routes, dialogue.target, self.far_end)
        self._send("ACK", dialogue, hop, number=number_of(answer.parsed))

    def _fork(self) -> Dialogue:
        known = self.dialogue
        fork = Dialogue(
            known.call_id,
            local_uri=known.local_uri,
            local_tag=known.local_tag,
            remote_name=known.remote_name,
            target=known.target,
        )
        fork.number = known.number
        return fork

    def _send(self, method: str, dialogue: Dialogue, to: Address, number: int = 0) -> None:
        self.phone.sip.send(self.phone.sip.gen_request(dialogue, method, number=number), to)

    def cancel(self) -> None:
        """CANCEL with the INVITE's own branch, number and URI (RFC 3261 §9.1), to where that went."""
        client: TrunkClient = self.phone.sip
        branch = self.request.parsed.via[0].branch or ""
        number = number_of(self.request.parsed)
        client.send(client.gen_request(self.dialogue, "CANCEL", branch=branch, number=number), self.request.source)

    async def ask(self, method: str, headers: dict[str, str], within_s: float) -> SipResponse | None:
        """Send a request within the call; its final answer, ``None`` when none comes in time."""
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        client: TrunkClient = self.phone.sip
        request = client.send(client.gen_request(self.dialogue, method, more=more), self.far_end)
        return await client.asked.answered(request, within_s) if isinstance(request, SipRequest) else None

    def bye(self) -> None:
        """The far end hung up."""
        self.over("remote")

    def over(self, how: str) -> None:
        """The call is over; its leg is told."""
        self.state = CallState.ENDED
        self.phone.forget(self)
        if self.leg is not None:
            self.leg.finish(how)


def _dialogue_of(client: TrunkClient, request: TrunkMessage) -> Dialogue:
    """The dialogue of a call that came in."""
    call_id = request.headers["Call-ID"]
    source, target = request.headers["From"], request.headers["To"]
    dialogue = Dialogue(
        call_id,
        local_uri=target["uri"],
        local_tag=client.tagLibrary.get(call_id) or target["tag"],
        remote_name=source["raw"],
        target=uri_in(request.headers.get("Contact", "")) or source["uri"],
    )
    dialogue.remote_tag = source["tag"]
    dialogue.routes = list(request.parsed.headers.get("record-route"))
    return dialogue


def _learn_route(dialogue: Dialogue, answer: TrunkMessage) -> None:
    dialogue.remote_tag = answer.headers["To"]["tag"]
    dialogue.target = uri_in(answer.headers.get("Contact", "")) or dialogue.target
    dialogue.routes = list(reversed(answer.parsed.headers.get("record-route")))
