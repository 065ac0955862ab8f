"""What a recognition process does next, when there is more to do than it gets done.

Whoever has finished speaking waits for the answer, so those calls go first: what is left of theirs is little. The others take
turns; what has piled up of one is decoded in one go, which takes a sixth less time.
"""

import threading
from collections import deque
from typing import Final

from ivr.speech.pipe_frames import Kind, PipeFrame

MOST_BYTES: Final = 4800
"""300 ms: nobody waits long for another call's piece, and partial words are never rarer."""


class WorkQueue:
    """Frames in, from one thread; out to another, each call's in their order."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[PipeFrame]] = {}
        """By call; the call whose turn is next comes first."""
        self._finishing: dict[int, int] = {}
        """How many utterances of a call are to be finished, the longest waiting first."""
        self._ended = False
        self._changed = threading.Condition()

    def put(self, frame: PipeFrame) -> None:
        with self._changed:
            self._waiting.setdefault(frame.id, deque()).append(frame)
            if frame.kind is Kind.FINISH:
                self._finishing[frame.id] = self._finishing.get(frame.id, 0) + 1
            self._changed.notify()

    def end(self) -> None:
        """:meth:`take` returns ``None`` once nothing is left."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def take(self) -> PipeFrame | None:
        """The next frame; audio of one call that waited together comes as one. Waits for it; ``None`` at the end."""
        with self._changed:
            while not self._waiting:
                if self._ended:
                    return None
                self._changed.wait()
            id = next(iter(self._finishing or self._waiting))
            frames = self._waiting.pop(id)
            frame = frames.popleft()
            if frame.kind is Kind.AUDIO:
                frame = frame._replace(payload=self._together(frame.payload, frames))
            elif frame.kind is Kind.FINISH:
                self._finishing[id] -= 1
                if not self._finishing[id]:
                    del self._finishing[id]
            if frames:
                self._waiting[id] = frames
            return frame

    @staticmethod
    def _together(first: bytes, frames: deque[PipeFrame]) -> bytes:
        """``first`` and the audio right behind it, up to :data:`MOST_BYTES`."""
        parts, size = [first], len(first)
        while frames and frames[0].kind is Kind.AUDIO and size + len(frames[0].payload) <= MOST_BYTES:
            parts.append(frames.popleft().payload)
            size += len(parts[-1])
        return b"".join(parts)
