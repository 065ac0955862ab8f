"""A virtual clock that stands still while threads work: a database answers in no time at all, as far as a call can tell."""

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any, TypeVar

import aiosqlite.core
import pytest

T = TypeVar("T")
_LONGEST_WAIT_S = 60.0
"""Real seconds after which work in a thread is given up for lost."""


class _Held(selectors.DefaultSelector):
    """Adds the time it would have waited to the clock, unless a thread is at work: then it really waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.outside = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.outside or timeout is None:
            ready = super().select(_LONGEST_WAIT_S)
            if not ready:
                raise RuntimeError("everything waits for something that does not come")
            return ready
        self.now += timeout
        return []


class HeldLoop(asyncio.SelectorEventLoop):
    """An event loop on such a clock, which starts at 0 s."""

    def __init__(self) -> None:
        self._held = _Held()
        super().__init__(self._held)

    def time(self) -> float:
        return self._held.now

    def hold_for(self, work: "asyncio.Future[Any]") -> None:
        """The clock stands still until ``work`` is done."""
        self._held.outside += 1
        work.add_done_callback(self._back)

    def _back(self, done: "asyncio.Future[Any]") -> None:
        self._held.outside -= 1

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        future = super().run_in_executor(executor, func, *args)
        self.hold_for(future)
        return future


@contextlib.contextmanager
def database_in_no_time(loop: HeldLoop) -> Iterator[None]:
    """Hold the clock of ``loop`` whenever SQLite's thread is asked something from it."""

    class Holding(SimpleQueue[Any]):
        def put_nowait(self, item: Any) -> None:
            if item[0] is not None and item[0].get_loop() is loop:
                loop.hold_for(item[0])
            super().put_nowait(item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite.core, "SimpleQueue", Holding)
        yield


class LoopClock:
    """The clock of a loop, for what asks for the time: it begins on a working day at ten in the morning."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._start = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()
