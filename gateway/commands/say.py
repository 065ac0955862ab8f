"""``./hotline say "…" --wav OUT``: what callers would hear, written to a file; ``--check``: readings and recordings."""

import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.common import DataOption, JsonOption, fail, print_json, refusals, run_async, settings_for

if TYPE_CHECKING:
    from config.settings import Settings
    from ivr.speech.voice import Reading


def say(
    text: Annotated[str, typer.Argument(help="要说的话；@名称 是提示语，如 @wait")] = "",
    wav: Annotated[
        Path | None, typer.Option("--wav", metavar="文件", help="写到这个 WAV 文件（8 kHz，16 位，单声道）")
    ] = None,
    variant: Annotated[str, typer.Option("--variant", help="换一个说话人：f1…f5、m1…m8")] = "",
    check: Annotated[bool, typer.Option("--check", help="检查读音表和录好的提示语")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """让机器人把一句话说到 WAV 里；读音表和录好的提示语与电话里一样生效。"""
    from config.logs import set_up_logs
    from ivr.prompts import load_prompts

    set_up_logs("ERROR")
    settings = settings_for(data, as_json=as_json)
    if check:
        _check(settings, as_json)
        return
    with refusals(as_json):
        prompts = load_prompts()
    if text.startswith("@"):
        if text[1:] not in prompts:
            fail("unknown_prompt", f"没有叫“{text[1:]}”的提示语；有：{'、'.join(sorted(prompts))}", as_json)
        text = prompts[text[1:]]
    if not text.strip() or wav is None:
        fail("nothing_to_say", '请写明要说的话和文件：./hotline say "您好" --wav 文件.wav', as_json)
    with refusals(as_json):
        pcm, reading, recorded, took_ms = run_async(_spoken(settings, text, variant))
    try:
        _write(wav, pcm)
    except OSError as error:
        fail("not_written", f"写不进 {wav}（{error.strerror}），请换一个位置", as_json)
    _tell(wav, pcm, reading, recorded, took_ms, as_json)


async def _spoken(settings: "Settings", text: str, variant: str) -> "tuple[bytes, Reading, bool, float]":
    """The sound, how the text is read, whether it is a recording, and how long it took with a voice that was ready."""
    from ivr.prompts import load_prompts
    from ivr.speech.voice import hotline_voice

    async with hotline_voice(settings, load_prompts(), variant=variant) as voice:
        await voice.start()
        started = time.perf_counter()
        pcm = await voice.synthesise(text)
        return pcm, voice.read(text), voice.recorded(text), (time.perf_counter() - started) * 1000


def _write(file: Path, pcm: bytes) -> None:
    with file.open("wb") as raw, wave.open(raw, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(pcm)


def _tell(file: Path, pcm: bytes, reading: "Reading", recorded: bool, took_ms: float, as_json: bool) -> None:
    from ivr.speech.telephone_band import level_dbfs

    level = level_dbfs(pcm)
    if as_json:
        print_json(
            {
                "wav": str(file),
                "said": reading.said,
                "pinyin": [spoken for _, spoken in reading.pieces],
                "recorded": recorded,
                "audio_s": round(len(pcm) / 16_000, 2),
                "level_dbfs": round(level, 1) if pcm else None,
                "took_ms": round(took_ms),
            }
        )
        return
    how = "用录音" if recorded else f"读作“{reading.said}”"
    typer.echo(f"已写入 {file}：{len(pcm) / 16_000:.1f} 秒，{level:.1f} dBFS，{how}")
    if not recorded:
        typer.echo("拼音：" + "｜".join(spoken for _, spoken in reading.pieces))


def _check(settings: "Settings", as_json: bool) -> None:
    """Tell what the readings and recordings of this installation hold; ends with an error when anything is wrong."""
    from ivr.prompts import load_prompts
    from ivr.speech.lexicon import NAME, LexiconRefused, load_lexicon
    from ivr.speech.recordings import FOLDER, load_recordings

    problems: list[str] = []
    words = 0
    try:
        lexicon = load_lexicon(settings.data_dir / NAME)
        words = len(lexicon.syllables) + len(lexicon.replacements)
    except LexiconRefused as refused:
        problems.append(refused.message)
    recordings = load_recordings(load_prompts(), settings.data_dir / FOLDER)
    problems += recordings.problems
    if problems:
        fail("bad_speech_files", "\n".join(problems), as_json)
    names = sorted(recordings.files)
    if as_json:
        print_json({"readings": words, "recorded": names})
    else:
        typer.echo(f"读音 {words} 条，录好的提示语 {len(names)} 条{'：' + '、'.join(names) if names else ''}；没有问题")
