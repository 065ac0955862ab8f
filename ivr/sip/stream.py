"""The order of what one source sends: repeated packets, and streams that follow one another under a new SSRC."""

from enum import Enum
from typing import Final

from ivr.sip.rtp import SEQUENCE_WRAP, Packet

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
