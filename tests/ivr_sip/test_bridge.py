"""Two bridged legs on the shared clock: no frame lost, none doubled, no gap, whatever the loop does. Virtual time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ivr.sip.clock import frame_clock
from ivr.sip.contract import FRAME_BYTES, CallLeg
from ivr.sip.fanout import Fanout
from ivr.sip.leg import _pass_sound
from ivr.sip.playback import Playback
from tests.ivr.virtual_time import run_virtually


class Side:
    """The media of one leg without sockets: each tick takes what is to be played and says the next number."""

    def __init__(self) -> None:
        self._said: Fanout[bytes] = Fanout(limit=500)
        self._playback = Playback()
        self._number = 0
        self.heard: list[int | None] = []

    def tick(self) -> None:
        frame = self._playback.take()
        self.heard.append(None if frame is None else int.from_bytes(frame.pcm[:2], "little"))
        self._number += 1
        self._said.put(self._number.to_bytes(2, "little") * (FRAME_BYTES // 2))

    def frames(self) -> AsyncIterator[bytes]:
        return self._said.listen()

    def play(self, pcm: bytes) -> None:
        self._playback.add(pcm)

    @property
    def queued_ms(self) -> int:
        return self._playback.queued_ms


async def bridged(legs: int, seconds: float, stall_s: float) -> list[list[int | None]]:
    """What the second side of each of ``legs`` bridges heard, the loop standing still for ``stall_s`` each 0.5 s."""
    loop = asyncio.get_running_loop()
    pairs: list[tuple[Side, Side]] = [(Side(), Side()) for _ in range(legs)]
    for pair in pairs:
        for side in pair:
            frame_clock().join(side.tick)
            await asyncio.sleep(0.001)
    tasks = [asyncio.create_task(_pass_sound(_as_leg(one), _as_leg(other))) for one, other in pairs]
    until = loop.time() + seconds
    while loop.time() < until:
        await asyncio.sleep(0.5)
        loop._jumping.now += stall_s  # type: ignore[attr-defined]
    for pair in pairs:
        for side in pair:
            frame_clock().leave(side.tick)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [other.heard for _, other in pairs]


def _as_leg(side: Side) -> CallLeg:
    return side  # type: ignore[return-value]  # has the part of a leg that sound needs


@pytest.mark.parametrize("stall_s", [0.0, 0.011, 0.019, 0.05, 0.09])
def test_bridged_sound_neither_drifts_nor_stutters(stall_s: float) -> None:
    for heard in run_virtually(bridged(3, 60.0, stall_s)):
        begun = heard.index(0) + 1
        numbers = heard[begun:]
        gaps = numbers.count(None)
        steady = [number for number in numbers if number is not None]
        assert gaps <= (1 if stall_s > 0.02 else 0)
        assert steady == list(range(steady[0], steady[0] + len(steady)))
        assert len(heard) - begun - len(steady) <= 1


def test_a_leg_that_stopped_taking_sound_loses_it_instead_of_delaying_it() -> None:
    async def scenario() -> int:
        source, target = Side(), Side()
        frame_clock().join(source.tick)
        passing = asyncio.create_task(_pass_sound(_as_leg(source), _as_leg(target)))
        await asyncio.sleep(5.0)
        frame_clock().leave(source.tick)
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
        return target.queued_ms

    assert run_virtually(scenario()) <= 80
