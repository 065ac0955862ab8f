"""The real recogniser: Vosk with the model we ship, in its worker processes, hearing our own voice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest
import pytest_asyncio
import vosk

from asr_models.library import shipped
from asr_models.measure import likeness
from ivr.speech.grammar import Grammars
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.recogniser_worker import Session, joined
from ivr.speech.voice import Voice

FRAME_BYTES = 320


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RecogniserPool]:
    async with RecogniserPool(shipped().path, 2) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller() -> AsyncIterator[Voice]:
    async with Voice("caller") as voice:
        yield voice


pytestmark = pytest.mark.asyncio(loop_scope="module")


def tone(hertz: list[float], ms: int = 2000) -> bytes:
    moment = np.arange(ms * 8) / 8000
    wave = np.sum([0.2 * np.sin(2 * np.pi * hz * moment) for hz in hertz], axis=0)
    return bytes((wave * 32767).astype("<i2").tobytes())


@pytest.mark.parametrize("sentence", ["我要投诉", "公积金怎么提取", "家里煤气泄漏了", "人工"])
async def test_what_is_said_is_recognised(pool: RecogniserPool, caller: Voice, sentence: str) -> None:
    heard = await pool.transcribe(bytes(4800) + await caller.synthesise(sentence) + bytes(4800))
    assert likeness(sentence, heard.text) >= 0.75
    assert " " not in heard.text
    assert 0.3 < heard.confidence <= 1
    assert "".join(word.text for word in heard.words) == heard.text
    assert all(word.start_ms < word.end_ms for word in heard.words)


async def test_an_emergency_is_heard_before_the_sentence_is_over(pool: RecogniserPool, caller: Voice) -> None:
    pcm = await caller.synthesise("家里煤气泄漏了，现在一屋子都是味道，我应该怎么办")
    partials: list[tuple[int, str]] = []
    recogniser = pool.open(lambda words: partials.append((fed, words)))
    recogniser.begin()
    for fed in range(0, len(pcm), FRAME_BYTES):
        recogniser.feed(pcm[fed : fed + FRAME_BYTES])
        await asyncio.sleep(0.002)
    await recogniser.finish(within_s=30)
    await recogniser.close()
    first = next((at for at, words in partials if "煤气泄漏" in words), None)
    assert first is not None
    assert first < len(pcm) * 0.7


@pytest.fixture(scope="module")
def session() -> Session:
    path = shipped().path
    model = vosk.Model(str(path))
    return Session(model, Grammars(model, path))


def partials_of(session: Session, pcm: bytes) -> list[tuple[int, str]]:
    """What is told of ``pcm`` while it is said, and after how many ms of it."""
    session.begin(())
    told = [
        (at // 16 + 20, session.feed(pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")))
        for at in range(0, len(pcm), FRAME_BYTES)
    ]
    session.finish()
    return [(ms, words) for ms, words in told if words is not None]


@pytest.mark.parametrize("sentence", ["公积金怎么提取", "好的", "我要投诉楼上漏水"])
async def test_a_voice_is_told_before_its_first_word_and_both_soon(
    session: Session, caller: Voice, sentence: str
) -> None:
    pcm = await caller.synthesise(sentence)
    told = partials_of(session, pcm + bytes(16 * 400))
    assert told[0][1] == ""
    assert told[0][0] <= 300
    assert next(ms for ms, words in told if words) <= 800
    assert all(later[0] - earlier[0] <= 300 for earlier, later in pairwise(told))


async def test_a_cough_is_no_voice(session: Session) -> None:
    fading = np.exp(-3 * np.arange(2000) / 2000)
    burst = np.convolve(np.random.default_rng(5).normal(0, 1, 2000), np.ones(3) / 3, "same") * fading * 0.2
    cough = bytes((burst * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    assert partials_of(session, cough + bytes(2000) + cough + bytes(16_000)) == []


@pytest.mark.parametrize(
    "pcm",
    [bytes(32_000), tone([941, 1336]), tone([450]), tone([50, 100]), tone([1004], 300)],
    ids=["silence", "key", "dial tone", "hum", "test tone"],
)
async def test_silence_and_tones_are_no_words(pool: RecogniserPool, pcm: bytes) -> None:
    assert (await pool.transcribe(pcm)).text == ""


async def test_a_key_tone_in_a_sentence_is_taken_out(pool: RecogniserPool, caller: Voice) -> None:
    pcm = tone([770, 1336], 400) + bytes(6400) + await caller.synthesise("公积金怎么提取")
    assert likeness("公积金怎么提取", (await pool.transcribe(pcm)).text) >= 0.75


async def test_hints_do_not_make_words_of_something_else(pool: RecogniserPool, caller: Voice) -> None:
    recogniser = pool.open(lambda words: None)
    recogniser.begin(["对", "不对", "没有这个词哈利波特"])
    recogniser.feed(await caller.synthesise("请问公积金怎么提取"))
    assert likeness("请问公积金怎么提取", (await recogniser.finish(within_s=30)).text) >= 0.75
    await recogniser.close()


async def test_many_calls_at_once_are_kept_apart(pool: RecogniserPool, caller: Voice) -> None:
    sentences = ["我要投诉", "公积金怎么提取", "家里煤气泄漏了"] * 4
    sounds = [await caller.synthesise(sentence) for sentence in sentences]
    calls = [pool.open(lambda words: None) for _ in sentences]
    for call in calls:
        call.begin()
    for start in range(0, max(map(len, sounds)), FRAME_BYTES):
        for call, pcm in zip(calls, sounds, strict=True):
            if start < len(pcm):
                call.feed(pcm[start : start + FRAME_BYTES])
    heard = await asyncio.gather(*(call.finish(within_s=30) for call in calls))
    for call in calls:
        await call.close()
    assert [likeness(said, got.text) >= 0.75 for said, got in zip(sentences, heard, strict=True)] == [True] * 12


async def test_a_worker_killed_in_mid_sentence_costs_no_word(pool: RecogniserPool, caller: Voice) -> None:
    pcm = await caller.synthesise("公积金怎么提取")
    recogniser = pool.open(lambda words: None)
    recogniser.begin()
    half = len(pcm) // 2 // FRAME_BYTES * FRAME_BYTES
    recogniser.feed(pcm[:half])
    await asyncio.sleep(0.1)
    assert recogniser.place is not None
    assert recogniser.place.worker is not None
    pid = recogniser.place.worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    recogniser.feed(pcm[half:])
    assert likeness("公积金怎么提取", (await recogniser.finish(within_s=30)).text) >= 0.75
    await recogniser.close()


async def test_words_of_every_utterance_are_timed_from_its_own_start(pool: RecogniserPool, caller: Voice) -> None:
    pcm = bytes(8000) + await caller.synthesise("公积金怎么提取") + bytes(4800)
    recogniser = pool.open(lambda words: None)
    heard = []
    for _ in range(3):
        recogniser.begin()
        recogniser.feed(pcm)
        heard.append(await recogniser.finish(within_s=30))
    await recogniser.close()
    for one in heard:
        assert 400 <= one.words[0].start_ms <= 900
        assert one.words[-1].end_ms <= len(pcm) / 16 + 100


async def test_partials_come_every_300_ms_of_speech(pool: RecogniserPool, caller: Voice) -> None:
    pcm = await caller.synthesise("我要反映我们小区门口的路灯坏了很久一直没有人来修")
    heard_at: list[int] = []
    recogniser = pool.open(lambda words: heard_at.append(len(heard_at)))
    recogniser.begin()
    recogniser.feed(pcm)
    await recogniser.finish(within_s=30)
    await recogniser.close()
    assert len(heard_at) >= len(pcm) / 16 / 300 - 1


async def test_broken_hints_are_no_hints(pool: RecogniserPool, caller: Voice) -> None:
    recogniser = pool.open(lambda words: None)
    for hints in ((), ("",), ("{]",), ("哈利波特" * 100,), ("123，《》",), ("对", "不对") * 300):
        recogniser.begin(hints)
        recogniser.feed(await caller.synthesise("公积金怎么提取"))
        assert likeness("公积金怎么提取", (await recogniser.finish(within_s=30)).text) >= 0.75
    await recogniser.close()


async def test_spaces_and_unknown_words_are_taken_out() -> None:
    assert joined("我 要 [unk] 投诉") == "我要投诉"
