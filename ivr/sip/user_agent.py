"""aiosipua's user agent with its gaps closed by subclassing (DESIGN §4 lists them)."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiosipua import IncomingCall, OutgoingCall, SdpMessage, SipRequest, SipResponse, SipUAC, SipUAS
from aiosipua.dialog import Dialog, DialogState
from aiosipua.headers import stringify_uri

from ivr.sip.digest import number_of
from ivr.sip.session_description import NotAcceptable, agree, read_offer
from ivr.sip.transactions import ClientTransactions, ServerTransactions
from ivr.sip.transport import GuardedUdpTransport

USER_AGENT: Final = "hotline12345"
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY, PRACK"
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
            if call is not None and 200 <= response.status_code < 300 and call.dialog.state == DialogState.EARLY:
                _learn_route(call, response)
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
    contacts = response.contact
    if contacts:
        call.dialog.remote_target = stringify_uri(contacts[0].uri)
    call.dialog.route_set = list(reversed(response.headers.get("record-route")))


class UserAgentServer(SipUAS):
    """Adds to aiosipua: repeated requests answered alike, INFO, 488 and 420 where due, calls released when over."""

    def __init__(self, transport: GuardedUdpTransport, client: UserAgentClient, advertised: Address) -> None:
        super().__init__(transport, user_agent=USER_AGENT, uac=client, advertised_addr=advertised)
        self.served = ServerTransactions(transport.send_reply_again)
        self.on_info: Callable[[str, SipRequest], None] = lambda call_id, request: None
        self._client = client
        client.dialog_of = self.get_dialog
        self._ended: OrderedDict[str, float] = OrderedDict()
        self._handlers["INFO"] = self._handle_info
        self._plain_bye = self._handlers["BYE"]
        self._handlers["BYE"] = self._handle_bye
        transport.on_sent = self._note_sent

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
        if request.method.upper() not in self._handlers and request.headers.get("via"):
            self._send_error(request, 405, "Method Not Allowed", extra_headers={"Allow": ALLOW})
            return
        super()._handle_request(request, addr)

    def _handle_invite(self, request: SipRequest, addr: Address) -> None:
        required = [value.strip() for value in request.headers.get("require") if value.strip()]
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
            except NotAcceptable:
                self._send_error(request, 488, "Not Acceptable Here")
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
            response = self._untagged_response(request, status_code, reason)
            for name, value in (extra_headers or {}).items():
                response.headers.set_single(name, value)
            self.transport.send_reply(response)
        else:
            super()._send_error(request, status_code, reason, extra_headers=extra_headers)

    def _untagged_response(self, request: SipRequest, status_code: int, reason: str) -> SipResponse:
        response = SipResponse(status_code=status_code, reason_phrase=reason)
        for via in request.headers.get("via"):
            response.headers.append("Via", via)
        for name in ("From", "To", "Call-ID", "CSeq"):
            value = request.headers.get_first(name)
            if value:
                response.headers.set_single(name, value)
        response.headers.set_single("User-Agent", USER_AGENT)
        return response
