"""What is given to the recogniser: tones taken out, and nothing but a short pause where no voice is near. Pure.

A decoder that finds no words in noise keeps every path alive: 12 s of noise have taken a model 5 to 24 s of processor time, one
step of it 8 s; through this gate 0.1 s. Silence, too, cost more than speech (0.08 of a core against 0.03) and brings no word.
"""

from collections import deque
from typing import Final

from ivr.speech.speech_evidence import SpeechEvidence
from ivr.speech.tone_gate import ToneStripper, as_samples

FRAME_BYTES: Final = 320
FRAME_MS: Final = 20
BEFORE_FRAMES: Final = 15
"""300 ms before a vowel: consonants, and soft beginnings."""
PAUSE_FRAMES: Final = 15
"""So much of a longer silence is passed on, as digital silence."""
AFTER_FRAMES: Final = 30
"""600 ms after the last vowel: endings without a voice, and what pauses there are within a word."""


class QuietGate:
    """One utterance. Sound near a voice goes through 20 to 100 ms late (a tone must be known by then), and after a pause with the 300 ms before."""

    __slots__ = ("_fed", "_held", "_next", "_quiet", "_skips", "_stripper", "evidence")

    def __init__(self) -> None:
        self.evidence = SpeechEvidence()
        self._stripper = ToneStripper()
        self._held: deque[bytes] = deque()
        self._next = 0
        """Number of the frame that is let go next."""
        self._quiet = 0
        self._fed = 0
        self._skips: list[tuple[int, int]] = []
        """After so many frames passed on, so many were left out."""

    @property
    def voiced_ms(self) -> int:
        """Audio let through by the stripper that was louder than −55 dBFS."""
        return self._stripper.voiced_ms

    def feed(self, pcm: bytes) -> bytes:
        """``pcm``: whole frames of 320 bytes. Returns what can be decoded now, which may be nothing."""
        for start in range(0, len(pcm), FRAME_BYTES):
            frame = pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            self.evidence.frame(as_samples(frame))
            stripped = self._stripper.feed(frame)
            if stripped:
                self._held.append(stripped)
        return self._released(final=False)

    def flush(self) -> bytes:
        """What is still held back."""
        rest = self._stripper.flush()
        self._held.extend(rest[start : start + FRAME_BYTES] for start in range(0, len(rest), FRAME_BYTES))
        return self._released(final=True)

    def heard_at(self, ms: int) -> int:
        """The moment of the utterance at which stood what the recogniser was given after ``ms``."""
        return ms + FRAME_MS * sum(left_out for after, left_out in self._skips if after * FRAME_MS <= ms)

    def _released(self, *, final: bool) -> bytes:
        released = []
        while self._held:
            near = self.evidence.near_voice(self._next, before=BEFORE_FRAMES, after=AFTER_FRAMES)
            if not near and not final and self.evidence.frames <= self._next + BEFORE_FRAMES:
                break
            frame = self._held.popleft()
            self._next += 1
            self._quiet = 0 if near else self._quiet + 1
            if self._quiet > PAUSE_FRAMES:
                self._leave_out()
            else:
                self._fed += 1
                released.append(frame if near else bytes(FRAME_BYTES))
        return b"".join(released)

    def _leave_out(self) -> None:
        if self._skips and self._skips[-1][0] == self._fed:
            self._skips[-1] = (self._fed, self._skips[-1][1] + 1)
        else:
            self._skips.append((self._fed, 1))
