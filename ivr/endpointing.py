"""How much silence ends an utterance: by what the dialogue expects, by the words so far, by how this caller pauses. Pure.

Times in ms.
"""

from collections import deque
from typing import Final

from ivr.utterance_forms import Form, digits_in, form_of

ENDPOINT_MS: Final = {
    "open": {Form.NONE: 1300, Form.UNFINISHED: 2000, Form.OPEN: 1300, Form.FINISHED: 700, Form.ANSWER: 600},
    "element": {Form.NONE: 1300, Form.UNFINISHED: 2000, Form.OPEN: 1300, Form.FINISHED: 700, Form.ANSWER: 500},
    "confirm": {Form.NONE: 700, Form.UNFINISHED: 1500, Form.OPEN: 900, Form.FINISHED: 600, Form.ANSWER: 360},
    "choose": {Form.NONE: 700, Form.UNFINISHED: 1500, Form.OPEN: 900, Form.FINISHED: 600, Form.ANSWER: 360},
}
"""Silence by state and form. Where a sentence may go on, pauses of up to 1.2 s lie within it; whole questions and answers end
soon. Before a word is known, anything may go on. People think aloud in free speech, not over yes or no."""

DIGITS_COMPLETE_MS: Final = 400
DIGITS_MS: Final = 1300
DIGITS_MISSING_MS: Final = 2200
"""People group digits and look the next group up."""
LONGEST_MS: Final = 2400
SETTLED_MS: Final = 240
"""A form counts once its words have stood for so long: the recogniser is a quarter of a second behind the speech."""
LONG_PAUSE_MS: Final = 250
"""Shorter gaps are the stops within words."""
_FLUENT_MS: Final = 400
_FLUENT_AFTER: Final = 3
_FLUENT_SHARE: Final = 0.75
_REMEMBERED: Final = 6
_WORTH_MS: Final = 1500
"""Speech shorter than this says nothing about how somebody pauses."""


class Pace:
    """How this caller pauses within sentences; learnt over the call, longer as soon as a long pause was heard."""

    __slots__ = ("_current_ms", "_longest", "_missed_ms")

    def __init__(self) -> None:
        self._longest: deque[int] = deque(maxlen=_REMEMBERED)
        self._current_ms = 0
        self._missed_ms = 0

    def pause(self, ms: int) -> None:
        """A pause lay within the utterance that is being said."""
        self._current_ms = max(self._current_ms, ms)

    def utterance(self, voiced_ms: int) -> None:
        """The utterance has ended."""
        longest, self._current_ms = self._current_ms, 0
        if voiced_ms >= _WORTH_MS or longest >= _FLUENT_MS:
            self._longest.append(longest)

    def cut_off(self, gap_ms: int) -> None:
        """The caller went on ``gap_ms`` after what we took for the end."""
        self._missed_ms = max(self._missed_ms, gap_ms)
        self._longest.append(gap_ms)

    def adapted(self, base_ms: int, form: Form) -> int:
        """``base_ms`` as this caller needs it."""
        longest = max([self._current_ms, *self._longest])
        if form in (Form.OPEN, Form.UNFINISHED, Form.NONE):
            if len(self._longest) >= _FLUENT_AFTER and longest < _FLUENT_MS and form is Form.OPEN:
                return round(_FLUENT_SHARE * base_ms)
            needed = max(longest, self._missed_ms) + 300 if longest >= 900 or self._missed_ms else 0
            return min(LONGEST_MS, max(base_ms, needed))
        needed = self._missed_ms + 200 if self._missed_ms else 0
        return min(LONGEST_MS, max(base_ms, min(needed, base_ms + 600)))


def silence_needed_ms(state: str, text: str, pace: Pace, *, digits: int = 0) -> int:
    """How much silence ends an utterance of which ``text`` is known. ``digits``: how many are expected, 0 when unknown."""
    if state == "digits":
        said = digits_in(text)
        if digits and said >= digits:
            return DIGITS_COMPLETE_MS
        if digits and said:
            return DIGITS_MISSING_MS
        return pace.adapted(DIGITS_MS, Form.OPEN) if said or not text else DIGITS_MS
    by_form = ENDPOINT_MS.get(state, ENDPOINT_MS["open"])
    form = form_of(text, state if state in ENDPOINT_MS else "open")
    return pace.adapted(by_form[form], form)
