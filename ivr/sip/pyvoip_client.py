"""pyVoIP's SIP client made fit for a trunk by subclassing: no registration, no thread, nothing left unanswered.

Optional and GPL-licensed: this module is imported only when the pyVoIP back end is chosen. What is overridden and why is
listed in DESIGN's part on SIP; transactions and the SDP are those of the default back end.
"""

import asyncio
import contextlib
import re
import socket
import warnings
from typing import Any, Final

import structlog
from aiosipua import SdpMessage, SipMessage, SipRequest, SipResponse
from aiosipua.headers import Address as Address_
from aiosipua.headers import prettify_header_name

from ivr.sip.intake import Fault, Unreadable, answer_to, is_reachable, read, way_back
from ivr.sip.number import called_user, uri_in
from ivr.sip.session_description import NotAcceptable, read_offer
from ivr.sip.transactions import ClientTransactions, ServerTransactions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports audioop, which Python 3.13 no longer has
    import pyVoIP
    import pyVoIP.VoIP  # before pyVoIP.SIP: they import each other
    from pyVoIP.SIP import SIPClient, SIPMessage, SIPMessageType, SIPStatus

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
ALLOW: Final = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, NOTIFY"
_TAG: Final = re.compile(r";\s*tag=[^;>]*$|;\s*tag=[^;>]*(?=;)", re.IGNORECASE)


class TrunkMessage(SIPMessage):  # type: ignore[misc]
    """A message with the address it came from. It is read by the default back end's parser: pyVoIP's knows no ``tel:``,
    no compact names, no second Record-Route, and raises on media profiles that are new to it.
    """

    def __init__(self, parsed: SipRequest | SipResponse, source: Address) -> None:
        self.parsed = parsed
        self.source = source
        super().__init__(bytes(parsed))

    def parse(self, data: bytes) -> None:
        """Fill in what pyVoIP's own classes look at."""
        parsed = self.parsed
        self.heading = data.partition(b"\r\n")[0]
        self.version = "SIP/2.0"
        if isinstance(parsed, SipRequest):
            self.type, self.method = SIPMessageType.MESSAGE, parsed.method
        else:
            self.type, self.status = SIPMessageType.RESPONSE, _status(parsed.status_code)
        self.body: dict[str, list[Any]] = {"c": [], "m": []}
        self.text = parsed.text
        headers: dict[str, Any] = {prettify_header_name(name): values[0] for name, values in parsed.headers.items()}
        number, _, method = (parsed.headers.get_first("cseq") or "").partition(" ")
        headers["CSeq"] = {"check": number, "method": method.strip()}
        headers["From"], headers["To"] = (
            _party(parsed.from_addr, headers["From"]),
            _party(parsed.to_addr, headers["To"]),
        )
        headers["Via"] = [dict(via.params, type="SIP/2.0/UDP", address=(via.host, via.port)) for via in parsed.via]
        self.headers = headers

    @property
    def request(self) -> SipRequest:
        """The message, known to be a request."""
        if not isinstance(self.parsed, SipRequest):
            raise TypeError("a response is no request")
        return self.parsed

    @property
    def description(self) -> SdpMessage | None:
        """Its SDP; ``None`` when there is none or it cannot be read."""
        try:
            return read_offer(self.headers.get("Content-Type", ""), self.text)
        except NotAcceptable:
            return None


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
        try:
            parsed, fault = read(raw, source)
        except Unreadable:
            self.malformed += 1
            return
        try:
            self._receive(parsed, fault, source)
        except Exception as error:  # its content stays out of the log
            self.malformed += 1
            _log.warning("sip_message_refused", error=type(error).__name__)

    def _receive(self, parsed: SipRequest | SipResponse, fault: Fault | None, source: Address) -> None:
        if isinstance(parsed, SipResponse):
            answered = self.asked.receive(parsed)
            if answered is not None:
                self.parse_message(TrunkMessage(parsed, source))
        elif fault is not None:
            self.malformed += 1
            if parsed.method != "ACK" and parsed.headers.get("via"):
                self._send_raw(answer_to(parsed, *fault), source)
        elif not self.served.is_repeated(parsed):
            self.parse_message(TrunkMessage(parsed, source))

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
        if isinstance(message, SipResponse):
            self.served.complete(message)
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
            f"From: {source['whole']}\r\nTo: {target['raw']};tag={tag}\r\n"
            f"Call-ID: {request.headers['Call-ID']}\r\n"
            f"CSeq: {request.headers['CSeq']['check']} {request.headers['CSeq']['method']}\r\n"
            f"Contact: <sip:{self.username}@{self.myIP}:{self.myPort}>\r\nAllow: {ALLOW}\r\n"
            f"User-Agent: hotline12345\r\n{more}{content}Content-Length: {len(body.encode())}\r\n\r\n{body}"
        )

    def _gen_response_via_header(self, request: TrunkMessage) -> str:
        return "".join(f"Via: {via}\r\n" for via in request.parsed.headers.get("via"))

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


def _status(code: int) -> SIPStatus:
    """PyVoIP's name for a code; for one that it does not know, that of its class (RFC 3261 §8.1.3.2)."""
    try:
        return SIPStatus(code)
    except ValueError:
        return SIPStatus(183 if code < 200 else code // 100 * 100)


def _party(address: Address_ | None, whole: str) -> dict[str, Any]:
    """A From or To: ``whole`` as it came, ``raw`` without its tag."""
    tag = (address.tag if address is not None else None) or ""
    return {
        "whole": whole,
        "raw": _TAG.sub("", whole),
        "tag": tag,
        "uri": uri_in(whole),
        "address": uri_in(whole).partition(":")[2],
        "number": called_user(whole),
        "caller": "",
        "host": address.uri.host if address is not None else "",
    }
