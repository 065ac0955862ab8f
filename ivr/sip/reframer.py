"""Packets of any length made into 20 ms frames on one timestamp grid (far ends send 10, 20, 30 or 40 ms packets)."""

from collections.abc import Iterator
from typing import Final

from ivr.sip.contract import FRAME_SAMPLES

_WRAP: Final = 1 << 32
_NEW_STREAM: Final = 8000
"""A jump of more than a second starts a new grid."""


class Reframer:
    """Cuts G.711 payloads (one byte a sample) at multiples of 160 samples from the stream's first timestamp."""

    def __init__(self, silence: bytes) -> None:
        self._silence = silence
        self._start = 0
        self._running = False
        self._pending = bytearray()

    def reset(self) -> None:
        """Forget the grid: another source, or another stream."""
        self._running = False
        self._pending.clear()

    def feed(self, timestamp: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
        """Give ``(timestamp, 160 bytes)`` for each frame that ``payload`` completes."""
        if not self._running:
            self._running, self._start = True, timestamp
        ahead = (timestamp - self._start - len(self._pending)) % _WRAP
        if ahead >= _NEW_STREAM:
            self._pending.clear()
            self._start, ahead = timestamp, 0
        if ahead:
            yield from self._skip(ahead)
        self._pending += payload
        yield from self._whole_frames()

    def _skip(self, samples: int) -> Iterator[tuple[int, bytes]]:
        """Step over lost samples, keeping to the grid; only frames that hold some sound are given."""
        if self._pending:
            filled = min(samples, FRAME_SAMPLES - len(self._pending))
            self._pending += self._silence * filled
            samples -= filled
            yield from self._whole_frames()
        self._start = (self._start + samples // FRAME_SAMPLES * FRAME_SAMPLES) % _WRAP
        self._pending += self._silence * (samples % FRAME_SAMPLES)

    def _whole_frames(self) -> Iterator[tuple[int, bytes]]:
        while len(self._pending) >= FRAME_SAMPLES:
            frame = bytes(self._pending[:FRAME_SAMPLES])
            del self._pending[:FRAME_SAMPLES]
            start, self._start = self._start, (self._start + FRAME_SAMPLES) % _WRAP
            yield start, frame
