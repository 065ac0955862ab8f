"""Voice workers: several processes that each say one piece at a time, the piece that is due first going first.

A worker that dies takes nothing with it: its piece goes to another, and a new one comes in its place. A worker that is slow over
a piece while another is free is raced by it; whoever is first is heard.
"""

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from config.errors import HotlineError
from ivr.speech.pipe_frames import Kind, PipeFrame
from ivr.speech.worker_process import WorkerNotStarted, WorkerProcess

_log = structlog.get_logger("ivr")

WORKER: Final = "ivr.speech.voice_worker"
SYNTHESIS_S: Final = 5.0
"""espeak-ng needs 10 ms for 20 characters; a worker that has been at one piece for this long is lost.

Long, since on a machine with thirty programs waiting for its two cores a good worker took more than two seconds, and to replace
it cost more: the race keeps callers from waiting for a lost one.
"""
RACE_S: Final = 0.4
"""A piece that takes this long is given to a free worker as well."""
_START_S: Final = 30.0
_RESTART_PAUSE_S: Final = (0.0, 0.1, 0.3, 1.0)


class VoiceUnavailable(HotlineError):
    """Nothing could be said: workers died or hung over one piece again and again, or none can be started."""

    def __init__(self) -> None:
        super().__init__("voice_unavailable", "语音合成暂时不可用；请运行 ./hotline doctor 检查 espeakng-loader")


@dataclass(order=True, slots=True)
class _Piece:
    """Something to be said. ``due``: when it is needed, on the loop's clock."""

    due: float
    number: int
    spoken: bytes = field(compare=False)
    answer: asyncio.Future[bytes] = field(compare=False)
    deaths: int = field(default=0, compare=False)


class VoicePool:
    """``workers`` processes started as ``python -m module *arguments``; they start with the first piece, or by ``start``."""

    def __init__(self, arguments: Sequence[str], workers: int, *, module: str = WORKER) -> None:
        self.module = module
        self.arguments = tuple(arguments)
        self._places = [_Place(self, index) for index in range(max(1, workers))]
        self._waiting: list[_Piece] = []
        self._next = 1
        self._starting: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The processes that can speak at this moment."""
        return tuple(place.worker.pid for place in self._places if place.alive and place.worker and place.worker.pid)

    @property
    def waiting(self) -> int:
        """Pieces that no worker has taken up yet."""
        return sum(not piece.answer.done() for piece in self._waiting)

    async def start(self) -> None:
        """Start every worker; raises ``WorkerNotStarted`` when none comes up."""
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start(), name="voices")
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        started = await asyncio.gather(*(place.start() for place in self._places), return_exceptions=True)
        failed = [error for error in started if isinstance(error, BaseException)]
        if len(failed) == len(self._places):
            self._starting = None
            raise failed[0]
        for place, outcome in zip(self._places, started, strict=True):
            if isinstance(outcome, BaseException):
                place.replace()

    async def close(self) -> None:
        """End the workers; what still waits is told that there is no voice."""
        self.closed = True
        if self._starting and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await asyncio.gather(*(place.stop() for place in self._places))
        for piece in self._waiting:
            fail(piece.answer)

    async def speak(self, spoken: str, *, due: float) -> bytes:
        """``spoken`` (numbered pinyin) as telephone speech; raises :class:`VoiceUnavailable`."""
        if self.closed:
            raise VoiceUnavailable
        try:
            await self.start()
        except (WorkerNotStarted, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not self.closed:
                raise
            raise VoiceUnavailable from None
        piece = _Piece(due, self._next, spoken.encode(), asyncio.get_running_loop().create_future())
        self._next = self._next % 0xFFFFFFFF + 1
        self.queue(piece)
        return await piece.answer

    # --- for the places -----------------------------------------------------------------------------------------

    def queue(self, piece: _Piece) -> None:
        """Put ``piece`` where its time is, and give work to whoever is free."""
        heapq.heappush(self._waiting, piece)
        self.dispatch()

    def dispatch(self) -> None:
        """Give free workers what is due first."""
        free = [place for place in self._places if place.free]
        while free and self._waiting:
            piece = heapq.heappop(self._waiting)
            if not piece.answer.done():  # its caller may have gone meanwhile
                free.pop().take(piece)

    def race(self, piece: _Piece) -> None:
        """Let a free worker say the slow ``piece`` as well, if there is one."""
        rival = next((place for place in self._places if place.free), None)
        if rival and not piece.answer.done():
            rival.take(piece)

    def dropped(self, piece: _Piece) -> None:
        """The worker that had ``piece`` is gone."""
        piece.deaths += 1
        if piece.deaths <= len(self._places):  # all of them may have been dead already when they got it
            self.queue(piece)
        elif not piece.answer.done():
            fail(piece.answer)


class _Place:
    """Where a worker runs; the worker is replaced when it goes."""

    def __init__(self, pool: VoicePool, index: int) -> None:
        self._pool = pool
        self._index = index
        self.worker: WorkerProcess | None = None
        self._piece: _Piece | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._deaths = 0
        self._restart: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self.worker is not None and self.worker.alive

    @property
    def free(self) -> bool:
        return self.alive and self._piece is None

    async def start(self) -> None:
        worker = WorkerProcess(
            self._pool.module,
            self._pool.arguments,
            on_frame=self._received,
            on_exit=self._gone,
            hang_s=SYNTHESIS_S,
        )
        await worker.start(_START_S)
        self.worker = worker

    async def stop(self) -> None:
        if self._restart:
            self._restart.cancel()
            await asyncio.gather(self._restart, return_exceptions=True)
        if self.worker:
            await self.worker.stop()
        piece = self._put_down()
        if piece:
            fail(piece.answer)

    def take(self, piece: _Piece) -> None:
        """Have ``piece`` said here."""
        assert self.worker is not None  # noqa: S101 (only free places take)
        loop = asyncio.get_running_loop()
        self._piece = piece
        self._timers = [
            loop.call_later(RACE_S, self._pool.race, piece),
            loop.call_later(SYNTHESIS_S, self._too_slow),
        ]
        self.worker.send(Kind.SPEAK, piece.number, piece.spoken)

    def replace(self) -> None:
        """Put a new worker here."""
        self._restart = asyncio.get_running_loop().create_task(self._replace(), name=f"voice-{self._index}")

    def _put_down(self) -> _Piece | None:
        for timer in self._timers:
            timer.cancel()
        piece, self._piece, self._timers = self._piece, None, []
        return piece

    def _received(self, frame: PipeFrame) -> None:
        if frame.kind is not Kind.AUDIO_OUT or self._piece is None or frame.id != self._piece.number:
            return
        self._deaths = 0
        piece = self._put_down()
        if piece and not piece.answer.done():
            piece.answer.set_result(frame.payload)
        self._pool.dispatch()

    def _too_slow(self) -> None:
        _log.warning("voice_timed_out", worker=self._index)
        if self.worker:
            self.worker.kill()

    def _gone(self) -> None:
        self._deaths += 1
        piece = self._put_down()
        if not self._pool.closed:
            self.replace()
            if piece:
                self._pool.dropped(piece)

    async def _replace(self) -> None:
        while not self._pool.closed:
            await asyncio.sleep(_RESTART_PAUSE_S[min(self._deaths - 1, len(_RESTART_PAUSE_S) - 1)])
            try:
                await self.start()
            except WorkerNotStarted:
                self._deaths += 1
                _log.warning("voice_not_restarted", deaths=self._deaths)
                continue
            self._pool.dispatch()
            return


def fail(answer: "asyncio.Future[bytes]") -> None:
    """Tell whoever waits that there is no voice."""
    if not answer.done():
        answer.set_exception(VoiceUnavailable())
