"""Packets of any length, in any order, made into 20 ms frames on one timestamp grid (far ends send 10 to 60 ms)."""

from collections.abc import Iterator
from typing import Final

from ivr.sip.contract import FRAME_SAMPLES
from ivr.sip.rtp import TIMESTAMP_WRAP

_NEW_STREAM: Final = 8000
"""A jump of more than a second, either way, starts a new grid."""
_PATIENCE: Final = 2 * FRAME_SAMPLES
"""How far the stream may be ahead of a frame's start before what is missing of it is given up."""


class Reframer:
    """Cuts G.711 payloads (one byte a sample) at multiples of 160 samples from the stream's first timestamp.

    A packet that is one frame on the grid goes straight through. Others fill their frames piece by piece; a frame whose
    rest does not come is given with silence in its place.
    """

    def __init__(self, silence: bytes) -> None:
        self._silence = silence * FRAME_SAMPLES
        self._running = False
        self._origin = 0
        self._newest = 0
        self._partial: dict[int, tuple[bytearray, int]] = {}

    def reset(self) -> None:
        """Forget the grid: another source, or another stream."""
        self._running = False
        self._partial.clear()

    def passes(self, timestamp: int, payload: bytes) -> bool:
        """Whether ``payload`` is the next frame as it stands and nothing waits: no need to :meth:`feed` it."""
        if len(payload) != FRAME_SAMPLES or self._partial or timestamp - self._newest != FRAME_SAMPLES:
            return False
        if not self._running or timestamp - self._origin != FRAME_SAMPLES:
            return False
        self._origin = self._newest = timestamp
        return True

    def feed(self, timestamp: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
        """Give ``(timestamp, 160 bytes)`` for each frame that ``payload`` completes or that is given up."""
        if not self._running:
            self._start(timestamp)
        ahead = _apart(timestamp, self._newest)
        if abs(ahead) >= _NEW_STREAM:
            self._start(timestamp)
        elif ahead > 0:
            self._newest = timestamp
            self._origin += _apart(timestamp, self._origin) // FRAME_SAMPLES * FRAME_SAMPLES
            yield from self._give_up_old()
        yield from self._lay_down(timestamp, payload)

    def _start(self, timestamp: int) -> None:
        self._running = True
        self._partial.clear()
        self._origin = self._newest = timestamp

    def _lay_down(self, timestamp: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
        offset = _apart(timestamp, self._origin) % FRAME_SAMPLES
        if offset == 0 and len(payload) == FRAME_SAMPLES:
            yield timestamp, payload
            return
        frame, position = (timestamp - offset) % TIMESTAMP_WRAP, 0
        while position < len(payload):
            piece = payload[position : position + FRAME_SAMPLES - offset]
            yield from self._fill(frame, offset, piece)
            position += len(piece)
            frame, offset = (frame + FRAME_SAMPLES) % TIMESTAMP_WRAP, 0

    def _fill(self, frame: int, offset: int, piece: bytes) -> Iterator[tuple[int, bytes]]:
        if len(piece) == FRAME_SAMPLES:
            yield frame, piece
            return
        if _apart(self._newest, frame) >= _PATIENCE:
            return
        samples, filled = self._partial.pop(frame, (bytearray(self._silence), 0))
        samples[offset : offset + len(piece)] = piece
        filled += len(piece)
        if filled >= FRAME_SAMPLES:
            yield frame, bytes(samples)
        else:
            self._partial[frame] = (samples, filled)

    def _give_up_old(self) -> Iterator[tuple[int, bytes]]:
        if not self._partial:
            return
        for frame in list(self._partial):
            if _apart(self._newest, frame) >= _PATIENCE:
                yield frame, bytes(self._partial.pop(frame)[0])


def _apart(later: int, earlier: int) -> int:
    """Samples from ``earlier`` to ``later``, negative when it is the other way round; both may have wrapped."""
    return (later - earlier + TIMESTAMP_WRAP // 2) % TIMESTAMP_WRAP - TIMESTAMP_WRAP // 2
