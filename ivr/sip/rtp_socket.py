"""A leg's sockets: RTP read once a tick, without an event of the loop for each packet; RTCP as it comes."""

import contextlib
import socket
import struct
import sys
import time
from typing import Final

from aiortp.transport import RtpTransport

from ivr.sip.source import Address

_STAMP_OPTION: Final = 35 if sys.platform == "linux" else 0
"""SO_TIMESTAMPNS, which Python does not name."""
_STAMP: Final = struct.Struct("qq")
_STAMP_SPACE: Final = socket.CMSG_SPACE(_STAMP.size)
_DATAGRAM: Final = 2048
MOST_A_TICK: Final = 64
"""Datagrams read in one tick; a flood beyond that waits, and overflows in the kernel instead of holding up other legs."""


def is_report(data: bytes) -> bool:
    """Whether a datagram is RTCP (RFC 5761 §4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


class ReportSocket(RtpTransport):
    """aiortp's socket without its answer to STUN: whoever sends that gets nothing back."""

    def datagram_received(self, data: bytes, addr: Address) -> None:
        (self._on_rtcp if is_report(data) else self._on_rtp)(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The far end's port is closed, or the network is gone: the silence that follows is noticed elsewhere."""


class RtpSocket:
    """Over a bound, non-blocking UDP socket, which stamps when each packet came. Stands in for aiortp's transport when sending."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self._closed = False
        if _STAMP_OPTION:
            bound.setsockopt(socket.SOL_SOCKET, _STAMP_OPTION, 1)

    def send(self, data: bytes, addr: Address | None = None) -> None:
        """Send, or drop: a full queue or a network that is gone looks like loss."""
        if self._closed or addr is None:
            return
        try:  # noqa: SIM105  # contextlib.suppress takes longer than all the rest, 10,000 times a second
            self._socket.sendto(data, addr)
        except OSError:
            pass

    def receive(self) -> tuple[bytes, Address, float] | None:
        """The oldest datagram that waits, its source, and when it came (system clock, s); ``None``: no more."""
        try:
            data, ancillary, _, source = self._socket.recvmsg(_DATAGRAM, _STAMP_SPACE)
        except OSError:  # nothing more, or the report that something sent before was refused
            return None
        if ancillary:
            seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
            return data, source, seconds + nanoseconds / 1e9
        return data, source, time.time()

    def discard(self) -> None:
        """Throw away what came in so far: it is old."""
        with contextlib.suppress(OSError):
            while True:
                self._socket.recv(_DATAGRAM)

    def close(self) -> None:
        self._closed = True
        self._socket.close()
