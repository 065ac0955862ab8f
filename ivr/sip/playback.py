"""What is still to be said on one leg: a queue of samples cut into frames on demand. No clock, no socket."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ivr.sip.contract import FRAME_BYTES, SAMPLE_RATE

Mark = Callable[[], None]


@dataclass(slots=True)
class _Piece:
    pcm: bytes
    position: int
    mark: Mark | None


class Playback:
    """Samples in order of ``add``; the sender takes one frame each 20 ms."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._bytes = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._closed = False

    def add(self, pcm: bytes, mark: Mark | None = None) -> None:
        """Queue ``pcm`` (int16); ``mark`` goes out with the frame that carries its first sample."""
        if len(pcm) % 2:
            raise ValueError("音频须为整数个 16 位采样")
        if self._closed or not pcm:
            return
        self._pieces.append(_Piece(pcm, 0, mark))
        self._bytes += len(pcm)
        self._empty.clear()

    def take(self) -> tuple[bytes, tuple[Mark, ...]] | None:
        """The next frame, padded with silence at the very end, and the marks of pieces that begin in it."""
        if not self._pieces:
            return None
        frame = bytearray()
        marks: list[Mark] = []
        while self._pieces and len(frame) < FRAME_BYTES:
            piece = self._pieces[0]
            if piece.position == 0 and piece.mark is not None:
                marks.append(piece.mark)
            part = piece.pcm[piece.position : piece.position + FRAME_BYTES - len(frame)]
            frame += part
            piece.position += len(part)
            self._bytes -= len(part)
            if piece.position == len(piece.pcm):
                self._pieces.popleft()
        if not self._pieces:
            self._empty.set()
        return bytes(frame.ljust(FRAME_BYTES, b"\0")), tuple(marks)

    def flush(self) -> int:
        """Drop everything; returns the ms dropped."""
        dropped = self.queued_ms
        self._pieces.clear()
        self._bytes = 0
        self._empty.set()
        return dropped

    def close(self) -> None:
        """Drop everything and take nothing more: the call is over."""
        self.flush()
        self._closed = True

    @property
    def queued_ms(self) -> int:
        return -(-self._bytes * 1000 // (2 * SAMPLE_RATE))

    async def drained(self) -> None:
        await self._empty.wait()
