"""Speech whose frames say what is said: a recogniser can be as right, as late and as cut off as a real one, on any clock."""

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from ivr.sip.contract import FRAME_BYTES, FRAME_SAMPLES
from ivr.speech.recogniser import OnPartial, Recognised

FRAMES_A_CHARACTER: Final = 10
"""200 ms: five characters a second."""
LAG_FRAMES: Final = 12
"""A recogniser knows a character this much later."""
_MARK: Final = 0x5A5A
_HEAD: Final = struct.Struct("<hhhh")
_RANDOM: Final = np.random.default_rng(11)


def noise(dbfs: float) -> bytes:
    """20 ms of noise."""
    wave = _RANDOM.normal(0, 10 ** (dbfs / 20), FRAME_SAMPLES) * 32767
    return bytes(wave.clip(-32768, 32767).astype("<i2").tobytes())


def chord(frame: int) -> bytes:
    """20 ms of hold music: three voices that change every 400 ms."""
    moment = (np.arange(FRAME_SAMPLES) + frame * FRAME_SAMPLES) / 8000
    root = 262 * 2 ** ((frame // 20 * 5 % 12) / 12)
    wave = sum(0.06 * np.sin(2 * np.pi * root * ratio * moment) for ratio in (1, 1.26, 1.5, 2, 3.02, 5.04))
    return bytes((np.asarray(wave) * 32767).astype("<i2").tobytes())


class Lines:
    """What was given to a mouth to say, by number."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def frames(self, text: str) -> list[bytes]:
        """The frames that say ``text``."""
        self._texts.append(text)
        line = len(self._texts) - 1
        found = []
        for place in range(len(text)):
            for part in range(FRAMES_A_CHARACTER):
                whole = int(part == FRAMES_A_CHARACTER - 1)
                found.append(_HEAD.pack(_MARK, line, place, whole) + noise(-20)[_HEAD.size :])
        return found

    def murmur(self, count: int) -> list[bytes]:
        """``count`` frames of a voice that says no word."""
        self._texts.append("")
        return [_HEAD.pack(_MARK, len(self._texts) - 1, 0, 0) + noise(-20)[_HEAD.size :] for _ in range(count)]

    def is_voice(self, frame: bytes) -> bool:
        """Whether somebody speaks in ``frame``."""
        return bool(_HEAD.unpack_from(frame)[0] == _MARK)

    def character(self, frame: bytes) -> str:
        """The character that has been said when ``frame`` has passed, if any."""
        mark, line, place, whole = _HEAD.unpack_from(frame)
        return self._texts[line][place] if mark == _MARK and whole else ""


class FrameRecogniser:
    """Hears exactly the characters whose frames it was given."""

    def __init__(self, lines: Lines, on_partial: OnPartial) -> None:
        self._lines = lines
        self._on_partial = on_partial
        self._frames = 0
        self._heard: list[tuple[int, str]] = []
        self._told: str | None = None

    def begin(self, hints: Sequence[str] = ()) -> None:
        self._frames, self._heard, self._told = 0, [], None

    def feed(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), FRAME_BYTES):
            self._frames += 1
            if self._told is None and self._lines.is_voice(pcm[at : at + FRAME_BYTES]):
                self._told = ""
                self._on_partial("")
            if character := self._lines.character(pcm[at : at + FRAME_BYTES]):
                self._heard.append((self._frames, character))
        known = "".join(one for frame, one in self._heard if frame + LAG_FRAMES <= self._frames)
        if known != (self._told or ""):
            self._told = known
            self._on_partial(known)

    async def finish(self) -> Recognised:
        text = "".join(one for _, one in self._heard)
        return Recognised(text, 0.9 if text else 0.0)

    async def close(self) -> None:
        self._heard.clear()


class FrameRecognisers:
    """A :class:`~ivr.speech.recogniser.RecogniserService` of such recognisers."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.open_now = 0

    @property
    def name(self) -> str:
        return "frames"

    async def start(self) -> None:
        self.open_now = 0

    async def close(self) -> None:
        self.open_now = 0

    async def probe(self) -> bool:
        return True

    def open(self, on_partial: OnPartial) -> FrameRecogniser:
        self.open_now += 1
        return FrameRecogniser(self.lines, on_partial)
