"""Recognition in worker processes: calls are spread over them, and a crash or a hang costs a call nothing it can notice.

A session keeps the audio of the utterance in progress. When its worker goes, another takes over and is told it all again
(Vosk is much faster than speech); when that one goes too, the utterance itself is suspected and given up.

:meth:`RecogniserPool.switch` changes the model under running calls: what is being said is heard out by the old workers, the next
utterance goes to the new ones, and an old worker ends with its last utterance.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import structlog

from ivr.speech.pipe_frames import Kind, PipeFrame
from ivr.speech.recogniser import OnPartial, Recognised, RecognisedWord, RecogniserLost
from ivr.speech.worker_process import WorkerNotStarted, WorkerProcess

_log = structlog.get_logger("ivr")

WORKER: Final = "ivr.speech.recogniser_worker"
_START_S: Final = 60.0
"""A large model reads gigabytes on its first start."""
FINISH_S: Final = 3.0
"""A result that takes longer is lost: the caller has been in silence long enough."""
_TAKEOVERS: Final = 1
_RESTART_PAUSE_S: Final = (0.0, 0.0, 0.5, 2.0, 5.0)
_KEPT_BYTES: Final = 16_000 * 30
_DRAIN_S: Final = 30.0
"""Longer than any utterance: what an old worker still has then is moved to a new one."""
_DRAIN_STEP_S: Final = 0.1


class RecogniserPool:
    """``workers`` processes with the model in ``model_dir``; a :class:`~ivr.speech.recogniser.RecogniserSource`."""

    def __init__(self, model_dir: Path, workers: int, *, name: str = "", module: str = WORKER) -> None:
        self.module = module
        self._model_dir = model_dir
        self._name = name or model_dir.name
        self._places = [_Place(self, model_dir, index) for index in range(max(1, workers))]
        self._retired: list[_Place] = []
        self._draining: set[asyncio.Task[None]] = set()
        self._switching = asyncio.Lock()
        self._sessions: dict[int, PooledRecogniser] = {}
        self._next_id = 1
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def model_dir(self) -> Path:
        return self._model_dir

    @property
    def worker_pids(self) -> tuple[int, ...]:
        return tuple(place.worker.pid for place in self._places if place.worker and place.worker.pid)

    @property
    def ready(self) -> bool:
        """Whether at least one worker takes calls."""
        return any(place.alive for place in self._places)

    async def start(self) -> None:
        """Start every worker; raises ``WorkerNotStarted`` when none comes up."""
        try:
            await _start(self._places)
        except WorkerNotStarted:
            await self.close()
            raise

    async def switch(self, model_dir: Path, *, name: str = "") -> None:
        """Hear with another model from the next utterance on; raises ``WorkerNotStarted`` and stays as it was when it does not load."""
        async with self._switching:
            places = [_Place(self, model_dir, index) for index in range(len(self._places))]
            try:
                await _start(places)
            except WorkerNotStarted:
                await asyncio.gather(*(place.stop() for place in places))
                raise
            old, self._places = self._places, places
            self._model_dir, self._name = model_dir, name or model_dir.name
            self._retired += old
            for place in old:
                place.retired = True
                task = asyncio.get_running_loop().create_task(self._drain(place), name="recogniser-drain")
                self._draining.add(task)
                task.add_done_callback(self._draining.discard)
            _log.info("recogniser_switched", model=self._name, workers=len(places))

    async def _drain(self, place: "_Place") -> None:
        """End an old worker when nobody is speaking to it any more."""
        waited = 0.0
        while waited < _DRAIN_S and place.alive and any(one.busy_at(place) for one in self._sessions.values()):
            await asyncio.sleep(_DRAIN_STEP_S)
            waited += _DRAIN_STEP_S
        for session in list(self._sessions.values()):
            if session.place is place:
                session.move(suspect=False)
        await place.stop()
        self._retired.remove(place)

    async def close(self) -> None:
        self.closed = True
        for session in list(self._sessions.values()):
            session.lose()
        for task in list(self._draining):
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await asyncio.gather(*(place.stop() for place in (*self._places, *self._retired)))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def open(self, on_partial: OnPartial) -> "PooledRecogniser":
        session = PooledRecogniser(self, self._next_id, on_partial)
        self._sessions[self._next_id] = session
        self._next_id = self._next_id % 0xFFFFFFFF + 1
        session.place = self.place()
        return session

    async def transcribe(self, pcm: bytes) -> Recognised:
        """What is said in ``pcm``, all at once; raises :class:`RecogniserLost`."""
        recogniser = self.open(lambda words: None)
        try:
            recogniser.begin()
            for start in range(0, len(pcm), 32_000):
                recogniser.feed(pcm[start : start + 32_000])
            return await recogniser.finish(within_s=max(FINISH_S, len(pcm) / 16_000))
        finally:
            await recogniser.close()

    async def probe(self) -> bool:
        """Whether a worker decodes."""
        try:
            await self.transcribe(bytes(3200))
        except RecogniserLost:
            return False
        return True

    def place(self) -> "_Place | None":
        """The working place with the fewest calls, if any works."""
        alive = [place for place in self._places if place.alive]
        load = {place: sum(session.place is place for session in self._sessions.values()) for place in alive}
        return min(alive, key=lambda place: load[place], default=None)

    def forget(self, id: int) -> None:
        self._sessions.pop(id, None)

    def received(self, frame: PipeFrame) -> None:
        session = self._sessions.get(frame.id)
        if session:
            session.received(frame)

    def lost(self, place: "_Place") -> None:
        """The worker at ``place`` is gone: its calls move."""
        for session in list(self._sessions.values()):
            if session.place is place:
                session.move(suspect=True)

    def regained(self) -> None:
        """A worker is back: calls that found none take it."""
        for session in list(self._sessions.values()):
            if session.place is None:
                session.move(suspect=False)


async def _start(places: Sequence["_Place"]) -> None:
    """Start all; raises the first failure when none comes up, else those that did not are tried again."""
    started = await asyncio.gather(*(place.start() for place in places), return_exceptions=True)
    failed = {place: error for place, error in zip(places, started, strict=True) if isinstance(error, BaseException)}
    if len(failed) == len(places):
        raise next(iter(failed.values()))
    for place in failed:
        place.replace()


class _Place:
    """Where a worker runs; the worker is replaced when it goes, unless the place is retired."""

    def __init__(self, pool: RecogniserPool, model_dir: Path, index: int) -> None:
        self._pool = pool
        self._model_dir = model_dir
        self._index = index
        self.retired = False
        self.worker: WorkerProcess | None = None
        self._deaths = 0
        self._restart: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self.worker is not None and self.worker.alive

    async def start(self) -> None:
        worker = WorkerProcess(
            self._pool.module,
            (str(self._model_dir),),
            on_frame=self._received,
            on_exit=self._gone,
        )
        await worker.start(_START_S)
        self.worker = worker

    async def stop(self) -> None:
        if self._restart:
            self._restart.cancel()
            await asyncio.gather(self._restart, return_exceptions=True)
        if self.worker:
            await self.worker.stop()

    def _received(self, frame: PipeFrame) -> None:
        if frame.kind is Kind.RESULT:
            self._deaths = 0
        self._pool.received(frame)

    def _gone(self) -> None:
        self._pool.lost(self)
        if not self._pool.closed and not self.retired:
            self.replace()

    def replace(self) -> None:
        """Bring a worker up here, however often it takes."""
        self._restart = asyncio.get_running_loop().create_task(self._replace(), name=f"recogniser-{self._index}")

    async def _replace(self) -> None:
        while not self._pool.closed and not self.retired:
            await asyncio.sleep(_RESTART_PAUSE_S[min(self._deaths, len(_RESTART_PAUSE_S) - 1)])
            self._deaths += 1
            try:
                await self.start()
            except WorkerNotStarted:
                _log.warning("recogniser_not_restarted", deaths=self._deaths)
                continue
            self._pool.regained()
            return


class PooledRecogniser:
    """One call's recogniser, wherever it runs at the moment."""

    def __init__(self, pool: RecogniserPool, id: int, on_partial: OnPartial) -> None:
        self._pool = pool
        self._id = id
        self._on_partial = on_partial
        self.place: _Place | None = None
        self._hints: tuple[str, ...] = ()
        self._kept = bytearray()
        self._active = False
        self._takeovers = 0
        self._answer: asyncio.Future[Recognised] | None = None
        self._stale_results = 0

    def begin(self, hints: Sequence[str] = ()) -> None:
        self._hints = tuple(hints)
        self._kept.clear()
        self._active = True
        self._takeovers = 0
        if self.place is None or not self.place.alive or self.place.retired:
            self._send(Kind.CLOSE)
            self.place = self._pool.place()
        self._send(Kind.OPEN, {"hints": list(self._hints)})

    def feed(self, pcm: bytes) -> None:
        if self._active and len(self._kept) < _KEPT_BYTES:
            self._kept += pcm
            self._send(Kind.AUDIO, pcm)

    async def finish(self, *, within_s: float = FINISH_S) -> Recognised:
        if not self._active:
            raise RecogniserLost
        self._answer = asyncio.get_running_loop().create_future()
        self._send(Kind.FINISH)
        try:
            async with asyncio.timeout(within_s):
                return await self._answer
        except TimeoutError:
            self._stale_results += self.place is not None
            raise RecogniserLost from None
        finally:
            self._answer = None
            self._active = False

    async def close(self) -> None:
        self.lose()
        self._send(Kind.CLOSE)
        self._pool.forget(self._id)

    def busy_at(self, place: "_Place") -> bool:
        """Whether an utterance is being heard there."""
        return self._active and self.place is place

    def received(self, frame: PipeFrame) -> None:
        said = frame.json()
        if frame.kind is Kind.PARTIAL and self._active:
            self._on_partial(said["text"])
        elif frame.kind is Kind.RESULT and self._stale_results:
            self._stale_results -= 1
        elif frame.kind is Kind.RESULT and self._answer and not self._answer.done():
            words = tuple(RecognisedWord(*word) for word in said["words"])
            self._answer.set_result(Recognised(said["text"], said["confidence"], words))

    def move(self, *, suspect: bool) -> None:
        """Go on with another worker. ``suspect``: the last one died, perhaps of this very utterance."""
        self._stale_results = 0
        if suspect and self._active:
            self._takeovers += 1
            if self._takeovers > _TAKEOVERS:
                self.lose()
        self.place = self._pool.place()
        if self.place is None or not self._active:
            return
        self._send(Kind.OPEN, {"hints": list(self._hints)})
        self._send(Kind.AUDIO, bytes(self._kept))
        if self._answer:
            self._send(Kind.FINISH)

    def lose(self) -> None:
        """Give the utterance up; whoever waits for it is told."""
        self._active = False
        if self._answer and not self._answer.done():
            self._answer.set_exception(RecogniserLost())

    def _send(self, kind: Kind, payload: bytes | dict[str, object] = b"") -> None:
        if self.place and self.place.worker:
            self.place.worker.send(kind, self._id, payload)
