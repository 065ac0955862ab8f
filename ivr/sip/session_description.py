"""Which media two sides agree on (RFC 3264): G.711 over plain RTP, keys by RFC 4733, nothing else."""

import ipaddress
import re
import time
from dataclasses import dataclass
from typing import Final

from aiosipua import SdpMessage, negotiate_sdp, parse_sdp
from aiosipua.sdp import MediaDescription
from aiosipua.sdp_negotiate import build_sdp

STATIC_TYPES: Final = {"PCMU": 0, "PCMA": 8}
"""RFC 3551 table 4."""
OUR_KEYS_TYPE: Final = 101
CODECS: Final = ("PCMA", "PCMU")
"""Our order when we call: A-law is what Chinese trunks speak."""
_BOUNDARY: Final = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_SDP_TYPE: Final = re.compile(r"^(?:content-type|c)\s*:\s*application/sdp", re.IGNORECASE | re.MULTILINE)
_OURS: Final = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class NotAcceptable(Exception):
    """The offer holds nothing we speak: answer 488."""

    code = 488


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides will send. ``direction`` is ours; ``keys_in``/``keys_out`` are ``None`` without RFC 4733."""

    codec: str
    payload_type: int
    remote: tuple[str, int]
    keys_in: int | None
    keys_out: int | None
    direction: str = "sendrecv"


def read_offer(content_type: str, body: str) -> SdpMessage:
    """Parse an offer. Raises :class:`NotAcceptable` when there is none or it cannot be read."""
    kind = content_type.split(";")[0].strip().lower()
    if kind == "multipart/mixed":
        body = _sdp_part(content_type, body)
    elif kind != "application/sdp":
        body = ""
    if not body.strip():
        raise NotAcceptable("no SDP offer")
    try:
        return parse_sdp(body)
    except (ValueError, IndexError) as error:
        raise NotAcceptable("unreadable SDP") from error


def _sdp_part(content_type: str, body: str) -> str:
    """The SDP beside an ISUP message (SIP-I, Q.1912.5), as exchanges send it; empty when there is none."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return ""
    for part in body.split(f"--{boundary.group(1).strip()}")[1:]:
        head, _, content = part.replace("\r\n", "\n").partition("\n\n")
        if _SDP_TYPE.search(head):
            return content.strip().replace("\n", "\r\n") + "\r\n"
    return ""


def agree(offer: SdpMessage, *, codecs: tuple[str, ...] = CODECS) -> Agreement:
    """Take the offerer's first codec that is among ``codecs``. Raises :class:`NotAcceptable`."""
    audio = offer.audio
    if audio is None or audio.port == 0:
        raise NotAcceptable("no audio offered")
    if audio.proto.upper() != "RTP/AVP":
        raise NotAcceptable(f"profile {audio.proto}")
    codec, payload_type = _codec_of(audio, codecs)
    keys = next((c.payload_type for c in audio.codecs if c.encoding_name.lower() == "telephone-event"), None)
    host, direction = _remote_host(offer, audio)
    if not 0 < audio.port < 65536:
        raise NotAcceptable("port out of range")
    return Agreement(codec, payload_type, (host, audio.port), keys, keys, direction)


def agree_answer(answer: SdpMessage) -> Agreement:
    """The same for the answer to our own offer: we receive keys as we offered them and send them as answered."""
    agreed = agree(answer)
    return Agreement(
        agreed.codec,
        agreed.payload_type,
        agreed.remote,
        OUR_KEYS_TYPE if agreed.keys_out is not None else None,
        agreed.keys_out,
        agreed.direction,
    )


def make_answer(offer: SdpMessage, agreed: Agreement, host: str, port: int, session: "SessionName") -> SdpMessage:
    """Our answer, m-line for m-line as offered (others refused with port 0)."""
    answer, _ = negotiate_sdp(
        offer,
        host,
        port,
        supported_codecs=[agreed.payload_type],
        dtmf_payload_type=agreed.keys_in or 0,
        session_id=session.number,
    )
    audio = next(media for media in answer.media if media.media == "audio" and media.port)
    audio.attributes["ptime"] = ["20"]
    for direction in _OURS:
        audio.attributes.pop(direction, None)
    audio.attributes[agreed.direction] = []
    answer.origin.session_version = session.next_version()
    return answer


def make_offer(host: str, port: int, session: "SessionName", codecs: tuple[str, ...] = CODECS) -> SdpMessage:
    """Our offer: ``codecs`` in order, keys as type 101, 20 ms."""
    first = STATIC_TYPES[codecs[0]]
    offer = build_sdp(host, port, first, codecs[0], dtmf_payload_type=OUR_KEYS_TYPE, session_id=session.number)
    audio = offer.media[0]
    others = [(STATIC_TYPES[name], name) for name in codecs[1:]]
    audio.formats[1:1] = [str(number) for number, _ in others]
    audio.attributes["rtpmap"][1:1] = [f"{number} {name}/8000" for number, name in others]
    offer.origin.session_version = session.next_version()
    return offer


class SessionName:
    """The o= line of one leg: its number stays, its version grows with every description we send."""

    def __init__(self) -> None:
        self.number = str(time.time_ns() // 1000)
        self._version = 0

    def next_version(self) -> str:
        self._version += 1
        return str(self._version)


def _codec_of(audio: MediaDescription, codecs: tuple[str, ...]) -> tuple[str, int]:
    for offered in audio.codecs:
        name = offered.encoding_name.upper()
        if name in codecs and offered.clock_rate in (0, 8000) and offered.channels in (None, 1):
            return name, offered.payload_type
    raise NotAcceptable("no common codec")


def _remote_host(offer: SdpMessage, audio: MediaDescription) -> tuple[str, str]:
    """Where the far end listens; 0.0.0.0 is the old way to ask for hold (RFC 3264 §8.4)."""
    connection = audio.connection or offer.connection
    host = connection.address if connection else ""
    offered = audio.direction
    if "sendrecv" not in audio.attributes and offered == "sendrecv":
        offered = next((d for d in _OURS if d in offer.attributes), "sendrecv")
    try:
        address = ipaddress.ip_address(host.split("/")[0])
    except ValueError as error:
        raise NotAcceptable("media address is not an IP address") from error
    if address.version != 4 or address.is_multicast:
        raise NotAcceptable("media address is not a unicast IPv4 address")
    if address.is_unspecified:
        return host, "inactive"
    return str(address), _OURS[offered]
