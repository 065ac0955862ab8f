"""Readers in a process of their own: what they say comes back, what runs into a limit is ended, nothing of theirs stays."""

import asyncio
import os
from dataclasses import replace

import pytest

from knowledge.apart import Apart, Failed, Limits

HOSTILE = "tests.knowledge.hostile"
LIMITS = Limits(seconds=60, cpu_s=20, memory_mb=300, told_mb=1)


class Begun:
    """Waits for the first line of each of ``number`` processes."""

    def __init__(self, number: int) -> None:
        self.lines: list[bytes] = []
        self._number = number
        self._heard = asyncio.Event()

    def take(self, line: bytes) -> None:
        self.lines.append(line)
        if len(self.lines) == self._number:
            self._heard.set()

    async def all(self) -> None:
        async with asyncio.timeout(50):
            await self._heard.wait()


async def told(*arguments: str, limits: Limits = LIMITS) -> list[bytes]:
    lines: list[bytes] = []
    await Apart().run(HOSTILE, arguments, limits, lines.append)
    return lines


async def test_what_it_says_comes_line_by_line() -> None:
    assert await told("say", "甲", "", "乙") == ["甲".encode(), b"", "乙".encode()]


@pytest.mark.parametrize(
    ("does", "limits", "code", "says"),
    [
        ("eat", LIMITS, "too_big", "内存超过 300 MB"),
        ("spin", replace(LIMITS, cpu_s=1), "too_long", "处理器时间"),
        ("talk", LIMITS, "too_big", "内容超过 1 MB"),
        ("one line", replace(LIMITS, told_mb=16), "too_big", "一行"),
        ("sleep", replace(LIMITS, seconds=0.5), "too_long", "没有读完"),
        ("nothing that it knows", LIMITS, "broken", "出错"),
    ],
)
async def test_what_runs_into_a_limit_is_ended_and_says_why(does: str, limits: Limits, code: str, says: str) -> None:
    with pytest.raises(Failed, match=says) as caught:
        await told(does, limits=limits)
    assert caught.value.code == code


async def test_the_loop_runs_while_a_process_eats_and_spins() -> None:
    turns = 0

    async def calls() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    beside = asyncio.create_task(calls())
    with pytest.raises(Failed):
        await told("spin", limits=replace(LIMITS, cpu_s=1))
    beside.cancel()
    assert turns > 10


async def test_a_process_that_is_given_up_is_gone() -> None:
    begun = Begun(1)
    running = asyncio.create_task(Apart().run(HOSTILE, ["sleep"], LIMITS, begun.take))
    await begun.all()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.lines[0]), 0)


async def test_it_sees_no_secrets_of_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_SECRET", "geheim")
    assert os.environ["HOTLINE_SECRET"] == "geheim"
    assert await told("environment", "HOTLINE_SECRET") == [b"nothing"]


async def test_two_at_a_time_and_waiting_counts() -> None:
    apart, begun = Apart(), Begun(2)
    running = [asyncio.create_task(apart.run(HOSTILE, ["sleep"], LIMITS, begun.take)) for _ in range(2)]
    await begun.all()
    with pytest.raises(Failed, match="没有读完"):
        await apart.run(HOSTILE, ["say", "x"], replace(LIMITS, seconds=0.3), begun.take)
    assert len(begun.lines) == 2
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await apart.run(HOSTILE, ["say", "x"], LIMITS, begun.take)
    assert begun.lines[2:] == [b"x"]
