"""Whose turn is it? Start and end of speech, barge-in and the no-input timer, from frames alone.

Pure: time is the sum of the frames' lengths, so tests run instantly and a recorded call replays exactly. All times in ms
from the first frame.
"""

from dataclasses import dataclass
from typing import Final

ENDPOINT_MS: Final = {"open": 900, "element": 800, "confirm": 500, "choose": 500, "digits": 1200}
"""Silence that ends an utterance, by what the dialogue expects: people think aloud in free speech and pause between digits."""

STABLE_SHARE: Final = 0.7
"""Recognised words unchanged for a whole threshold let an utterance end after this share of the silence."""
ONSET_MS: Final = 80
BARGE_IN_MS: Final = 250
"""Speech over a prompt that stops it: longer than a cough or an “嗯”."""
LONGEST_UTTERANCE_MS: Final = 20_000


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    start_ms: int


@dataclass(frozen=True, slots=True)
class BargeIn:
    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """``end_ms``: the last speech; ``at_ms``: when this was decided; ``voiced_ms``: speech without its pauses."""

    start_ms: int
    end_ms: int
    at_ms: int
    voiced_ms: int


@dataclass(frozen=True, slots=True)
class NoInputDue:
    """Nothing was said for the expected time, ``count`` times in a row."""

    count: int


TurnEvent = SpeechStarted | BargeIn | SpeechEnded | NoInputDue


class TurnTaking:
    """One call's turns. Feed :meth:`frame`; tell it when prompts start and end and what is expected next."""

    __slots__ = (
        "_barge_in",
        "_barged",
        "_endpoint_ms",
        "_last_speech_ms",
        "_no_input_count",
        "_no_input_due_ms",
        "_no_input_ms",
        "_now",
        "_onset_ms",
        "_playing",
        "_since_prompt_ms",
        "_start_ms",
        "_voiced_ms",
        "_words",
        "_words_at_ms",
    )

    def __init__(self) -> None:
        self._now = 0
        self._playing = False
        self._barge_in = True
        self._barged = False
        self._endpoint_ms = ENDPOINT_MS["open"]
        self._no_input_ms = 6000
        self._no_input_due_ms: int | None = None
        self._no_input_count = 0
        self._onset_ms = 0
        self._start_ms: int | None = None
        self._last_speech_ms = 0
        self._voiced_ms = 0
        self._since_prompt_ms = 0
        self._words = ""
        self._words_at_ms = 0

    @property
    def now_ms(self) -> int:
        return self._now

    @property
    def speaking(self) -> bool:
        """Whether the caller is in the middle of an utterance."""
        return self._start_ms is not None

    def expect(self, state: str, no_input_s: float) -> None:
        """What comes next; an unknown ``state`` listens as ``open``."""
        self._endpoint_ms = ENDPOINT_MS.get(state, ENDPOINT_MS["open"])
        self._no_input_ms = int(no_input_s * 1000)
        if not self._playing:
            self._arm()

    def prompt_started(self, *, barge_in: bool) -> None:
        self._playing = True
        self._barge_in = barge_in
        self._barged = False
        self._since_prompt_ms = 0
        self._no_input_due_ms = None

    def prompt_ended(self) -> None:
        """Nothing is being said to the caller any more: the no-input timer starts."""
        self._playing = False
        self._arm()

    def wait_for_reply(self) -> None:
        """The other side has the turn: no no-input until the next prompt has ended."""
        self._no_input_due_ms = None

    def heard(self) -> None:
        """Words or a key were understood: the count of silences begins anew."""
        self._no_input_count = 0

    def nothing_understood(self) -> int:
        """There was speech and no word in it; it counts as a silence. Returns the count."""
        self._no_input_count += 1
        return self._no_input_count

    def listen_again(self) -> None:
        """The noise was nothing: go on waiting for the caller."""
        if not self._playing:
            self._arm()

    def words(self, text: str) -> None:
        """What is recognised of the utterance so far."""
        if text != self._words:
            self._words = text
            self._words_at_ms = self._now

    def frame(self, frame_ms: int, speech: bool) -> tuple[TurnEvent, ...]:
        """One frame has passed."""
        self._now += frame_ms
        if self._start_ms is None:
            return self._while_quiet(frame_ms, speech)
        return self._while_speaking(frame_ms, speech)

    def pass_time(self, ms: int) -> None:
        """Time goes by while others talk: nothing is listened for."""
        self._now += ms
        self._start_ms = None
        self._onset_ms = 0
        self._no_input_due_ms = None

    def _arm(self) -> None:
        self._no_input_due_ms = self._now + self._no_input_ms

    def _while_quiet(self, frame_ms: int, speech: bool) -> tuple[TurnEvent, ...]:
        self._onset_ms = self._onset_ms + frame_ms if speech else max(0, self._onset_ms - frame_ms)
        if self._onset_ms >= ONSET_MS:
            self._start_ms = self._now - self._onset_ms
            self._last_speech_ms = self._now
            self._voiced_ms = self._since_prompt_ms = self._onset_ms
            self._onset_ms = 0
            self._words, self._words_at_ms = "", self._now
            self._no_input_due_ms = None
            return (SpeechStarted(self._start_ms),)
        if self._no_input_due_ms is not None and self._now >= self._no_input_due_ms and self._onset_ms == 0:
            self._no_input_due_ms = None
            self._no_input_count += 1
            return (NoInputDue(self._no_input_count),)
        return ()

    def _while_speaking(self, frame_ms: int, speech: bool) -> tuple[TurnEvent, ...]:
        if speech:
            self._last_speech_ms = self._now
            self._voiced_ms += frame_ms
            self._since_prompt_ms += frame_ms
        events: tuple[TurnEvent, ...] = ()
        if self._playing and self._barge_in and not self._barged and self._since_prompt_ms >= BARGE_IN_MS:
            self._barged = True
            events = (BargeIn(self._now),)
        return (*events, self._ended()) if self._over() else events

    def _over(self) -> bool:
        silence = self._now - self._last_speech_ms
        if silence >= self._endpoint_ms:
            return True
        if self._start_ms is not None and self._now - self._start_ms >= LONGEST_UTTERANCE_MS:
            return True
        stable = bool(self._words) and self._now - self._words_at_ms >= self._endpoint_ms
        return stable and silence >= STABLE_SHARE * self._endpoint_ms

    def _ended(self) -> SpeechEnded:
        start = self._start_ms or 0
        self._start_ms = None
        return SpeechEnded(start, self._last_speech_ms, self._now, self._voiced_ms)
