"""Speech over a prompt: the prompt is made quieter at once, and soon after stopped or taken up again. Pure, clock-injected.

Quieter (*duck*) when somebody begins to speak; *stop* when words are recognised that are more than "I am listening", *hold*
(silent, the rest kept) when a voice goes on and no word tells yet what it is; *resume* when it was a back-channel or a
cough. A decision always falls within :data:`DECIDED_MS` of the first sound; words that come later may still stop the prompt.
Times in ms.
"""

from enum import StrEnum
from typing import Final

from ivr.utterance_forms import is_back_channel, may_be_back_channel

SUSTAINED_MS: Final = 600
"""A voice that still sounds so long after it began, with no word yet that explains it, wants to speak: an “嗯” or a “好的” is over
by then, and a cough has no voice. Not every word can be waited for: the recogniser knows the first 300 to 700 ms after the
beginning."""
DECIDED_MS: Final = 600
"""From the beginning of the speech; with the packets' ways and up to 60 ms of a beginning too soft to notice below the 700 promised."""
QUIET_MS: Final = 180
"""Silence after a short sound that shows that nothing follows."""
GAP_MS: Final = 40
"""Silence this short lies within a syllable."""
_VOICED_SHARE: Final = 0.6
LASTING_MS: Final = 1300
"""After the prompt was taken up again: voice that goes on for so long."""
HELD_MOST_MS: Final = 1500
"""A prompt that is held waits so long for a word; what brings none by then is noise."""
_WORDS: Final = 3
"""Characters that stop a prompt while they are still being said. Fewer are often an “嗯” or a cough heard as a word (根据), and
others a moment later: they count once the utterance is over and recognised as a whole."""
_SYLLABLE_MS: Final = 170
"""Nobody speaks faster: words that came out of less voice were not said."""


class BargeIn(StrEnum):
    """What is to be done with the prompt now."""

    DUCK = "duck"
    HOLD = "hold"
    STOP = "stop"
    RESUME = "resume"


class BargeInWatch:
    """Watches one stretch of speech over a prompt. ``began_ms``: when it began; ``said_before``: its words until then.

    ``amid``: the prompt began amid the speech.
    """

    def __init__(self, began_ms: int, voiced_ms: int, said_before: str = "", *, amid: bool = False) -> None:
        self._amid = amid
        self._began_ms = began_ms
        self._last_voice_ms = began_ms + voiced_ms
        self._voiced_ms = voiced_ms
        self._said_before = said_before
        self._words = ""
        self._voice = bool(said_before)
        self._state: BargeIn | None = None
        self._held = False
        self._held_ms = 0

    @property
    def from_the_start(self) -> bool:
        """Whether the prompt was there before the speech; otherwise it began amid it and answers something else."""
        return not self._amid

    def words(self, text: str) -> None:
        """What is recognised of the utterance so far; none as yet: a voice, and no word."""
        self._voice = True
        self._words = text.removeprefix(self._said_before) if text != self._said_before else ""

    def frame(self, now_ms: int, frame_ms: int, *, speech: bool) -> BargeIn | None:
        """One frame has passed; what changes, if anything."""
        if speech:
            self._voiced_ms += frame_ms
            self._last_voice_ms = now_ms
        decided = self._decide(now_ms, now_ms - self._last_voice_ms)
        if decided is None or decided is self._state:
            return None
        self._state = decided
        if decided is BargeIn.HOLD:
            self._held, self._held_ms = True, now_ms
        return decided

    def over(self) -> BargeIn | None:
        """The utterance has ended before anything was decided."""
        return BargeIn.RESUME if self._state is BargeIn.DUCK else None

    def _decide(self, now_ms: int, quiet_ms: int) -> BargeIn | None:
        listening = is_back_channel(self._words)
        if self._state is BargeIn.STOP:
            return None
        if self._means_something() and not listening:
            return BargeIn.STOP
        if self._state is None:
            return BargeIn.DUCK
        if self._state is BargeIn.RESUME:
            lasting = self._voice and self._voiced_ms >= LASTING_MS
            return BargeIn.HOLD if lasting and not (listening or self._held) else None
        if self._state is BargeIn.HOLD:
            over = (listening and quiet_ms >= QUIET_MS) or now_ms - self._held_ms >= HELD_MOST_MS
            return BargeIn.RESUME if over else None
        return self._ducked(now_ms - self._began_ms, quiet_ms)

    def _ducked(self, sounding_ms: int, quiet_ms: int) -> BargeIn | None:
        """What follows on the first duck, within :data:`DECIDED_MS`."""
        if quiet_ms >= QUIET_MS:
            return BargeIn.RESUME
        speaks = quiet_ms <= GAP_MS and self._voiced_ms >= _VOICED_SHARE * sounding_ms
        if sounding_ms >= SUSTAINED_MS and speaks and self._voice and not may_be_back_channel(self._words):
            return BargeIn.HOLD
        return BargeIn.RESUME if sounding_ms >= DECIDED_MS else None

    def _means_something(self) -> bool:
        """Whether there are words enough to be meant, and voice enough to have said them."""
        return len(self._words) >= _WORDS and self._voiced_ms >= _SYLLABLE_MS * _WORDS
