"""Whose turn is it? Start and end of speech, speech over prompts and the no-input timer, from frames and words alone.

Pure: time is the sum of the frames' lengths, so tests run instantly and a recorded call replays exactly. All times in ms
from the first frame.
"""

from dataclasses import dataclass
from typing import Final

from ivr.barge_in import BargeIn, BargeInWatch
from ivr.endpointing import LONG_PAUSE_MS, SETTLED_MS, Pace, silence_needed_ms

ONSET_MS: Final = 80
DUCK_MS: Final = 40
"""So much sound over a prompt makes it quieter; it comes back at once when nothing follows."""
LONGEST_UTTERANCE_MS: Final = 20_000
STALE_WORDS_MS: Final = 3000
"""Sound that goes on for so long after the last new word is not the caller: a street, a television."""
WORDLESS_MS: Final = 8000
"""Sound for so long without one word is no speech: music, a machine."""
SETTLED_WORDS_MS: Final = 400
"""Words unchanged for so long are told as settled: a word that could still have become another one has not."""
_CUT_OFF_MS: Final = 1500
"""Speech so soon after the end that we decided on, with no answer begun, shows that it was none."""
_SOUNDING_PART: Final = 0.85


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    start_ms: int


@dataclass(frozen=True, slots=True)
class OverPrompt:
    """Speech over a prompt, and what to do with the prompt."""

    at_ms: int
    do: BargeIn


@dataclass(frozen=True, slots=True)
class WordsSettled:
    """The words so far have stood for :data:`SETTLED_WORDS_MS`."""

    text: str


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """``end_ms``: the last speech; ``at_ms``: when this was decided; ``voiced_ms``: speech without its pauses.

    ``over_prompt``: it was said over a prompt that may be interrupted and is still on; ``endless``: sound without words that would not
    end; it was cut.
    """

    start_ms: int
    end_ms: int
    at_ms: int
    voiced_ms: int
    over_prompt: bool = False
    endless: bool = False


@dataclass(frozen=True, slots=True)
class NoInputDue:
    """Nothing was said for the expected time, ``count`` times in a row."""

    count: int


TurnEvent = SpeechStarted | OverPrompt | WordsSettled | SpeechEnded | NoInputDue


class TurnTaking:
    """One call's turns. Feed :meth:`frame`; tell it when prompts start and end and what is expected next."""

    def __init__(self) -> None:
        self._now = 0
        self._playing = False
        self._barge_in = True
        self._state = "open"
        self._digits = 0
        self._no_input_ms = 6000
        self._no_input_due_ms: int | None = None
        self._no_input_count = 0
        self._onset_ms = 0
        self._start_ms: int | None = None
        self._last_speech_ms = 0
        self._voiced_ms = 0
        self._words = ""
        self._words_at_ms = 0
        self._settled = ""
        self._over_prompt: BargeInWatch | None = None
        self._ducked = False
        self._pace = Pace()
        self._decided: SpeechEnded | None = None

    @property
    def now_ms(self) -> int:
        return self._now

    @property
    def speaking(self) -> bool:
        """Whether the caller is in the middle of an utterance."""
        return self._start_ms is not None

    @property
    def state(self) -> str:
        """What the dialogue expects."""
        return self._state

    @property
    def prompted(self) -> bool:
        """Whether something is being said to the caller."""
        return self._playing

    def expect(self, state: str, no_input_s: float, *, digits: int = 0) -> None:
        """What comes next; an unknown ``state`` listens as ``open``. ``digits``: how many, 0 when not known."""
        self._state = state
        self._digits = digits
        self._no_input_ms = int(no_input_s * 1000)
        if not self._playing:
            self._arm()

    def prompt_started(self, *, barge_in: bool) -> None:
        self._playing = True
        self._ducked = False
        self._barge_in = barge_in
        self._decided = None
        self._no_input_due_ms = None
        self._over_prompt = None
        if barge_in and self.speaking:
            self._over_prompt = BargeInWatch(self._now, 0, self._words, amid=True)

    def prompt_ended(self) -> None:
        """Nothing is being said to the caller any more: the no-input timer starts."""
        self._playing = False
        self._over_prompt = None
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
        """What is recognised of the utterance so far; empty: there is a voice, and no word yet."""
        if self._over_prompt:
            self._over_prompt.words(text)
        if text != self._words:
            self._words = text
            self._words_at_ms = self._now

    def end_utterance(self) -> tuple[TurnEvent, ...]:
        """The caller has turned to something else (a key): what was being said is over."""
        return self._end(endless=False) if self.speaking else ()

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
        self._over_prompt = None

    def _arm(self) -> None:
        self._no_input_due_ms = self._now + self._no_input_ms

    def _while_quiet(self, frame_ms: int, speech: bool) -> tuple[TurnEvent, ...]:
        self._onset_ms = self._onset_ms + frame_ms if speech else max(0, self._onset_ms - frame_ms)
        if self._onset_ms >= ONSET_MS:
            return self._begin()
        if self._playing and self._barge_in and (duck := self._first_sound()):
            return (OverPrompt(self._now, duck),)
        if self._no_input_due_ms is not None and self._now >= self._no_input_due_ms and self._onset_ms == 0:
            self._no_input_due_ms = None
            self._no_input_count += 1
            return (NoInputDue(self._no_input_count),)
        return ()

    def _first_sound(self) -> BargeIn | None:
        if not self._ducked and self._onset_ms >= DUCK_MS:
            self._ducked = True
            return BargeIn.DUCK
        if self._ducked and self._onset_ms == 0:
            self._ducked = False
            return BargeIn.RESUME
        return None

    def _begin(self) -> tuple[TurnEvent, ...]:
        start = self._now - self._onset_ms
        self._start_ms = start
        if self._decided and start - self._decided.at_ms <= _CUT_OFF_MS:
            self._pace.cut_off(start - self._decided.end_ms)
        self._decided = None
        self._last_speech_ms = self._now
        self._voiced_ms = self._onset_ms
        self._onset_ms = 0
        self._words, self._words_at_ms, self._settled = "", self._now, ""
        self._no_input_due_ms = None
        if not (self._playing and self._barge_in):
            return (SpeechStarted(start),)
        self._ducked = False
        self._over_prompt = BargeInWatch(start, self._voiced_ms)
        return (SpeechStarted(start), *self._watch(0, speech=False))

    def _while_speaking(self, frame_ms: int, speech: bool) -> tuple[TurnEvent, ...]:
        if speech:
            pause = self._now - frame_ms - self._last_speech_ms
            if pause >= LONG_PAUSE_MS:
                self._pace.pause(pause)
            self._last_speech_ms = self._now
            self._voiced_ms += frame_ms
        events = [*self._watch(frame_ms, speech=speech), *self._settle()]
        endless = self._goes_nowhere()
        if endless or self._silent_enough():
            events += self._end(endless=endless)
        return tuple(events)

    def _watch(self, frame_ms: int, *, speech: bool) -> tuple[TurnEvent, ...]:
        do = self._over_prompt.frame(self._now, frame_ms, speech=speech) if self._over_prompt else None
        return (OverPrompt(self._now, do),) if do else ()

    def _settle(self) -> tuple[TurnEvent, ...]:
        if self._words and self._words != self._settled and self._now - self._words_at_ms >= SETTLED_WORDS_MS:
            self._settled = self._words
            return (WordsSettled(self._words),)
        return ()

    def _silent_enough(self) -> bool:
        silence = self._now - self._last_speech_ms
        needed = silence_needed_ms(self._state, self._words, self._pace, digits=self._digits)
        return silence >= needed and (not self._words or self._now - self._words_at_ms >= SETTLED_MS)

    def _goes_nowhere(self) -> bool:
        """Whether there is sound, and it is not somebody who says something to us."""
        sounding = self._now - (self._start_ms or 0)
        if sounding >= LONGEST_UTTERANCE_MS:
            return True
        if not self._words:
            return sounding >= WORDLESS_MS and self._voiced_ms >= _SOUNDING_PART * WORDLESS_MS
        return self._now - self._words_at_ms >= STALE_WORDS_MS and self._now - self._last_speech_ms < LONG_PAUSE_MS

    def _end(self, *, endless: bool) -> tuple[TurnEvent, ...]:
        start, self._start_ms = self._start_ms or 0, None
        watch, self._over_prompt = self._over_prompt, None
        undecided = watch.over() if watch else None
        ended = SpeechEnded(
            start,
            self._last_speech_ms,
            self._now,
            self._voiced_ms,
            over_prompt=watch is not None and watch.from_the_start,
            endless=endless and not self._words,
        )
        self._pace.utterance(self._voiced_ms if self._words else 0)
        if self._words and not endless:
            self._decided = ended
        return (*((OverPrompt(self._now, undecided),) if undecided else ()), ended)
