"""RTP packets (RFC 3550 §5.1) in and out of bytes: only what telephony uses, nothing believed that does not fit."""

import struct
from typing import Final, NamedTuple

from aiortp.sender import RtpSender

HEADER_BYTES: Final = 12
LONGEST: Final = 1500
"""An RTP packet of telephone audio fits one Ethernet frame; what is longer is rubbish."""
SEQUENCE_WRAP: Final = 1 << 16
TIMESTAMP_WRAP: Final = 1 << 32
_FIXED: Final = struct.Struct("!BBHII")
_EXTENSION: Final = struct.Struct("!HH")


class Packet(NamedTuple):
    """One RTP packet. ``sequence_number`` and ``timestamp`` wrap."""

    payload_type: int
    marker: bool
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def read(data: bytes) -> Packet | None:
    """Parse ``data``; ``None`` when its version, length, CSRC list, extension or padding cannot be true."""
    size = len(data)
    if size < HEADER_BYTES or size > LONGEST:
        return None
    first, second, number, timestamp, ssrc = _FIXED.unpack_from(data)
    if first == 0x80:
        return Packet(second & 0x7F, second > 0x7F, number, timestamp, ssrc, data[HEADER_BYTES:])
    if first >> 6 != 2:
        return None
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if start + _EXTENSION.size > size:
            return None
        _, words = _EXTENSION.unpack_from(data, start)
        start += _EXTENSION.size + 4 * words
    end = size
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    if start > end:
        return None
    return Packet(second & 0x7F, second > 0x7F, number, timestamp, ssrc, data[start:end])


class Sender(RtpSender):
    """aiortp's sender with a packet written in one go: at 200 calls this runs 10,000 times a second."""

    def send_audio(self, payload: bytes, addr: tuple[str, int] | None) -> None:
        """Send the next frame of audio and move the timestamp on."""
        timestamp = self._current_timestamp
        self.send_raw(self._payload_type, payload, timestamp, 0, addr)
        self._current_timestamp = (timestamp + self._timestamp_increment) % TIMESTAMP_WRAP

    def send_raw(
        self, payload_type: int, payload: bytes, timestamp: int, marker: int = 0, addr: tuple[str, int] | None = None
    ) -> None:
        header = _FIXED.pack(0x80, marker << 7 | payload_type, self._sequence_number, timestamp, self._ssrc)
        self._transport.send(header + payload, addr)
        self._sequence_number = (self._sequence_number + 1) % SEQUENCE_WRAP
        self._packets_sent += 1
        self._octets_sent += len(payload)
        self._last_rtp_timestamp = timestamp
