"""What the caller hears: sayings in order, each sentence by sentence; quieter, held or stopped as the caller takes the turn.

What was stopped is known to the word, about: a saying that is held goes on where it was left, one that was dropped tells what
of it was not said.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from config.errors import HotlineError
from ivr.sip.contract import CallLeg
from ivr.speech.voice import Speaker

_log = structlog.get_logger("ivr")

DUCK_DB: Final = -15.0
"""A prompt under the caller's voice: still heard to go on, no match for a voice at −20 dBFS."""
BACK_UP_MS: Final = 400
"""A held saying is taken up so long before it fell silent, so that no word is lost in the cut."""
_BYTES_A_MS: Final = 16
_MS_A_CHARACTER: Final = 240
"""Spoken Mandarin, for what was not synthesised yet."""
_CLAUSE: Final = re.compile(r"[^，。！？；、,!?;]*[，。！？；、,!?;]*")


class PlaybackEvents(Protocol):
    """Who is told. ``prompt_started`` and ``prompt_ended`` enclose everything said without a gap.

    ``said_ms``: how much of a saying was heard; ``unsaid``: its text from the clause on in which it was cut.
    """

    def saying_started(self, id: str, synthesis_ms: float) -> None: ...

    def saying_done(self, id: str, *, interrupted: bool, said_ms: int, unsaid: str) -> None: ...

    def prompt_started(self, *, barge_in: bool) -> None: ...

    def prompt_ended(self) -> None: ...


@dataclass(slots=True)
class Saying:
    """One thing to say. ``id`` empty: the node's own. ``limit_ms`` 0: to its end. ``then``: called when it is over."""

    id: str
    text: str
    barge_in: bool = True
    keep: bool = False
    limit_ms: int = 0
    then: Callable[[], None] | None = None
    dropped: bool = field(default=False, init=False)
    held: bool = field(default=False, init=False)
    pcm: bytearray = field(default_factory=bytearray, init=False)
    """What was synthesised of it so far."""
    at: int = field(default=0, init=False)
    """Up to here (bytes of ``pcm``) it was given to the leg, or was heard when it was held or dropped."""
    whole: bool = field(default=False, init=False)
    """Whether ``pcm`` is all of it."""
    released: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def unsaid(self, heard_bytes: int) -> str:
        """The text from the clause on that was being said after ``heard_bytes``."""
        total = len(self.pcm) if self.whole else max(len(self.pcm), len(self.text) * _MS_A_CHARACTER * _BYTES_A_MS)
        if not total or heard_bytes >= total:
            return ""
        reached, begin = len(self.text) * heard_bytes / total, 0
        for clause in _CLAUSE.findall(self.text):
            if begin + len(clause) > reached:
                break
            begin += len(clause)
        return self.text[begin:]


class Playback:
    """Plays sayings one after another on ``leg``; :meth:`run` is its task."""

    def __init__(self, leg: CallLeg, voice: Speaker, events: PlaybackEvents) -> None:
        self._leg = leg
        self._voice = voice
        self._events = events
        self._queue: deque[Saying] = deque()
        self._current: Saying | None = None
        self._added = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def playing(self) -> bool:
        """Whether something is being said, is held, or waits to be said."""
        return not self._idle.is_set()

    @property
    def held(self) -> bool:
        """Whether a saying was silenced and may go on."""
        return self._current is not None and self._current.held

    @property
    def left_ms(self) -> int:
        """About how much is still to be said, sayings that wait included."""
        waiting = sum(len(saying.text) for saying in self._queue) * _MS_A_CHARACTER
        current = self._current
        if current is None or current.dropped:
            return waiting
        rest = len(current.pcm) - self._heard_bytes(current)
        if not current.whole:
            rest = max(rest, len(current.text) * _MS_A_CHARACTER * _BYTES_A_MS - self._heard_bytes(current))
        return waiting + rest // _BYTES_A_MS

    def say(self, saying: Saying) -> None:
        """Queue ``saying``."""
        self._queue.append(saying)
        self._idle.clear()
        self._added.set()

    def duck(self) -> None:
        """Make what is being said quieter, if it may be interrupted at all."""
        if self._current and self._current.barge_in and not self._current.dropped:
            self._leg.set_gain(DUCK_DB)

    def hold(self) -> None:
        """Fall silent at once and keep the rest; what may not be interrupted goes on."""
        saying = self._current
        if saying is None or not saying.barge_in or saying.dropped or saying.held:
            return
        saying.at = max(0, self._heard_bytes(saying) - BACK_UP_MS * _BYTES_A_MS)
        saying.held = True
        saying.released.clear()
        self._leg.flush()

    def resume(self) -> None:
        """Go on at full level, from where a held saying was left."""
        self._leg.set_gain(0.0)
        saying = self._current
        if saying is None or not saying.held:
            return
        saying.held = False
        self._leg.play(bytes(saying.pcm[saying.at :]))
        saying.at = len(saying.pcm)
        saying.released.set()

    def stop(self, *, force: bool = False) -> None:
        """Fall silent at once for good; what may not be interrupted goes on, unless ``force``."""
        kept = deque(saying for saying in self._queue if not (saying.barge_in or force))
        dropped = [saying for saying in self._queue if saying.barge_in or force]
        self._queue = kept
        current = self._current
        if current and (current.barge_in or force) and not current.dropped:
            current.at = self._heard_bytes(current)
            current.dropped = True
            current.held = False
            self._leg.flush()
            current.released.set()
        elif force:
            self._leg.flush()
        for saying in dropped:
            self._finish(saying)

    async def idle(self) -> None:
        """Return when there is nothing left to say."""
        await self._idle.wait()

    async def run(self) -> None:
        """Say what comes until cancelled."""
        while True:
            await self._added.wait()
            while self._queue:
                self._current = self._queue.popleft()
                self._events.prompt_started(barge_in=self._current.barge_in)
                await self._play(self._current)
                finished, self._current = self._current, None
                self._finish(finished)
            self._added.clear()
            self._idle.set()
            self._events.prompt_ended()

    async def _play(self, saying: Saying) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        if self._leg.queued_ms:
            self._leg.flush()
        self._leg.set_gain(0.0)
        try:
            async for pcm in self._voice.stream(saying.text, keep=saying.keep):
                if saying.dropped:
                    break
                if saying.limit_ms:
                    pcm = pcm[: max(0, saying.limit_ms * _BYTES_A_MS - len(saying.pcm))]
                mark = None if saying.pcm else self._started(saying, (loop.time() - asked_at) * 1000)
                saying.pcm += pcm
                if not saying.held:
                    self._leg.play(pcm, mark)
                    saying.at = len(saying.pcm)
        except HotlineError as error:
            _log.error("nothing_said", code=error.code)
            saying.dropped = True
        saying.whole = not saying.dropped
        while not saying.dropped:
            await self._leg.drained()
            if not saying.held:
                break
            await saying.released.wait()

    def _heard_bytes(self, saying: Saying) -> int:
        if saying.held or saying.dropped:
            return saying.at
        return max(0, saying.at - self._leg.queued_ms * _BYTES_A_MS)

    def _started(self, saying: Saying, synthesis_ms: float) -> Callable[[], None]:
        return lambda: self._events.saying_started(saying.id, synthesis_ms) if saying.id else None

    def _finish(self, saying: Saying) -> None:
        """Tell that ``saying`` is over: said to its end, cut, or never begun."""
        interrupted = saying.dropped or not saying.whole
        if saying.id:
            said = saying.at if interrupted else len(saying.pcm)
            unsaid = saying.unsaid(said) if interrupted else ""
            self._events.saying_done(saying.id, interrupted=interrupted, said_ms=said // _BYTES_A_MS, unsaid=unsaid)
        if saying.then:
            saying.then()
