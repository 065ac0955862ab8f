import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from ivr.speech.telephone_band import active_level
from ivr.speech.voice import Voice

SENTENCE = "您好，请问您要咨询什么问题？"


def level(pcm: bytes) -> float:
    return active_level(np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768))


@pytest.mark.parametrize("variant", ["", "f3"])
async def test_a_sentence_is_spoken_at_telephone_level(variant: str) -> None:
    async with Voice(variant=variant) as voice:
        pcm = await voice.synthesise(SENTENCE)
    assert level(pcm) == pytest.approx(-20, abs=2)
    assert np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)).max() < 32_700
    assert 1.5 < len(pcm) / 16_000 < 5  # 12 syllables at 3…7 a second, and one pause


async def test_long_answers_come_sentence_by_sentence_at_one_level() -> None:
    async with Voice() as voice:
        parts = [pcm async for pcm in voice.stream("请带身份证。再带银行卡。三个工作日内到账。")]
        whole = await voice.synthesise("请带身份证。再带银行卡。三个工作日内到账。")
    assert len(parts) == 3
    assert b"".join(parts) == whole
    assert [level(pcm) for pcm in parts] == pytest.approx([-20, -20, -20], abs=2)


async def test_speakers_differ() -> None:
    async with Voice() as bot, Voice(variant="f3") as woman:
        assert await bot.synthesise(SENTENCE) != await woman.synthesise(SENTENCE)


async def test_nothing_to_say_is_no_audio() -> None:
    async with Voice() as voice:
        assert await voice.synthesise("……！") == b""


async def test_a_killed_worker_is_replaced_within_a_sentence() -> None:
    async with Voice() as voice:
        await voice.start()
        first = voice.worker_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert len(await voice.synthesise(SENTENCE)) > 0
        assert voice.worker_pid != first


async def test_a_hung_worker_is_replaced() -> None:
    async with Voice() as voice:
        await voice.start()
        first = voice.worker_pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        assert len(await asyncio.wait_for(voice.synthesise(SENTENCE), 10)) > 0
        assert voice.worker_pid != first


async def test_only_prompts_reach_the_disk(tmp_path: Path) -> None:
    async with Voice(cache_dir=tmp_path) as voice:
        await voice.synthesise("您的姓名是王先生，对吗？")
        assert os.listdir(tmp_path) == []
        spoken = await voice.synthesise("请稍等。", keep=True)
        assert len(os.listdir(tmp_path)) == 1
    assert len(spoken) > 0


async def test_a_prompt_on_disk_needs_no_worker(tmp_path: Path) -> None:
    async with Voice(cache_dir=tmp_path) as voice:
        spoken = await voice.synthesise("请稍等。", keep=True)
    async with Voice(cache_dir=tmp_path) as voice:
        assert await voice.synthesise("请稍等。", keep=True) == spoken
        assert voice.worker_pid is None
