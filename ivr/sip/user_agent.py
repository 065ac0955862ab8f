"""aiosipua's user agent with its gaps closed by subclassing (DESIGN §4 lists them)."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiosipua import IncomingCall, OutgoingCall, SdpMessage, SipRequest, SipResponse, SipUAC, SipUAS
from aiosipua.dialog import Dialog, DialogState, dialog_matches
from aiosipua.sdp import serialize_sdp
from aiosipua.uac_responses import _send_ack
from aiosipua.utils import format_addr

from ivr.sip.address import next_hop
from ivr.sip.digest import number_of
from ivr.sip.intake import answer_to
from ivr.sip.number import uri_in
from ivr.sip.session_description import NotAcceptable, agree, read_offer
from ivr.sip.session_timer import SHORTEST_S, TooBrief, terms_asked
from ivr.sip.transactions import ClientTransactions, ServerTransactions
from ivr.sip.transport import GuardedUdpTransport

USER_AGENT: Final = "hotline12345"
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY"
DRAIN_RETRY_S: Final = 30
"""What an edge that probes a draining node is told to wait."""
_SUPPORTED: Final = frozenset({"timer"})
_ENDED_REMEMBERED: Final = 4096
_ENDED_FOR_S: Final = 32.0
Address = tuple[str, int]


class UserAgentClient(SipUAC):
    """Adds to aiosipua: repetition of requests, ACK of refusals, the far end's Contact and Route, safe CANCEL."""

    def __init__(self, transport: GuardedUdpTransport, advertised: Address) -> None:
        super().__init__(transport, advertised_addr=advertised)
        self.asked = ClientTransactions(transport.send_again)
        self.asked.on_repeated = self._repeated
        self.dialog_of: Callable[[str], Dialog | None] = lambda call_id: None
        """The dialog of a call that came in."""
        self._abandoned: dict[str, OutgoingCall] = {}

    def handle_response(self, response: SipResponse, addr: Address) -> None:
        request = self.asked.receive(response)
        if request is None:
            return
        call_id = response.call_id or ""
        if request.method == "INVITE":
            given_up = self._abandoned.get(call_id)
            if given_up is not None:
                self._let_go(given_up, response, addr)
                return
            call = self.get_call(call_id)
            if call is not None and 200 <= response.status_code < 300:
                if call.dialog.state == DialogState.EARLY:
                    _learn_route(call, response)
                elif _tag_of(response) != call.dialog.remote_tag:
                    self._end_fork(call, response)
                    return
        super().handle_response(response, addr)

    def abandon(self, call: OutgoingCall) -> None:
        """Give up a call that nobody has answered: CANCEL now, or as soon as the far end shows any life."""
        if call.dialog.state == DialogState.CONFIRMED:  # it was answered in the very moment
            call.hangup(self)
            return
        self.asked.let_go(call.invite)
        self._abandoned[call.call_id] = call
        asyncio.get_running_loop().call_later(_ENDED_FOR_S, self._abandoned.pop, call.call_id, None)
        if self.asked.proceeding(call.invite):
            call.cancel(self)
        else:
            self.asked.stop(call.invite)
            self.remove_call(call.call_id)

    def close(self) -> None:
        super().close()
        self.asked.close()

    def _end_fork(self, call: OutgoingCall, response: SipResponse) -> None:
        """A second phone took the call, forked by a proxy: acknowledge it and hang up (RFC 3261 §13.2.2.4)."""
        known = call.dialog
        other = OutgoingCall(
            dialog=Dialog(
                call_id=known.call_id,
                local_tag=known.local_tag,
                local_uri=known.local_uri,
                remote_uri=known.remote_uri,
                local_cseq=known.local_cseq,
                state=DialogState.CONFIRMED,
            ),
            invite=call.invite,
            remote_addr=call.remote_addr,
        )
        _learn_route(other, response)
        _send_ack(self, other, response)
        self._send_in_dialog(other.dialog, "BYE", other.remote_addr)

    def _repeated(self, request: SipRequest) -> None:
        """A request goes out again with credentials: its dialog counts on from there."""
        call = self.get_call(request.call_id or "")
        dialog = call.dialog if call is not None else self.dialog_of(request.call_id or "")
        if dialog is not None:
            dialog.local_cseq = max(dialog.local_cseq, number_of(request))
        if call is not None and request.method == "INVITE":
            call.invite = request

    def _let_go(self, call: OutgoingCall, response: SipResponse, addr: Address) -> None:
        status = response.status_code
        if status < 200:
            call.cancel(self)
            return
        self._abandoned.pop(call.call_id, None)
        if status < 300:  # it was answered while the CANCEL was on its way
            call.dialog.state = DialogState.EARLY
            self._calls[call.call_id] = call
            _learn_route(call, response)
            super().handle_response(response, addr)
            call.hangup(self)

    def _build_invite(self, dialog: Dialog, *, sdp_offer: SdpMessage | None, user_agent: str | None) -> SipRequest:
        invite = super()._build_invite(dialog, sdp_offer=sdp_offer, user_agent=user_agent)
        invite.headers.remove("Supported")  # a lost PRACK is never repeated by aiosipua: ask for no 100rel
        invite.headers.set_single("Allow", ALLOW)
        return invite


def _learn_route(call: OutgoingCall, response: SipResponse) -> None:
    """Where requests inside the dialog go: the answer's Contact and Record-Route (RFC 3261 §12.1.2)."""
    dialog = call.dialog
    contact = uri_in(response.headers.get_first("contact") or "")
    dialog.remote_target = contact or dialog.remote_target
    dialog.route_set = list(reversed(response.headers.get("record-route")))
    dialog.remote_tag = _tag_of(response)
    call.remote_addr = next_hop(dialog.route_set, dialog.remote_target, call.remote_addr)


def _tag_of(response: SipResponse) -> str:
    to = response.to_addr
    return (to.tag if to is not None else None) or ""


class UserAgentServer(SipUAS):
    """Adds to aiosipua: repeated requests answered alike, INFO, 488 and 420 where due, calls released when over."""

    def __init__(self, transport: GuardedUdpTransport, client: UserAgentClient, advertised: Address) -> None:
        super().__init__(transport, user_agent=USER_AGENT, uac=client, advertised_addr=advertised)
        self.served = ServerTransactions(transport.send_reply_again)
        self.on_info: Callable[[str, SipRequest], None] = lambda call_id, request: None
        self.on_ack: Callable[[str, SipRequest], None] = lambda call_id, request: None
        self.on_change: Callable[[str, SipRequest], SdpMessage | None] = _refuse_change
        """Answers an UPDATE: the SDP of its 200. Raises :class:`NotAcceptable`."""
        self.draining = False
        """OPTIONS are answered 503, so that an edge that probes sends new calls elsewhere."""
        self._client = client
        client.dialog_of = self.get_dialog
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._handlers["INFO"] = self._handle_info
        self._plain_bye = self._handlers["BYE"]
        self._handlers["BYE"] = self._handle_bye
        self._plain_ack = self._handlers["ACK"]
        self._handlers["ACK"] = self._handle_ack
        self._handlers["UPDATE"] = self._handle_update
        self._handlers["OPTIONS"] = self._handle_options
        transport.on_sent = self._note_sent
        transport.on_reply = self.served.complete

    def release(self, call: IncomingCall) -> None:
        """Forget a call that we have refused or hung up; aiosipua keeps those for ever."""
        call._stop_retransmissions()
        self._calls.pop(call.call_id, None)
        self._remove_invite_transaction(call.invite)
        self.note_ended(call.call_id)

    def note_ended(self, call_id: str) -> None:
        """Remember that the dialog was ours: a BYE that crosses our own is answered 200."""
        self._ended[call_id] = time.monotonic()
        while len(self._ended) > _ENDED_REMEMBERED:
            self._ended.popitem(last=False)

    async def stop(self) -> None:
        self.served.close()
        await super().stop()

    def _note_sent(self, message: SipRequest | SipResponse, address: Address) -> None:
        if isinstance(message, SipRequest):
            self._client.asked.track(message, address)
        else:
            self.served.record(message)

    def _handle_request(self, request: SipRequest, addr: Address) -> None:
        if self.served.is_repeated(request):
            return
        if request.method not in self._handlers and request.headers.get("via"):
            self._send_error(request, 405, "Method Not Allowed", extra_headers={"Allow": ALLOW})
            return
        super()._handle_request(request, addr)

    def _handle_invite(self, request: SipRequest, addr: Address) -> None:
        required = unsupported(request)
        if required:
            self._send_error(request, 420, "Bad Extension", extra_headers={"Unsupported": ", ".join(required)})
            return
        to = request.to_addr
        _, dialog = self._find_dialog(request.call_id or "")
        if to is not None and to.tag and dialog is None:
            self._send_error(request, 481, "Call/Transaction Does Not Exist")
            return
        if dialog is not None and dialog.state == DialogState.EARLY:
            self._send_error(request, 482, "Loop Detected")
            return
        if request.body or dialog is None:
            try:
                agree(read_offer(request.content_type or "", request.text))
                terms_asked(request)
            except NotAcceptable:
                self._send_error(request, 488, "Not Acceptable Here")
                return
            except TooBrief:
                self._send_error(request, 422, "Session Interval Too Small", extra_headers={"Min-SE": str(SHORTEST_S)})
                return
        super()._handle_invite(request, addr)

    def _handle_info(self, request: SipRequest, addr: Address) -> None:
        call_id = request.call_id or ""
        _, dialog = self._find_dialog(call_id)
        if dialog is None:
            self._send_error(request, 481, "Call/Transaction Does Not Exist")
        elif self._validate_in_dialog(dialog, request):
            self._send_error(request, 200, "OK")
            self.on_info(call_id, request)

    def _handle_ack(self, request: SipRequest, addr: Address) -> None:
        self._plain_ack(request, addr)
        self.on_ack(request.call_id or "", request)

    def _handle_update(self, request: SipRequest, addr: Address) -> None:
        """RFC 3311, and the refresh of RFC 4028."""
        call_id = request.call_id or ""
        _, dialog = self._find_dialog(call_id)
        if dialog is None:
            self._send_error(request, 481, "Call/Transaction Does Not Exist")
            return
        if not self._validate_in_dialog(dialog, request):
            return
        try:
            answer = self.on_change(call_id, request)
        except NotAcceptable:
            self._send_error(request, 488, "Not Acceptable Here")
            return
        response = answer_to(request, 200, "OK", {"User-Agent": USER_AGENT, "Contact": self._contact()})
        if answer is not None:
            response.text = serialize_sdp(answer)
            response.headers.set_single("Content-Type", "application/sdp")
        self.transport.send_reply(response)

    def _contact(self) -> str:
        return f"<sip:{format_addr(*(self.advertised_addr or self.transport.local_addr))}>"

    def _handle_options(self, request: SipRequest, addr: Address) -> None:
        """What we can do; within a call, whether it is still up (an edge asks so; its CSeq is not the caller's)."""
        to = request.to_addr
        within = to is not None and bool(to.tag)
        _, dialog = self._find_dialog(request.call_id or "") if within else (None, None)
        if within and (dialog is None or not dialog_matches(dialog, request)):
            self._send_error(request, 481, "Call/Transaction Does Not Exist")
        elif self.draining and not within:
            self._send_error(request, 503, "Service Unavailable", extra_headers={"Retry-After": str(DRAIN_RETRY_S)})
        else:
            capabilities = {"Allow": ALLOW, "Accept": "application/sdp", "Supported": "timer"}
            self._send_error(request, 200, "OK", extra_headers=capabilities)

    def _handle_bye(self, request: SipRequest, addr: Address) -> None:
        ended = self._ended.get(request.call_id or "")
        _, dialog = self._find_dialog(request.call_id or "")
        if dialog is None and ended is not None and time.monotonic() - ended < _ENDED_FOR_S:
            self._send_error(request, 200, "OK")
            return
        self._plain_bye(request, addr)

    def _send_error(
        self, request: SipRequest, status_code: int, reason: str, *, extra_headers: dict[str, str] | None = None
    ) -> None:
        """Answer outside a call. aiosipua's puts a second tag into the To of a request that has one."""
        to = request.headers.get_first("to") or ""
        if ";tag=" in to:
            more = {"User-Agent": USER_AGENT, **(extra_headers or {})}
            self.transport.send_reply(answer_to(request, status_code, reason, more))
        else:
            super()._send_error(request, status_code, reason, extra_headers=extra_headers)


def unsupported(request: SipRequest) -> list[str]:
    """The extensions that a request requires and we do not speak: answer 420 with their names."""
    required = (value.strip() for value in request.headers.get("require"))
    return [value for value in required if value and value.lower() not in _SUPPORTED]


def _refuse_change(call_id: str, request: SipRequest) -> SdpMessage | None:
    raise NotAcceptable("nobody changes calls")
