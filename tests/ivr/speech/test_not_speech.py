"""Fifteen kinds of sound that are no speech, through the real model as a call would send them: not one word in nearly four minutes."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from asr_models.library import shipped
from asr_models.measure import likeness
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.voice import Voice
from tests.ivr.speech.sounds import NOT_SPEECH, melody, pcm

SECONDS_OF_EACH = 15
UTTERANCE_S = 7.5
"""A call hears such a stretch as one utterance."""

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[RecogniserPool]:
    async with RecogniserPool(shipped().path, 2) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("kind", NOT_SPEECH)
async def test_it_never_becomes_a_word(pool: RecogniserPool, kind: str) -> None:
    sound = pcm(NOT_SPEECH[kind](SECONDS_OF_EACH)) if kind != "silence" else bytes(16_000 * SECONDS_OF_EACH)
    partials: list[str] = []
    recogniser = pool.open(partials.append)
    size = int(UTTERANCE_S * 16_000)
    heard = []
    for start in range(0, len(sound), size):
        recogniser.begin(("对", "不对"))
        recogniser.feed(sound[start : start + size])
        heard.append((await recogniser.finish(within_s=60)).text)
    await recogniser.close()
    assert heard == [""] * len(heard)


async def test_speech_after_a_melody_is_heard(pool: RecogniserPool) -> None:
    async with Voice("caller") as caller:
        said = await caller.synthesise("公积金怎么提取")
    sound = pcm(melody(3, seed=4), level_dbfs=-26) + bytes(3200) + said + bytes(4800)
    heard = await pool.transcribe(sound)
    assert likeness("公积金怎么提取", heard.text) >= 0.75
