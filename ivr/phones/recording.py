"""A call on tape: both ways side by side, frame for frame."""

import wave
from pathlib import Path

import numpy as np

from ivr.sip.contract import SAMPLE_RATE


class StereoRecording:
    """Left: what this phone sent. Right: what it received."""

    def __init__(self) -> None:
        self._sent = bytearray()
        self._received = bytearray()

    def sent(self, frame: bytes) -> None:
        self._sent += frame

    def received(self, frame: bytes) -> None:
        self._received += frame

    @property
    def seconds(self) -> float:
        return max(len(self._sent), len(self._received)) / (2 * SAMPLE_RATE)

    def save(self, path: Path) -> None:
        """Write a 16-bit stereo WAV at 8 kHz."""
        length = max(len(self._sent), len(self._received))
        sides = [np.frombuffer(bytes(side.ljust(length, b"\0")), dtype="<i2") for side in (self._sent, self._received)]
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(np.column_stack(sides).tobytes())
