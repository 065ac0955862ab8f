"""Another model chosen while somebody is speaking: heard out by the old one, the next utterance by the new one, nothing lost."""

import asyncio
import shutil
from pathlib import Path

import pytest

from asr_models import library
from asr_models.measure import likeness
from config.settings import Settings
from ivr.speech.installed import InstalledRecognisers
from ivr.speech.voice import Voice

OTHER = "vosk-model-other-zh"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with a second real model: the shipped one under another name."""
    shutil.copytree(library.SHIPPED, tmp_path / "asr_models" / OTHER)
    return Settings(data_dir=tmp_path, recogniser_workers=1)


async def switched(pool: InstalledRecognisers, name: str) -> None:
    async with asyncio.timeout(60):
        while pool.name != name:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_call_goes_on_through_a_change_of_model(settings: Settings) -> None:
    async with Voice("caller") as caller:
        pcm = await caller.synthesise("公积金怎么提取")
    half = len(pcm) // 640 * 320
    async with InstalledRecognisers(settings, look_s=0.05) as pool:
        [old] = pool.worker_pids
        call = pool.open(lambda words: None)
        call.begin()
        call.feed(pcm[:half])
        library.use(OTHER, settings)
        await switched(pool, OTHER)
        assert old not in pool.worker_pids
        call.feed(pcm[half:])
        assert likeness("公积金怎么提取", (await call.finish(within_s=30)).text) >= 0.75
        call.begin()
        call.feed(pcm)
        assert likeness("公积金怎么提取", (await call.finish(within_s=30)).text) >= 0.75
        assert call.place is not None
        assert call.place.worker is not None
        assert call.place.worker.pid in pool.worker_pids
        async with asyncio.timeout(30):
            while Path(f"/proc/{old}").exists():  # noqa: ASYNC110, ASYNC240  # watching another process
                await asyncio.sleep(0.05)
        await call.close()


async def test_a_model_that_does_not_load_is_not_taken(settings: Settings, tmp_path: Path) -> None:
    async with InstalledRecognisers(settings, look_s=0.05) as pool:
        library.use(OTHER, settings)
        await switched(pool, OTHER)
        broken = tmp_path / "broken"
        broken.mkdir()
        before = pool.worker_pids
        with pytest.raises(Exception, match="doctor"):
            await pool.switch(broken)
        assert (pool.name, pool.worker_pids) == (OTHER, before)
