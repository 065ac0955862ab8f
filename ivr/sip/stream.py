"""The stream of one source: repeated packets, streams that replace one another, and what is reported of them."""

from enum import Enum
from typing import Final

from ivr.sip.contract import SAMPLE_RATE
from ivr.sip.rtp import SEQUENCE_WRAP, TIMESTAMP_WRAP, Packet

_REMEMBERED: Final = 64
_RESTARTED: Final = 1000
"""A sequence number so far from the newest is a sender that started again, not a late packet."""
_PROOF: Final = 2


class Place(Enum):
    """What a packet is to the stream."""

    NEXT = "next"
    """Of the stream; maybe out of order."""
    FIRST = "first"
    """The first one taken of a stream: what is known of the one before is void."""
    REPEATED = "repeated"
    STRANGE = "strange"
    """Of another stream that has not proved that it replaces this one."""


class StreamOrder:
    """Says of each packet where it belongs.

    A new SSRC is taken with its second packet in a row: a far end that mixes two streams is heard on one of them instead
    of on neither.
    """

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._newest = 0
        self._seen = 0
        self._other: int | None = None
        self._other_count = 0
        self.changes = 0

    def place(self, packet: Packet) -> Place:
        if packet.ssrc != self._ssrc:
            return self._another(packet)
        self._other_count = 0
        ahead = (packet.sequence_number - self._newest) % SEQUENCE_WRAP
        if 0 < ahead < SEQUENCE_WRAP // 2:
            self._seen = (self._seen << ahead | 1) & ((1 << _REMEMBERED) - 1) if ahead < _REMEMBERED else 1
            self._newest = packet.sequence_number
            return Place.NEXT
        behind = -ahead % SEQUENCE_WRAP
        if behind >= _RESTARTED:
            self._begin(packet)
        elif behind >= _REMEMBERED:
            return Place.NEXT
        elif self._seen >> behind & 1:
            return Place.REPEATED
        else:
            self._seen |= 1 << behind
        return Place.NEXT

    def _another(self, packet: Packet) -> Place:
        if self._ssrc is not None:
            self._other_count = self._other_count + 1 if packet.ssrc == self._other else 1
            self._other = packet.ssrc
            if self._other_count < _PROOF:
                return Place.STRANGE
            self.changes += 1
        self._begin(packet)
        return Place.FIRST

    def _begin(self, packet: Packet) -> None:
        self._ssrc, self._newest, self._seen = packet.ssrc, packet.sequence_number, 1
        self._other_count = 0


class Reception:
    """Counts what came of one stream, for receiver reports (RFC 3550 §6.4.1, appendix A.3 and A.8).

    Stands in for aiortp's statistics, which take the moment they are called for the moment a packet came.
    """

    def __init__(self) -> None:
        self.packets_received = 0
        self.max_seq: int | None = None
        self.cycles = 0
        self._first = 0
        self._transit: float | None = None
        self._jitter = 0.0
        self._before = (0, 0)

    def add(self, packet: Packet, at: float) -> None:
        """Count ``packet``, come at ``at`` (seconds)."""
        self.packets_received += 1
        number = packet.sequence_number
        if self.max_seq is None:
            self._first = self.max_seq = number
        elif 0 < (number - self.max_seq) % SEQUENCE_WRAP < SEQUENCE_WRAP // 2:
            if number < self.max_seq:
                self.cycles += SEQUENCE_WRAP
            self.max_seq = number
        else:
            return
        transit = (at * SAMPLE_RATE - packet.timestamp) % TIMESTAMP_WRAP
        if self._transit is not None:
            apart = abs(transit - self._transit)
            self._jitter += (min(apart, TIMESTAMP_WRAP - apart) - self._jitter) / 16
        self._transit = transit

    @property
    def jitter(self) -> int:
        """In samples."""
        return round(self._jitter)

    @property
    def packets_lost(self) -> int:
        """Never below 0: repeated packets are not counted."""
        return max(0, self._expected - self.packets_received)

    @property
    def fraction_lost(self) -> int:
        """In 1/256, since the last time this was asked."""
        expected, received = self._expected - self._before[0], self.packets_received - self._before[1]
        self._before = (self._expected, self.packets_received)
        return 0 if expected <= 0 else max(0, min(255, (expected - received) * 256 // expected))

    @property
    def _expected(self) -> int:
        return 0 if self.max_seq is None else self.cycles + self.max_seq - self._first + 1
