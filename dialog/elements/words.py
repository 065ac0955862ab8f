"""The words of one turn as the extractors read them, with the way back to what was really said."""

from dataclasses import dataclass
from typing import Final

from dialog.contract import Said, Utterance
from tickets.model import Span

_WIDE: Final = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_PAUSE: Final = "，"


@dataclass(frozen=True, slots=True)
class Heard:
    """One utterance. ``text`` has the recogniser's spaces taken out (typed spaces read as pauses) and wide digits made
    narrow; ``offsets[i]`` is where its character ``i`` stands in ``raw``.
    """

    turn_id: str
    raw: str
    text: str
    offsets: tuple[int, ...]
    confidence: float = 1.0
    spoken: bool = False
    audio_start_ms: int | None = None
    audio_end_ms: int | None = None

    @classmethod
    def from_utterance(cls, utterance: Utterance, turn_id: str) -> "Heard":
        """Read ``utterance``, which was the turn ``turn_id``."""
        spoken = utterance.said is Said.SPEECH
        text, offsets = [], []
        for index, char in enumerate(utterance.text):
            if char.isspace():
                if spoken or _between_short_words(utterance.text):
                    continue
                char = _PAUSE
            text.append(char)
            offsets.append(index)
        return cls(
            turn_id,
            utterance.text,
            "".join(text).translate(_WIDE),
            tuple(offsets),
            utterance.confidence,
            spoken,
            utterance.audio_start_ms,
            utterance.audio_end_ms,
        )

    def span(self, start: int, end: int) -> Span:
        """The words ``text[start:end]`` as a source. ``start < end`` is the caller's duty."""
        first, last = self.offsets[start], self.offsets[end - 1] + 1
        return Span(self.turn_id, first, last, self.raw[first:last], self.audio_start_ms, self.audio_end_ms)

    def sure(self, base: float) -> float:
        """``base`` lowered by what the recogniser was unsure of."""
        return round(base * max(0.5, min(1.0, self.confidence)), 3)


def _between_short_words(text: str) -> bool:
    """True for a recogniser's output that was pasted: many words of one to three characters."""
    words = text.split()
    return len(words) >= 4 and sum(map(len, words)) / len(words) <= 2.5
