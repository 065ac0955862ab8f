import asyncio
import os
import signal
import wave
from pathlib import Path

import numpy as np
import pytest

from config.settings import Settings
from ivr.speech.telephone_band import active_level, largest_jump
from ivr.speech.voice import Voice, hotline_voice
from knowledge.entries import sample_entries

CLICK = 400
"""A step of 1.2 % of full scale, −38 dBFS, is not heard beside speech at −20."""
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
        (first,) = voice.worker_pids
        os.kill(first, signal.SIGKILL)
        assert len(await voice.synthesise(SENTENCE)) > 0
        assert first not in voice.worker_pids


async def test_nobody_waits_for_a_hung_worker() -> None:
    async with Voice(workers=2) as voice:
        await voice.start()
        os.kill(voice.worker_pids[0], signal.SIGSTOP)
        for text in ("请稍等。", SENTENCE, "再见。"):
            assert len(await asyncio.wait_for(voice.synthesise(text), 20)) > 0


async def test_the_same_text_asked_for_at_once_is_said_once() -> None:
    async with Voice(workers=2) as voice:
        together = await asyncio.gather(*(voice.synthesise(SENTENCE) for _ in range(20)))
        assert len(set(together)) == 1
        assert voice.pieces_made == 1


async def test_what_personal_words_sound_like_never_reaches_the_disk(tmp_path: Path) -> None:
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
        assert voice.worker_pids == ()


async def test_pieces_join_without_a_click_or_a_gap() -> None:
    text = sample_entries()[0].answer
    async with Voice() as voice:
        parts = [pcm async for pcm in voice.stream(text)]
    assert len(parts) > 3
    inside = max(largest_jump(pcm) for pcm in parts)
    assert largest_jump(b"".join(parts)) == inside  # no step at a join is larger than those of speech
    assert all(abs(sample) < CLICK for pcm in parts for sample in ends(pcm))
    quiet = [len(pcm) - len(pcm.lstrip(b"\0")) for pcm in parts[1:]]
    assert all(60 <= size / 16 <= 260 for size in quiet)


def ends(pcm: bytes) -> tuple[int, int]:
    samples = np.frombuffer(pcm, dtype="<i2")
    return int(samples[0]), int(samples[-1])


async def test_every_sentence_of_the_knowledge_base_has_telephone_level() -> None:
    async with Voice(workers=2) as voice:
        pieces = list(
            dict.fromkeys(piece for entry in sample_entries()[::12] for piece, _ in voice.read(entry.answer).pieces)
        )
        assert len(pieces) >= 50
        for piece in pieces:
            pcm = await voice.synthesise(piece)
            assert level(pcm) == pytest.approx(-20, abs=2), piece
            assert peak(pcm) < 32_700, piece


def peak(pcm: bytes) -> int:
    return int(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)).max())


async def test_edited_readings_and_recordings_are_heard_without_a_restart(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with hotline_voice(settings, {"wait": "请您稍等。"}) as voice:
        before = await voice.synthesise("乘K3路。"), await voice.synthesise("请您稍等。")
        (tmp_path / "lexicon.yaml").write_text("words:\n  K3路: 三路公交车\n", encoding="utf-8")
        (tmp_path / "prompts").mkdir()
        write_wav(tmp_path / "prompts" / "wait.wav", before[0], 8000)
        for _ in range(200):
            await asyncio.sleep(0.1)
            if voice.read("乘K3路。").said == "乘三路公交车。" and await voice.synthesise("请您稍等。") != before[1]:
                break
        assert voice.read("乘K3路。").said == "乘三路公交车。"
        assert await voice.synthesise("请您稍等。") != before[1]
        (tmp_path / "lexicon.yaml").write_text("words:\n  K3路: x\n", encoding="utf-8")
        await asyncio.sleep(1.2)
        assert voice.read("乘K3路。").said == "乘三路公交车。"  # what cannot be read leaves what was there


def write_wav(file: Path, pcm: bytes, rate: int) -> None:
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(pcm)
