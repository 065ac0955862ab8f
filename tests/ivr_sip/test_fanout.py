"""One stream, several listeners."""

import asyncio
import gc

from ivr.sip.fanout import Fanout, Listener


async def heard(listener: Listener[int]) -> list[int]:
    return [item async for item in listener]


async def test_each_listener_hears_all_from_when_it_starts() -> None:
    fanout: Fanout[int] = Fanout(limit=10)
    first = asyncio.create_task(heard(fanout.listen()))
    fanout.put(1)
    second = asyncio.create_task(heard(fanout.listen()))
    await asyncio.sleep(0)
    fanout.put(2)
    fanout.close()
    assert await first == [1, 2]
    assert await second == [2]
    assert await heard(fanout.listen()) == []


async def test_what_came_before_the_first_listener_is_kept_for_it_alone() -> None:
    fanout: Fanout[int] = Fanout(limit=10, keep=2)
    for item in (1, 2, 3):
        fanout.put(item)
    first, second = fanout.listen(), fanout.listen()
    fanout.close()
    assert await heard(first) == [2, 3]
    assert await heard(second) == []


async def test_a_slow_listener_loses_the_oldest() -> None:
    fanout: Fanout[int] = Fanout(limit=3)
    listener = fanout.listen()
    for item in range(10):
        fanout.put(item)
    fanout.close()
    assert await heard(listener) == [7, 8, 9]


async def test_a_listener_whose_wait_was_cancelled_hears_on() -> None:
    fanout: Fanout[int] = Fanout(limit=3)
    listener = fanout.listen()
    waiting = asyncio.ensure_future(listener.__anext__())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    fanout.put(1)
    assert await anext(listener) == 1


def test_a_listener_that_nobody_holds_is_forgotten() -> None:
    fanout: Fanout[int] = Fanout(limit=3)
    kept, dropped = fanout.listen(), fanout.listen()
    fanout.put(1)
    del dropped
    gc.collect()
    fanout.put(2)
    assert [reference() for reference in fanout._listeners] == [kept]
