"""What the caller says: frames become turns, turns become words."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ivr.barge_in import BargeIn
from ivr.sip.contract import FRAME_MS
from ivr.speech.recogniser import Recognised, RecogniserLost, RecogniserSource
from ivr.turn_taking import NoInputDue, OverPrompt, SpeechEnded, SpeechStarted, TurnEvent, TurnTaking, WordsSettled
from ivr.voice_activity import VoiceActivity

PREROLL_FRAMES: Final = 15
"""Audio from before the detected start that the recogniser is given: soft beginnings lie there (300 ms)."""
UNCLEAR_SPEECH_MS: Final = 600
"""So much speech without a word is answered; less is a cough or a door."""


class ListeningEvents(Protocol):
    """Who is told what was heard. Times in ms from the answer of the call."""

    def over_prompt(self, do: BargeIn) -> None: ...

    def words_so_far(self, text: str, start_ms: int, *, settled: bool) -> None: ...

    def utterance(self, text: str, confidence: float, ended: SpeechEnded) -> None: ...

    def utterance_lost(self) -> None: ...

    def nothing_said(self) -> None:
        """The sound that seemed to be speech was none."""
        ...

    def noise(self) -> None:
        """Sound without words went on and on; it was cut."""
        ...

    def no_input(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Begin:
    hints: tuple[str, ...]


class Listening:
    """One call's ear. :meth:`frame` takes the audio, :meth:`run` is the task that asks the recogniser."""

    def __init__(self, source: RecogniserSource, turn: TurnTaking, events: ListeningEvents) -> None:
        self._turn = turn
        self._events = events
        self._activity = VoiceActivity()
        self._recogniser = source.open(self._partial)
        self._preroll: deque[bytes] = deque(maxlen=PREROLL_FRAMES)
        self._steps: asyncio.Queue[_Begin | bytes | SpeechEnded | asyncio.Event] = asyncio.Queue()
        self._hints: tuple[str, ...] = ()
        self._start_ms = 0

    def expect(self, hints: Sequence[str]) -> None:
        """What is likely to be said next."""
        self._hints = tuple(hints)

    def frame(self, pcm: bytes) -> None:
        """20 ms of the caller."""
        self._preroll.append(pcm)
        in_utterance = self._turn.speaking
        for event in self._turn.frame(FRAME_MS, self._activity.frame(pcm)):
            self._happened(event)
        if in_utterance and self._turn.speaking:
            self._steps.put_nowait(pcm)

    def _happened(self, event: TurnEvent) -> None:
        if isinstance(event, SpeechStarted):
            self._start_ms = event.start_ms
            self._steps.put_nowait(_Begin(self._hints))
            self._steps.put_nowait(b"".join(self._preroll))
        elif isinstance(event, SpeechEnded):
            self._steps.put_nowait(event)
        elif isinstance(event, OverPrompt):
            self._events.over_prompt(event.do)
        elif isinstance(event, WordsSettled):
            self._events.words_so_far(event.text, self._start_ms, settled=True)
        elif isinstance(event, NoInputDue):
            self._events.no_input(event.count)

    async def run(self) -> None:
        """Recognise until cancelled."""
        while True:
            step = await self._steps.get()
            if isinstance(step, _Begin):
                self._recogniser.begin(step.hints)
            elif isinstance(step, bytes):
                self._recogniser.feed(step)
            elif isinstance(step, asyncio.Event):
                step.set()
            else:
                await self._finish(step)

    async def finish_utterance(self) -> None:
        """End what is being said now; return once it has been told."""
        for event in self._turn.end_utterance():
            self._happened(event)
        told = asyncio.Event()
        self._steps.put_nowait(told)
        await told.wait()

    async def close(self) -> None:
        await self._recogniser.close()

    def _partial(self, text: str) -> None:
        self._turn.words(text)
        if text:
            self._events.words_so_far(text, self._start_ms, settled=False)

    async def _finish(self, ended: SpeechEnded) -> None:
        try:
            heard: Recognised = await self._recogniser.finish()
        except RecogniserLost:
            self._events.utterance_lost()
            return
        if heard.text:
            self._turn.heard()
            self._events.utterance(heard.text, heard.confidence, ended)
            return
        self._events.nothing_said()
        if ended.endless:
            self._events.noise()
        elif ended.voiced_ms >= UNCLEAR_SPEECH_MS and not self._turn.prompted:
            self._events.no_input(self._turn.nothing_understood())
        else:
            self._turn.listen_again()
