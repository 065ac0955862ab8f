"""Following changes: at once, again and again, also after a failure, and no longer than it is wanted."""

import asyncio

import pytest
import structlog

from gateway.follower import POLL_S, Follower
from tests.ivr.virtual_time import run_virtually


def test_it_looks_on_after_a_failure_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    logged = structlog.testing.CapturingLogger()
    monkeypatch.setattr("gateway.follower.log", logged)
    looked: list[float] = []

    async def look() -> None:
        looked.append(asyncio.get_running_loop().time())
        if len(looked) == 2:
            raise ConnectionError("the database is away")

    async def follow() -> None:
        follower = Follower("something", look)
        await follower.start()
        assert len(looked) == 1
        await asyncio.sleep(3.2 * POLL_S)
        await follower.stop()
        await asyncio.sleep(3 * POLL_S)

    run_virtually(follow())
    assert [round((at - looked[0]) / POLL_S, 1) for at in looked] == [0, 1, 2, 3]
    assert [(call.method_name, call.args) for call in logged.calls] == [("exception", ("changes_not_read",))]
