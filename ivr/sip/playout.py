"""aiortp's adaptive playout (reordering, concealment, comfort noise, clock drift), fit for packets longer than a frame."""

from aiortp.codecs import Codec
from aiortp.playout import AdaptivePlayout

from ivr.sip.rtp import TIMESTAMP_WRAP


class Playout(AdaptivePlayout):
    """Frames by timestamp, one a tick.

    aiortp starts with two frames in hand. Where those came in one packet the next one is due when they are used up, and
    each time it is a moment late a frame is lost: such a stream starts a frame later.
    """

    frames_a_packet = 1
    clock = 0.0
    """The moment of the packet that is put, of the tick that is made: seconds, compared with their like only."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec, now=lambda: self.clock)

    def put(self, timestamp: int, payload: bytes) -> None:
        waiting = self._head is None
        super().put(timestamp, payload)
        if waiting and self._head is not None and self.frames_a_packet > 1:
            self._head = (self._head - self._increment) % TIMESTAMP_WRAP
