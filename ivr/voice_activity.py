"""Is somebody speaking? Energy above an adaptive noise floor, and no tone. Pure: 20 ms frames in, a boolean out."""

from collections import deque
from typing import Final

from ivr.speech.tone_gate import ToneGate, as_samples

ABOVE_FLOOR_DB: Final = 9.0
QUIETEST_SPEECH_DBFS: Final = -50.0
"""Below this nothing is speech: a quiet caller over G.711 is at about −40."""
LOUDEST_FLOOR_DBFS: Final = -32.0
"""However loud a street is, speech at −23 dBFS is still heard."""
_BLOCK_FRAMES: Final = 25
_BLOCKS: Final = 6


class VoiceActivity:
    """The noise floor is the quietest 60 ms of the last 3 s: between words speech always falls to it."""

    __slots__ = ("_block", "_block_min", "_blocks", "_gate")

    def __init__(self) -> None:
        self._gate = ToneGate()
        self._blocks: deque[float] = deque(maxlen=_BLOCKS)
        self._block = 0
        self._block_min = 0.0

    @property
    def floor_dbfs(self) -> float:
        quietest = min([self._block_min, *self._blocks]) if self._blocks else -60.0
        return min(max(quietest, -70.0), LOUDEST_FLOOR_DBFS)

    def frame(self, pcm: bytes) -> bool:
        """Whether this frame (320 bytes, int16, 8 kHz) belongs to speech."""
        tone = self._gate.frame(as_samples(pcm))
        level = self._gate.level_dbfs
        speech = not tone and level > max(self.floor_dbfs + ABOVE_FLOOR_DB, QUIETEST_SPEECH_DBFS)
        self._block_min = min(self._block_min, level)
        self._block += 1
        if self._block == _BLOCK_FRAMES:
            self._blocks.append(self._block_min)
            self._block, self._block_min = 0, 0.0
        return speech
