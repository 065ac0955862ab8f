"""The tasks of a call: none outlives it."""

import asyncio

from ivr.call_tasks import CallTasks
from tests.ivr.virtual_time import run_virtually


def test_a_task_that_misses_its_cancellation_is_cancelled_again() -> None:
    async def scenario() -> None:
        failed: list[BaseException] = []
        tasks = CallTasks(failed.append)
        missed = 0

        async def deaf() -> None:
            nonlocal missed
            while missed < 2:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    missed += 1
            await asyncio.sleep(60)

        tasks.start(deaf())
        tasks.start(asyncio.sleep(60))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(tasks.stop(), 5)
        assert missed == 2
        assert len(asyncio.all_tasks()) == 1
        assert failed == []

    run_virtually(scenario())
