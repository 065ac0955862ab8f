"""Hung or only hungry? The time a process could have run and got no processor does not count as hanging. Linux only.

From ``/proc/PID/task/TID/schedstat``, whose second number is the time spent runnable in the queue, in ns (the kernel's
Documentation/scheduler/sched-stats). Where it cannot be read nothing is subtracted.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_NS: Final = 1_000_000_000


def queued_s(pid: int) -> float:
    """Seconds that the threads of ``pid`` have waited for a processor since they began, all together."""
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return total / _NS
    return total / _NS


class FairClock:
    """A stopwatch for what ``pid`` does, that stands still while it waits for a processor."""

    def __init__(
        self, pid: int, now: Callable[[], float] = time.monotonic, queued: Callable[[int], float] = queued_s
    ) -> None:
        self._pid = pid
        self._now = now
        self._queued = queued
        self.restart()

    def restart(self) -> None:
        """Begin at 0."""
        self._last, self._last_queued, self._fair = self._now(), self._queued(self._pid), 0.0

    def seconds(self) -> float:
        """Time since the start without what was spent waiting; looked at in short intervals it is the more exact."""
        now, queued = self._now(), self._queued(self._pid)
        self._fair += max(0.0, now - self._last - max(0.0, queued - self._last_queued))
        self._last, self._last_queued = now, queued
        return self._fair
