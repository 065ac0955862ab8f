"""pyVoIP's phone, subclassed: every request gets the answer that RFC 3261 asks for, and none goes without."""

import random
from collections import deque
from collections.abc import Callable
from typing import Final

from aiosipua import SipResponse

from ivr.sip.keys import key_of_info
from ivr.sip.pyvoip_call import TrunkCall
from ivr.sip.pyvoip_client import TrunkClient, TrunkMessage, is_response
from ivr.sip.session_description import NotAcceptable, agree, read_offer
from ivr.sip.session_timer import SHORTEST_S, TooBrief, terms_asked
from ivr.sip.user_agent import DRAIN_RETRY_S, unsupported

from pyVoIP.VoIP.VoIP import CallState, VoIPCall, VoIPPhone  # isort: skip  # after pyvoip_client, which sees to the order

_ENDED_REMEMBERED: Final = 256


class TrunkPhone(VoIPPhone):  # type: ignore[misc]
    """pyVoIP's phone in trunk mode: answers every request, refuses what it cannot take, needs no timer thread."""

    def __init__(self, host: str, port: int, advertised: str, on_call: Callable[[TrunkCall], None]) -> None:
        super().__init__(host, port, "12345", "", myIP=advertised, callCallback=on_call, sipPort=port)
        self.sip = TrunkClient(host, port, "12345", "", phone=self, myIP=host, myPort=port, callCallback=self.callback)
        self.draining = False
        self._ended: deque[str] = deque(maxlen=_ENDED_REMEMBERED)
        self._handlers = {
            "INVITE": self._callback_MSG_Invite,
            "BYE": self._callback_MSG_Bye,
            "CANCEL": self._cancelled,
            "ACK": self._acknowledged,
            "INFO": self._informed,
            "UPDATE": self._updated,
            "NOTIFY": self._notified,
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

    # --- calls --------------------------------------------------------------------------------------------------

    def _callback_MSG_Invite(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is not None:
            if call.state == CallState.ANSWERED and self._belongs(call, request):
                call.renegotiate(request)
            else:
                self.reply(request, 482, "Loop Detected")
        elif request.headers["To"]["tag"]:
            self.reply(request, 481, "Call/Transaction Does Not Exist")
        elif required := unsupported(request.request):
            self.reply(request, 420, "Bad Extension", more=f"Unsupported: {', '.join(required)}\r\n")
        else:
            self._new_call(request)

    def _new_call(self, request: TrunkMessage) -> None:
        try:
            agree(read_offer(request.headers.get("Content-Type", ""), request.text))
            terms_asked(request.request)
        except NotAcceptable:
            self.reply(request, 488, "Not Acceptable Here")
            return
        except TooBrief:
            self.reply(request, 422, "Session Interval Too Small", more=f"Min-SE: {SHORTEST_S}\r\n")
            return
        self.reply(request, 100, "Trying")
        self.sip.send(self.sip.gen_ringing(request), request.source)
        self._create_Call(request, random.randint(1, 100_000))  # noqa: S311  # the o= line's number, no secret
        self.callCallback(self.calls[request.headers["Call-ID"]])

    def _create_Call(self, request: TrunkMessage, sess_id: int) -> None:
        self.calls[request.headers["Call-ID"]] = TrunkCall(self, CallState.RINGING, request, sess_id)

    def _callback_MSG_Bye(self, request: TrunkMessage) -> None:
        if request.headers["Call-ID"] not in self.calls and request.headers["Call-ID"] in self._ended:
            self.reply(request, 200, "OK")
            return
        call = self._call_of(request)
        if call is not None:
            self.reply(request, 200, "OK")
            call.bye()

    def _cancelled(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is None or call.state != CallState.RINGING or not _same_branch(call.request, request):
            self.reply(request, 481, "Call/Transaction Does Not Exist")
            return
        self.reply(request, 200, "OK")
        self.reply(call.request, 487, "Request Terminated")
        call.bye()

    def _acknowledged(self, request: TrunkMessage) -> None:
        call = self.calls.get(request.headers["Call-ID"])
        if call is not None and self._belongs(call, request):
            call.acknowledged.set()
            if call.leg is not None:
                call.leg.acknowledged(request.parsed)

    # --- within a call ------------------------------------------------------------------------------------------

    def _informed(self, request: TrunkMessage) -> None:
        call = self._call_of(request)
        if call is None:
            return
        self.reply(request, 200, "OK")
        key = key_of_info(request.headers.get("Content-Type", ""), request.text)
        if key is not None and call.leg is not None:
            call.leg.key_pressed(key)

    def _updated(self, request: TrunkMessage) -> None:
        call = self._call_of(request)
        if call is not None:
            call.renegotiate(request)

    def _notified(self, request: TrunkMessage) -> None:
        """How a transfer goes (RFC 3515 §2.4.5)."""
        call = self._call_of(request)
        if call is None:
            return
        if request.headers.get("Event", "").partition(";")[0].strip().lower() != "refer":
            self.reply(request, 489, "Bad Event")
            return
        self.reply(request, 200, "OK")
        status = request.text.split()[1:2]
        if call.leg is not None and status and status[0].isdecimal():
            call.leg.transfer_told(int(status[0]))

    def _asked(self, request: TrunkMessage) -> None:
        """What we can do; within a call, whether it is still up."""
        within = bool(request.headers["To"]["tag"])
        if within and self._call_of(request) is None:
            return
        if self.draining and not within:
            self.reply(request, 503, "Service Unavailable", more=f"Retry-After: {DRAIN_RETRY_S}\r\n")
        else:
            self.reply(request, 200, "OK", more="Accept: application/sdp\r\nSupported: timer\r\n")

    def _call_of(self, request: TrunkMessage) -> TrunkCall | None:
        """The call that ``request`` belongs to; without one it is answered 481."""
        call: TrunkCall | None = self.calls.get(request.headers["Call-ID"])
        if call is None or not self._belongs(call, request):
            self.reply(request, 481, "Call/Transaction Does Not Exist")
            return None
        return call

    @staticmethod
    def _belongs(call: TrunkCall, request: TrunkMessage) -> bool:
        tags = (request.headers["To"]["tag"], request.headers["From"]["tag"])
        return tags == (call.dialogue.local_tag, call.dialogue.remote_tag)


def _same_branch(invite: TrunkMessage, cancel: TrunkMessage) -> bool:
    """RFC 3261 §9.2: a CANCEL is matched by the branch of what it cancels."""
    return bool(invite.parsed.via[0].branch == cancel.parsed.via[0].branch)
