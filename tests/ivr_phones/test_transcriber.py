"""What came back is recognised in a process of its own, with the shipped model."""

from pathlib import Path

from asr_models.library import shipped
from asr_models.measure import likeness
from ivr.phones.transcriber import Transcriber
from ivr.speech.voice import Voice

SENTENCE = "请问公积金怎么提取"


async def test_the_bots_voice_is_understood_again_and_again() -> None:
    async with Voice("bot") as voice:
        pcm = await voice.synthesise(SENTENCE)
    transcriber = Transcriber(shipped().path)
    try:
        assert likeness(SENTENCE, await transcriber.hear(pcm)) > 0.7
        assert likeness(SENTENCE, await transcriber.hear(pcm)) > 0.7
        assert await transcriber.hear(b"") == ""
    finally:
        await transcriber.close()


async def test_without_a_model_nothing_is_claimed_to_have_been_heard() -> None:
    transcriber = Transcriber(None)
    assert await transcriber.hear(bytes(32_000)) == ""
    await transcriber.close()


async def test_a_worker_that_dies_leaves_the_words_unknown(tmp_path: Path) -> None:
    transcriber = Transcriber(tmp_path / "no model here")
    assert await transcriber.hear(bytes(32_000)) == ""
    await transcriber.close()
