import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from ivr.speech.voice_pool import VoicePool, VoiceUnavailable

HELLO = "ni2 hao3 ."
LONG = " , ".join(["qing3 dai4 shen1 fen4 zheng4 he2 hu4 kou3 ben3"] * 4)


@pytest.fixture
async def pool() -> AsyncIterator[VoicePool]:
    pool = VoicePool(("cmn-latn-pinyin", "180", "50"), 2)
    await pool.start()
    yield pool
    await pool.close()


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        await asyncio.sleep(0.05)
    pytest.fail("not within 20 s")


async def test_what_is_due_first_is_said_first(pool: VoicePool) -> None:
    order: list[str] = []

    async def say(name: str, spoken: str, due: float) -> None:
        await pool.speak(spoken, due=due)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(say("later", LONG, now() + 5 + number))
        group.create_task(say("now", HELLO, now()))
    assert "now" in order[:3]  # two workers were busy already, nobody else went before


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_voice_that_fails_loses_no_piece(pool: VoicePool, sign: signal.Signals) -> None:
    victim = pool.worker_pids[0]
    pieces = [asyncio.create_task(pool.speak(f"{HELLO} {LONG}", due=now() + number)) for number in range(12)]
    await asyncio.sleep(0.02)
    os.kill(victim, sign)
    sizes = [len(pcm) for pcm in await asyncio.gather(*pieces)]
    assert max(sizes) - min(sizes) < 1000  # espeak-ng is not exact to the sample
    await until(lambda: victim not in pool.worker_pids and len(pool.worker_pids) == 2)


async def test_every_voice_may_fail_at_once(pool: VoicePool) -> None:
    for pid in pool.worker_pids:
        os.kill(pid, signal.SIGKILL)
    assert len(await asyncio.wait_for(pool.speak(HELLO, due=now()), 20)) > 0


async def test_a_caller_who_has_gone_costs_no_synthesis(pool: VoicePool) -> None:
    pieces = [asyncio.create_task(pool.speak(LONG, due=now() + number)) for number in range(20)]
    await asyncio.sleep(0)
    for piece in pieces[2:]:
        piece.cancel()
    await asyncio.sleep(0)
    assert pool.waiting == 0
    await asyncio.gather(*pieces[:2])


async def test_a_voice_that_cannot_be_started_is_told_of() -> None:
    pool = VoicePool(("no-such-voice", "180", "50"), 2)
    with pytest.raises(VoiceUnavailable, match="doctor"):
        await pool.speak(HELLO, due=now())
    await pool.close()


async def test_a_closed_pool_says_nothing(pool: VoicePool) -> None:
    await pool.close()
    with pytest.raises(VoiceUnavailable):
        await pool.speak(HELLO, due=now())
