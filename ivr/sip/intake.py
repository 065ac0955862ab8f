"""From datagram to message: what cannot be read is dropped, what breaks the rules is named, the rest is put in order."""

import ipaddress
from typing import Final

from aiosipua import SipMessage, SipRequest, SipResponse
from aiosipua.headers import parse_via, stringify_via

Address = tuple[str, int]
Fault = tuple[int, str]
"""Code and words of the answer to a request that breaks the rules."""

LARGEST: Final = 16_384
"""Bytes of a message that are read. Every header of a longer one would be parsed while calls wait for their next frame;
an INVITE that has passed ten proxies has a quarter of this."""
_READ_OF_LARGER: Final = 4_096
_CSEQ_LIMIT: Final = 2**31
"""RFC 3261 §8.1.1.5."""
_ONCE: Final = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_REQUIRED: Final = ("via", "from", "to", "call-id", "cseq")
_SCHEMES: Final = ("sip:", "sips:", "tel:")
_MORE_COMPACT: Final = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "d": "Request-Disposition",
    "j": "Reject-Contact",
    "o": "Event",
    "r": "Refer-To",
    "u": "Allow-Events",
    "x": "Session-Expires",
    "y": "Identity",
}
"""Compact names that came after RFC 3261 (IANA's registry of SIP header fields)."""


class Unreadable(Exception):
    """No SIP message: to be dropped."""


def read(data: bytes, source: Address) -> tuple[SipRequest | SipResponse, Fault | None]:
    """The message in a datagram from ``source``; for a request, what is wrong with it. Raises :class:`Unreadable`."""
    if not data.strip(b"\r\n\0 "):
        raise Unreadable
    too_large = len(data) > LARGEST
    if too_large:
        data = data[:_READ_OF_LARGER].rpartition(b"\r\n")[0]
    try:
        message = SipMessage.parse(data.lstrip(b"\r\n"))
        if isinstance(message, SipResponse):
            if too_large:
                raise Unreadable
            _expand(message)
            return message, None
        fault = (513, "Message Too Large") if too_large else _fault_of(message, data)
        _expand(message)
        pin_to_source(message, source)
    except (ValueError, IndexError, OverflowError) as error:
        raise Unreadable from error
    return message, fault


def _fault_of(request: SipRequest, data: bytes) -> Fault | None:
    """What RFC 3261 §8.2 and §18.3 make a server refuse before it asks what is wanted."""
    version = data.lstrip(b"\r\n").partition(b"\n")[0].split()[-1].upper()
    if version.startswith(b"SIP/") and version != b"SIP/2.0":
        return 505, "Version Not Supported"
    headers = request.headers
    missing = [name for name in _REQUIRED if not headers.get(name)]
    if missing or version != b"SIP/2.0":
        return 400, "Missing Required Header" if missing else "Malformed Request Line"
    if any(len(headers.get(name)) > 1 for name in _ONCE):
        return 400, "Header Given Twice"
    number, _, method = headers.get("cseq")[0].partition(" ")
    if not (number.isdecimal() and number.isascii() and len(number) <= 10 and int(number) < _CSEQ_LIMIT):
        return 400, "Bad CSeq"
    if method.strip() != request.method:
        return 400, "CSeq Names Another Method"
    if _declared_length(request) > _body_length(data):
        return 400, "Body Shorter Than Content-Length"
    if not request.uri.lower().startswith(_SCHEMES):
        return 416, "Unsupported URI Scheme"
    return None


def _declared_length(request: SipRequest) -> int:
    declared = (request.headers.get_first("content-length") or "0").strip()
    return int(declared) if declared.isdecimal() and declared.isascii() and len(declared) < 12 else LARGEST + 1


def _body_length(data: bytes) -> int:
    return len(data.lstrip(b"\r\n").partition(b"\r\n\r\n")[2])


def _expand(message: SipRequest | SipResponse) -> None:
    """Long names for compact ones; a display name in From or To that holds a ``<`` goes, as it would be misread."""
    for short, name in _MORE_COMPACT.items():
        for value in message.headers.get(short):
            message.headers.append(name, value)
        message.headers.remove(short)
    for name in ("From", "To"):
        value = message.headers.get_first(name) or ""
        if value.startswith('"') and "<" in value.rpartition('"')[0]:
            message.headers.set_single(name, value.rpartition('"')[2].strip())


def is_reachable(addr: Address) -> bool:
    """A numeric address and a port that exists: names would block the loop, a port above 65535 kills the socket."""
    try:
        ipaddress.ip_address(addr[0])
    except ValueError:
        return False
    return 0 < addr[1] < 65_536


def way_back(response: SipResponse) -> Address:
    """Where an answer goes: what its top Via was made to say by :func:`pin_to_source`."""
    via = parse_via(response.headers.get("via")[0])
    return via.received or via.host, int(via.rport or via.port or 5060)


def pin_to_source(request: SipRequest, source: Address) -> None:
    """Make the top Via say where the request really came from (RFC 3581), so that answers go there and nowhere else."""
    vias = request.headers.get("via")
    if not vias:
        return
    via = parse_via(vias[0])
    via.received = source[0]
    if "rport" in via.params or not 0 < (via.port or 5060) < 65_536:
        via.rport = str(source[1])
    rest = vias[1:]
    request.headers.remove("Via")
    for value in [stringify_via(via), *rest]:
        request.headers.append("Via", value)


def answer_to(request: SipRequest, code: int, phrase: str, more: dict[str, str] | None = None) -> SipResponse:
    """An answer outside any call: what the request carries, as far as it carries it, and no tag of ours."""
    response = SipResponse(status_code=code, reason_phrase=phrase)
    for via in request.headers.get("via"):
        response.headers.append("Via", via)
    for name in ("From", "To", "Call-ID", "CSeq"):
        value = request.headers.get_first(name)
        if value:
            response.headers.set_single(name, value)
    for name, value in (more or {}).items():
        response.headers.set_single(name, value)
    return response
