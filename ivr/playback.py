"""What the caller hears: sayings in order, each sentence by sentence, stopped the moment the caller takes the turn."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from config.errors import HotlineError
from ivr.sip.contract import CallLeg
from ivr.speech.voice import Speaker

_log = structlog.get_logger("ivr")

_BYTES_A_MS: Final = 16


class PlaybackEvents(Protocol):
    """Who is told. ``prompt_started`` and ``prompt_ended`` enclose everything said without a gap."""

    def saying_started(self, id: str, synthesis_ms: float) -> None: ...

    def saying_done(self, id: str, *, interrupted: bool) -> None: ...

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
        """Whether something is being said or waits to be."""
        return not self._idle.is_set()

    def say(self, saying: Saying) -> None:
        """Queue ``saying``."""
        self._queue.append(saying)
        self._idle.clear()
        self._added.set()

    def stop(self, *, force: bool = False) -> None:
        """Fall silent at once; what may not be interrupted goes on, unless ``force``."""
        kept = deque(saying for saying in self._queue if not (saying.barge_in or force))
        dropped = [saying for saying in self._queue if saying.barge_in or force]
        self._queue = kept
        if self._current and (self._current.barge_in or force) and not self._current.dropped:
            self._current.dropped = True
            self._leg.flush()
        for saying in dropped:
            self._finish(saying, interrupted=True)

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
                self._finish(finished, interrupted=finished.dropped)
            self._added.clear()
            self._idle.set()
            self._events.prompt_ended()

    async def _play(self, saying: Saying) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        played_ms = 0
        try:
            async for pcm in self._voice.stream(saying.text, keep=saying.keep):
                if saying.dropped:
                    break
                if saying.limit_ms:
                    pcm = pcm[: max(0, saying.limit_ms - played_ms) * _BYTES_A_MS]
                mark = None
                if played_ms == 0:
                    synthesis_ms = (loop.time() - asked_at) * 1000
                    mark = self._started(saying, synthesis_ms)
                self._leg.play(pcm, mark)
                played_ms += len(pcm) // _BYTES_A_MS
        except HotlineError as error:
            _log.error("nothing_said", code=error.code)
            saying.dropped = True
        if not saying.dropped:
            await self._leg.drained()

    def _started(self, saying: Saying, synthesis_ms: float) -> Callable[[], None]:
        return lambda: self._events.saying_started(saying.id, synthesis_ms) if saying.id else None

    def _finish(self, saying: Saying, *, interrupted: bool) -> None:
        if saying.id:
            self._events.saying_done(saying.id, interrupted=interrupted)
        if saying.then:
            saying.then()
