"""One clock for all legs, on virtual time."""

import asyncio
import itertools

import pytest
from structlog.testing import capture_logs

from ivr.sip.clock import MAX_BEHIND_S, frame_clock
from tests.ivr.virtual_time import run_virtually


def test_each_leg_ticks_every_20_ms_whenever_it_joins() -> None:
    async def scenario() -> None:
        clock, loop = frame_clock(), asyncio.get_running_loop()
        ticked: dict[int, list[float]] = {leg: [] for leg in range(9)}
        ticks = [lambda leg=leg: ticked[leg].append(loop.time()) for leg in ticked]
        for tick in ticks:
            clock.join(tick)
            await asyncio.sleep(0.003)
        await asyncio.sleep(2.0)
        for tick in ticks:
            clock.leave(tick)
        for times in ticked.values():
            gaps = [after - before for before, after in itertools.pairwise(times)]
            assert len(times) >= 99
            assert gaps == pytest.approx([0.02] * len(gaps), abs=1e-9)

    run_virtually(scenario())


def test_a_leg_speaks_5_ms_after_it_has_heard() -> None:
    async def scenario() -> None:
        clock, loop = frame_clock(), asyncio.get_running_loop()
        heard: list[float] = []
        spoke: list[float] = []

        def hear() -> None:
            heard.append(loop.time())

        for _ in range(3):
            clock.join(lambda: None)
        clock.join(hear, lambda: spoke.append(loop.time()))
        await asyncio.sleep(1.0)
        clock.leave(hear)
        assert len(heard) >= 49
        after = [min(at for at in spoke if at > before) - before for before in heard[:40]]
        assert after == pytest.approx([0.005] * 40, abs=1e-9)

    run_virtually(scenario())


def test_a_leg_that_fails_or_leaves_in_its_tick_harms_no_other() -> None:
    async def scenario() -> None:
        clock = frame_clock()
        ticks = {"fails": 0, "leaves": 0, "stays": 0}

        def fails() -> None:
            ticks["fails"] += 1
            raise ZeroDivisionError

        def leaves() -> None:
            ticks["leaves"] += 1
            clock.leave(leaves)

        def stays() -> None:
            ticks["stays"] += 1

        for tick in (fails, leaves, stays):
            clock.join(tick)
        with capture_logs() as logs:
            await asyncio.sleep(0.1)
        clock.leave(fails)
        clock.leave(stays)
        await asyncio.sleep(0.1)
        assert ticks == {"fails": 5, "leaves": 1, "stays": 5}
        assert [log["event"] for log in logs] == ["media_tick_failed"] * 5

    run_virtually(scenario())


def test_a_stalled_loop_catches_up_a_little_and_skips_the_rest() -> None:
    async def scenario() -> None:
        clock, loop = frame_clock(), asyncio.get_running_loop()
        late: list[float] = []
        clock.join(lambda: late.append(loop.time()))
        await asyncio.sleep(0.1)
        before = len(late)
        loop._jumping.now += 3.0  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        assert len(late) - before <= MAX_BEHIND_S / 0.02 + 1
        assert clock.skipped_s == pytest.approx(3.0, abs=0.03)
        await asyncio.sleep(1.0)
        assert len(late) - before == pytest.approx(50, abs=7)

    run_virtually(scenario())


def test_each_loop_has_its_own_clock() -> None:
    async def clock_of() -> object:
        assert frame_clock() is frame_clock()
        return frame_clock()

    assert run_virtually(clock_of()) is not run_virtually(clock_of())
