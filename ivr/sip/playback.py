"""What is still to be said on one leg: a queue of samples cut into frames on demand. No clock, no socket."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from ivr.sip.contract import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE

FADE_SAMPLES: Final = 64
"""8 ms: what was being heard dies away this fast when it is flushed, so that an interruption does not click."""
QUIETEST_DB: Final = -60.0
_RAMP: Final = np.arange(1, FRAME_SAMPLES + 1, dtype=np.float32) / FRAME_SAMPLES
_FADE: Final = np.arange(FADE_SAMPLES, 0, -1, dtype=np.float32) / (FADE_SAMPLES + 1)

Mark = Callable[[], None]


class Frame(NamedTuple):
    """One frame to be sent."""

    pcm: bytes
    marks: tuple[Mark, ...] = ()
    """Of the pieces that begin in it."""
    payload: bytes | None = None
    """The frame as its packet carries it, where that is known already."""


@dataclass(slots=True)
class _Piece:
    pcm: bytes
    position: int
    mark: Mark | None
    encoded: bytes = b""


class Playback:
    """Samples in order of ``add``; the sender takes one frame each 20 ms.

    ``encode``: the law's encoder (two bytes to one). A piece is encoded once and whole, which takes a tenth of the time.
    """

    def __init__(self, encode: Callable[[bytes], bytes] | None = None) -> None:
        self.encode = encode
        self._pieces: deque[_Piece] = deque()
        self._bytes = 0
        self._tail = b""
        self._gain = self._wanted_gain = 1.0
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

    def take(self) -> Frame | None:
        """The next frame, padded with silence at the very end."""
        if not self._pieces and not self._tail:
            self._gain = self._wanted_gain
            return None
        if self._plain:
            return self._whole_frame()
        room = FRAME_BYTES - len(self._tail)
        frame = bytearray()
        marks: list[Mark] = []
        while self._pieces and len(frame) < room:
            piece = self._pieces[0]
            if piece.position == 0 and piece.mark is not None:
                marks.append(piece.mark)
            part = piece.pcm[piece.position : piece.position + room - len(frame)]
            frame += part
            piece.position += len(part)
            self._bytes -= len(part)
            if piece.position == len(piece.pcm):
                self._pieces.popleft()
        if not self._pieces:
            self._empty.set()
        sound = self._tail + self._at_gain(bytes(frame.ljust(room, b"\0")))
        self._tail = b""
        return Frame(sound, tuple(marks))

    @property
    def _plain(self) -> bool:
        """Nearly always: the frame is the next part of one piece as it is."""
        if self._tail or self._gain != 1.0 or self._wanted_gain != 1.0:
            return False
        first = self._pieces[0]
        return first.position > 0 and first.position + FRAME_BYTES < len(first.pcm)

    def _whole_frame(self) -> Frame:
        first = self._pieces[0]
        start = first.position
        first.position = end = start + FRAME_BYTES
        self._bytes -= FRAME_BYTES
        if self.encode is None:
            return Frame(first.pcm[start:end])
        if not first.encoded:
            first.encoded = self.encode(first.pcm)
        return Frame(first.pcm[start:end], (), first.encoded[start // 2 : end // 2])

    def set_gain(self, db: float) -> None:
        """Play louder or softer from the next frame on, which ramps there; below :data:`QUIETEST_DB` is silence."""
        self._wanted_gain = 10 ** (db / 20) if db > QUIETEST_DB else 0.0

    def flush(self) -> int:
        """Drop everything and go back to 0 dB; returns the ms dropped. What was being heard fades out in 8 ms."""
        dropped = self.queued_ms
        if self._pieces and self._pieces[0].position:
            first = self._pieces[0]
            rest = np.frombuffer(first.pcm[first.position : first.position + 2 * FADE_SAMPLES], np.int16)
            self._tail = (rest * _FADE[: len(rest)] * self._gain).astype(np.int16).tobytes()
        self._pieces.clear()
        self._bytes = 0
        self._gain = self._wanted_gain = 1.0
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

    def _at_gain(self, frame: bytes) -> bytes:
        if self._gain == self._wanted_gain == 1.0:
            return frame
        samples = np.frombuffer(frame, np.int16)
        slope = _RAMP[: len(samples)] * (FRAME_SAMPLES / len(samples))
        scaled = samples * (self._gain + (self._wanted_gain - self._gain) * slope)
        self._gain = self._wanted_gain
        return np.clip(scaled, -32768, 32767).astype(np.int16).tobytes()
