"""One timer for the media of all legs: a frame each 20 ms, at fixed moments, in a fixed order."""

import asyncio
import weakref
from collections.abc import Callable
from typing import Final

import structlog

from ivr.sip.contract import FRAME_MS

_log = structlog.get_logger("ivr.sip")

Tick = Callable[[], None]

SLOTS: Final = 4
"""Legs tick in turns within the 20 ms, so that the loop is never busy with all of them in one go."""
MAX_BEHIND_S: Final = 0.1
"""A loop that stalled for longer goes on from now: a far end cannot use a burst of old packets."""
_SLOT_S: Final = FRAME_MS / 1000 / SLOTS


def _nothing() -> None:
    """For those who only hear."""


class FrameClock:
    """Calls every tick that has joined once each 20 ms; deadlines are absolute, so no delay adds up.

    A leg hears in one slot and speaks in the next: what it does about what it heard goes out 5 ms later and not 20.
    """

    def __init__(self) -> None:
        self._slots: list[list[tuple[Tick, Tick]]] = [[] for _ in range(SLOTS)]
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._turn = 0
        self.skipped_s = 0.0
        """Time in which nothing was sent because the loop stood still."""

    def join(self, hear: Tick, speak: Tick = _nothing) -> None:
        """Call ``hear`` and 5 ms later ``speak`` from here on; the first time within 20 ms."""
        min(self._slots, key=len).append((hear, speak))
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + _SLOT_S
            self._timer = loop.call_at(self._due, self._run)

    def leave(self, hear: Tick) -> None:
        """Call what joined with ``hear`` no more; nothing happens when it has left before."""
        for slot in self._slots:
            slot[:] = [pair for pair in slot if pair[0] != hear]
        if self._timer is not None and not any(self._slots):
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        speaking, hearing = self._slots[self._turn - 1], self._slots[self._turn]
        for tick in [*(speak for _, speak in speaking), *(hear for hear, _ in hearing)]:
            try:
                tick()
            except Exception:
                _log.exception("media_tick_failed")
        if self._timer is None:
            return
        self._turn = (self._turn + 1) % SLOTS
        self._due += _SLOT_S
        behind = loop.time() - self._due
        if behind > MAX_BEHIND_S:
            self.skipped_s += behind
            self._due += behind
        self._timer = loop.call_at(self._due, self._run)


_clocks: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, FrameClock]" = weakref.WeakKeyDictionary()


def frame_clock() -> FrameClock:
    """The clock of the running event loop."""
    return _clocks.setdefault(asyncio.get_running_loop(), FrameClock())
