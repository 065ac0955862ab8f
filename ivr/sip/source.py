"""Whose packets a leg takes: the far end's and nobody else's, although anyone may send to its port."""

from collections import OrderedDict
from typing import Final

from ivr.sip.rtp import SEQUENCE_WRAP, Packet

Address = tuple[str, int]

PROOF: Final = 5
"""Packets in a row that a sender at an address nobody named must show before it is believed."""
PROOF_SAME_HOST: Final = 2
"""The same for another port of the host that the SDP names (a NAT that changes ports only)."""
REST_S: Final = 0.5
"""The stream may go on from another address once its source has been quiet for this long."""
_CANDIDATES: Final = 16
_STEP: Final = 16
"""Sequence numbers that a proof may jump by (losses at the start)."""
_RESUMED_WITHIN: Final = 1500
"""Sequence numbers (30 s of 20 ms packets) after which a stream that moved is no longer known again."""


class SourceLatch:
    """Latches to one source (RFC 4961, RFC 7362 §4).

    The SDP's own address is taken from its first packet on, whatever was latched before. Behind a NAT, where nothing
    comes from there, the first source that sends consistently is taken. After that another address gets in only when it
    goes on with the same stream, after a pause: same SSRC, next sequence numbers. Somebody who sprays the port knows
    neither. :meth:`expect` starts afresh.
    """

    def __init__(self, expected: Address) -> None:
        self.expect(expected)

    def expect(self, address: Address) -> None:
        """The SDP names ``address`` from here on (start of the call, re-INVITE)."""
        self.expected = address
        self.source: Address | None = None
        self._candidates: OrderedDict[Address, tuple[int, Packet]] = OrderedDict()
        self._last: Packet | None = None
        self._heard_at = 0.0

    def admits(self, address: Address, packet: Packet, at: float) -> bool:
        """Whether ``packet``, come at ``at`` (seconds), belongs to the call."""
        if address != self.source:
            if address == self.expected:
                self._candidates.clear()
            elif not self._proved(address, packet, at):
                return False
            self.source = address
        self._last, self._heard_at = packet, at
        return True

    def admits_report(self, address: Address) -> bool:
        """Whether an RTCP packet from ``address`` may be the far end's."""
        return address[0] == self.expected[0] if self.source is None else address[0] == self.source[0]

    def _proved(self, address: Address, packet: Packet, at: float) -> bool:
        if self.source is not None and not self._goes_on(packet, at):
            return False
        count, before = self._candidates.pop(address, (0, packet))
        step = (packet.sequence_number - before.sequence_number) % SEQUENCE_WRAP
        count = count + 1 if count == 0 or (before.ssrc == packet.ssrc and 0 < step <= _STEP) else 1
        if count >= (PROOF_SAME_HOST if address[0] == self.expected[0] else PROOF):
            self._candidates.clear()
            return True
        self._candidates[address] = (count, packet)
        if len(self._candidates) > _CANDIDATES:
            self._candidates.popitem(last=False)
        return False

    def _goes_on(self, packet: Packet, at: float) -> bool:
        last = self._last
        if last is None or packet.ssrc != last.ssrc or at - self._heard_at < REST_S:
            return False
        return 0 < (packet.sequence_number - last.sequence_number) % SEQUENCE_WRAP <= _RESUMED_WITHIN
