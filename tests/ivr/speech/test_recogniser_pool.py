import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from ivr.speech.recogniser import RecogniserLost
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.worker_process import WorkerNotStarted

FRAME = bytes(320)
REPLACED_WITHIN_S = 1.0
"""What is promised for a worker that crashes or hangs, on a machine with a free core."""


def pool_of(folder: Path, workers: int = 2) -> RecogniserPool:
    return RecogniserPool(folder, workers, module="tests.ivr.speech.echo_worker")


async def test_an_utterance_is_recognised_with_its_words(tmp_path: Path) -> None:
    partials: list[str] = []
    async with pool_of(tmp_path) as pool:
        recogniser = pool.open(partials.append)
        recogniser.begin(["对", "不对"])
        recogniser.feed(FRAME * 3)
        recogniser.feed(FRAME)
        heard = await recogniser.finish()
        assert (heard.text, heard.confidence) == ("4:对:不对", 0.5)
        assert heard.words[0].end_ms == 20
        assert partials == ["3", "4"]
        recogniser.begin()
        recogniser.feed(FRAME)
        assert (await recogniser.finish()).text == "1"
        await recogniser.close()


async def test_calls_are_spread_and_kept_apart(tmp_path: Path) -> None:
    async with pool_of(tmp_path) as pool:
        calls = [pool.open(lambda words: None) for _ in range(6)]
        assert sorted(sum(call.place is place for call in calls) for place in {call.place for call in calls}) == [3, 3]
        for number, call in enumerate(calls):
            call.begin()
            call.feed(FRAME * number)
        assert [(await call.finish()).text for call in calls] == ["0", "1", "2", "3", "4", "5"]


async def test_a_crash_in_mid_utterance_is_not_noticed(tmp_path: Path) -> None:
    async with pool_of(tmp_path) as pool:
        before = pool.worker_pids
        recogniser = pool.open(lambda words: None)
        recogniser.begin()
        recogniser.feed(FRAME * 5)
        recogniser.feed(b"DIE1" + bytes(316))
        recogniser.feed(FRAME * 4)
        assert (await recogniser.finish()).text == "10"
        async with asyncio.timeout(10):
            while len(pool.worker_pids) < 2 or pool.worker_pids == before:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_killed_from_outside_between_utterances(tmp_path: Path) -> None:
    async with pool_of(tmp_path, workers=1) as pool:
        recogniser = pool.open(lambda words: None)
        [pid] = pool.worker_pids
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while pool.worker_pids in ((pid,), ()) or not pool.ready:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        recogniser.begin()
        recogniser.feed(FRAME * 2)
        assert (await recogniser.finish()).text == "2"


async def test_a_hang_moves_the_call_within_a_second(tmp_path: Path) -> None:
    async with pool_of(tmp_path) as pool:
        recogniser = pool.open(lambda words: None)
        recogniser.begin()
        recogniser.feed(FRAME)
        hung_at = time.monotonic()
        recogniser.feed(b"HANG" + bytes(316))
        assert (await recogniser.finish()).text == "2"
        assert time.monotonic() - hung_at < REPLACED_WITHIN_S + 1.5  # the machine may be busy with other tests


async def test_an_utterance_that_kills_twice_is_given_up(tmp_path: Path) -> None:
    async with pool_of(tmp_path) as pool:
        recogniser = pool.open(lambda words: None)
        recogniser.begin()
        recogniser.feed(b"DIE!" + bytes(316))
        with pytest.raises(RecogniserLost):
            await recogniser.finish()
        async with asyncio.timeout(10):
            while not pool.ready:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        recogniser.begin()
        recogniser.feed(FRAME)
        assert (await recogniser.finish()).text == "1"


async def test_closing_tells_those_who_wait(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, workers=1)
    await pool.start()
    recogniser = pool.open(lambda words: None)
    recogniser.begin()
    os.kill(pool.worker_pids[0], signal.SIGSTOP)
    waiting = asyncio.create_task(recogniser.finish())
    await asyncio.sleep(0.05)
    await pool.close()
    with pytest.raises(RecogniserLost):
        await waiting


async def test_whole_recordings_and_the_probe(tmp_path: Path) -> None:
    async with pool_of(tmp_path) as pool:
        assert (await pool.transcribe(FRAME * 250)).text == "250"
        assert await pool.probe()


async def test_a_worker_that_cannot_start_says_so(tmp_path: Path) -> None:
    pool = RecogniserPool(tmp_path, 1, module="tests.ivr.speech.no_such_worker")
    with pytest.raises(WorkerNotStarted, match="doctor"):
        await pool.start()
