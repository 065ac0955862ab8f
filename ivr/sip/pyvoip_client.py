"""pyVoIP's SIP client made fit for a trunk by subclassing: no registration, no thread, nothing left unanswered.

Optional and GPL-licensed: this module is imported only when the pyVoIP back end is chosen. What is overridden and why is
listed in DESIGN's part on SIP; transactions and the SDP are those of the default back end.
"""

import asyncio
import contextlib
import socket
import warnings
from typing import Any, Final

import structlog
from aiosipua import SdpMessage, SipMessage, SipRequest, SipResponse

from ivr.sip.session_description import NotAcceptable, read_offer
from ivr.sip.transactions import ClientTransactions, ServerTransactions
from ivr.sip.transport import is_reachable, pin_to_source, way_back

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports audioop, which Python 3.13 no longer has
    import pyVoIP
    import pyVoIP.VoIP  # before pyVoIP.SIP: they import each other
    from pyVoIP.SIP import SIPClient, SIPMessage, SIPMessageType

_log = structlog.get_logger("ivr.sip")
Address = tuple[str, int]
_METHODS: Final = (
    "OPTIONS",
    "INFO",
    "UPDATE",
    "REGISTER",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "SUBSCRIBE",
    "PRACK",
    "PUBLISH",
)
pyVoIP.SIPCompatibleMethods.extend(method for method in _METHODS if method not in pyVoIP.SIPCompatibleMethods)
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO"


class TrunkMessage(SIPMessage):  # type: ignore[misc]
    """A message with the address it came from; its SDP is left to :mod:`ivr.sip.session_description`."""

    def __init__(self, parsed: SipRequest | SipResponse, source: Address) -> None:
        self.parsed = parsed
        self.source = source
        super().__init__(bytes(parsed))
        self.body: dict[str, list[Any]] = {"c": [], "m": []}
        top = self.headers["Via"][0]
        top["received"] = source[0]
        if "rport" in top:
            top["rport"] = str(source[1])
        self.text = parsed.text

    @property
    def description(self) -> SdpMessage | None:
        """Its SDP; ``None`` when there is none or it cannot be read."""
        try:
            return read_offer(self.headers.get("Content-Type", ""), self.text)
        except NotAcceptable:
            return None

    @staticmethod
    def parse_raw_body(body: bytes, handle: Any) -> None:
        """PyVoIP's own parser raises on profiles it does not know, and the request would stay without an answer."""


class TrunkClient(SIPClient):  # type: ignore[misc]
    """One UDP socket read by the event loop. ``callCallback`` gets every message that is no repetition."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.asked = ClientTransactions(self._send_raw)
        self.served = ServerTransactions(lambda response: self._send_raw(response, way_back(response)))
        self.malformed = 0
        self.myPort: int

    # --- socket -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bind and listen; a trunk needs no registration."""
        self.s = self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.s.bind((self.myIP, self.myPort))
        except OSError:
            self.s.close()
            raise
        self.s.setblocking(False)
        self.myPort = self.s.getsockname()[1]
        self.NSD = True
        asyncio.get_running_loop().add_reader(self.s.fileno(), self.recv)

    def stop(self) -> None:
        if self.NSD:
            self.NSD = False
            asyncio.get_running_loop().remove_reader(self.s.fileno())
            self.asked.close()
            self.served.close()
            self._close_sockets()

    def register(self) -> bool:
        """Trunk mode: there is nothing to register with."""
        return True

    def recv(self) -> None:
        """Read one datagram; whatever is in it, the socket goes on."""
        try:
            raw, source = self.s.recvfrom(65_535)
        except OSError:
            return
        if not raw.strip(b"\r\n\0 "):
            return
        try:
            self._receive(raw, source)
        except Exception as error:  # its content stays out of the log
            self.malformed += 1
            _log.debug("sip_message_refused", error=type(error).__name__)

    def _receive(self, raw: bytes, source: Address) -> None:
        parsed = SipMessage.parse(raw)
        if isinstance(parsed, SipRequest):
            pin_to_source(parsed, source)
            if self.served.is_repeated(parsed):
                return
            self._receive_request(parsed, source)
        elif self.asked.receive(parsed) is not None:
            self.parse_message(TrunkMessage(parsed, source))

    def _receive_request(self, parsed: SipRequest, source: Address) -> None:
        try:
            message = TrunkMessage(parsed, source)
            for name in ("From", "To", "Call-ID", "CSeq"):
                message.headers[name]
        except Exception:
            if parsed.method != "ACK" and parsed.headers.get("via"):
                self.malformed += 1
                self.send(_bare_response(parsed, 400, "Bad Request"), source)
            return
        self.parse_message(message)

    def parse_message(self, message: SIPMessage) -> None:
        """Hand on requests and responses alike; pyVoIP drops most."""
        self.callCallback(message)

    def send(self, text: str, address: Address) -> SipRequest | SipResponse:
        """Send a generated message and watch it: requests until answered, answers for repetitions."""
        message = SipMessage.parse(text)
        self.post(message, address)
        return message

    def post(self, message: SipRequest | SipResponse, address: Address) -> None:
        """Send and watch a message that is made already."""
        self._send_raw(message, address)
        if isinstance(message, SipRequest):
            self.asked.track(message, address)
        else:
            self.served.record(message)

    def send_again(self, message: SipRequest | SipResponse, address: Address) -> None:
        """Send a repetition, which nobody needs to watch."""
        self._send_raw(message, address)

    def _send_raw(self, message: SipRequest | SipResponse, address: Address) -> None:
        if is_reachable(address):
            with contextlib.suppress(OSError, OverflowError):
                self.out.sendto(bytes(message), address)

    # --- messages -----------------------------------------------------------------------------------------------

    def gen_response(self, request: TrunkMessage, status: int, phrase: str, *, body: str = "", more: str = "") -> str:
        """Any answer: the tag that the dialogue has, else a new one."""
        tag = request.headers["To"]["tag"] or self.tagLibrary.get(request.headers["Call-ID"]) or self.gen_tag()
        source, target = request.headers["From"], request.headers["To"]
        content = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"SIP/2.0 {status} {phrase}\r\n{self._gen_response_via_header(request)}"
            f"From: {source['raw']};tag={source['tag']}\r\nTo: {target['raw']};tag={tag}\r\n"
            f"Call-ID: {request.headers['Call-ID']}\r\n"
            f"CSeq: {request.headers['CSeq']['check']} {request.headers['CSeq']['method']}\r\n"
            f"Contact: <sip:{self.username}@{self.myIP}:{self.myPort}>\r\nAllow: {ALLOW}\r\n"
            f"User-Agent: hotline12345\r\n{more}{content}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def gen_ok(self, request: TrunkMessage) -> str:
        return self.gen_response(request, 200, "OK")

    def gen_ringing(self, request: TrunkMessage) -> str:
        self.tagLibrary[request.headers["Call-ID"]] = self.gen_tag()
        return self.gen_response(request, 180, "Ringing")

    def gen_request(
        self, dialogue: "Dialogue", method: str, *, branch: str = "", number: int = 0, body: str = "", more: str = ""
    ) -> str:
        """A request of ours inside or at the start of ``dialogue``."""
        if method not in {"ACK", "CANCEL"}:
            dialogue.number += 1
        content = "Content-Type: application/sdp\r\n" if body else ""
        routes = "".join(f"Route: {route}\r\n" for route in dialogue.routes)
        tag = f";tag={dialogue.remote_tag}" if dialogue.remote_tag else ""
        return (
            f"{method} {dialogue.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.myIP}:{self.myPort};branch={branch or self.gen_branch()};rport\r\n"
            f"Max-Forwards: 70\r\n{routes}From: <{dialogue.local_uri}>;tag={dialogue.local_tag}\r\n"
            f"To: {dialogue.remote_name}{tag}\r\nCall-ID: {dialogue.call_id}\r\n"
            f"CSeq: {number or dialogue.number} {method}\r\n"
            f"Contact: <sip:{self.username}@{self.myIP}:{self.myPort}>\r\nAllow: {ALLOW}\r\n"
            f"User-Agent: hotline12345\r\n{more}{content}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )


class Dialogue:
    """What pyVoIP does not keep: both ends of a dialogue, its route and our own CSeq."""

    def __init__(self, call_id: str, *, local_uri: str, local_tag: str, remote_name: str, target: str) -> None:
        self.call_id = call_id
        self.local_uri = local_uri
        self.local_tag = local_tag
        self.remote_name = remote_name
        """The other side's From or To without its tag."""
        self.remote_tag = ""
        self.target = target
        self.routes: list[str] = []
        self.number = 0


def is_response(message: SIPMessage) -> bool:
    return bool(message.type == SIPMessageType.RESPONSE)


def _bare_response(request: SipRequest, status: int, phrase: str) -> str:
    lines = [f"SIP/2.0 {status} {phrase}"]
    lines += [f"Via: {via}" for via in request.headers.get("via")]
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.headers.get_first(name)
        if value:
            lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])
