"""The tasks of one call: none outlives it, and none fails unnoticed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

_AGAIN_S: Final = 0.5


class CallTasks:
    """Starts tasks and ends them. ``on_failure`` gets what made a task fail."""

    def __init__(self, on_failure: Callable[[BaseException], None]) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def stop(self) -> None:
        """Cancel all and wait until they are over; one that missed its cancellation is cancelled again."""
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_AGAIN_S)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._on_failure(error)


async def first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Return when one of ``works`` is done; the others are cancelled."""
    tasks = [asyncio.get_running_loop().create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
