"""``./hotline say "…" --wav OUT``: what callers would hear, written to a file."""

import time
import wave
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.common import DataOption, JsonOption, print_json, refusals, run_async, settings_for


def say(
    text: Annotated[str, typer.Argument(help="要说的话")],
    wav: Annotated[Path, typer.Option("--wav", metavar="文件", help="写到这个 WAV 文件（8 kHz，16 位，单声道）")],
    variant: Annotated[str, typer.Option("--variant", help="换一个说话人：f1…f5、m1…m8")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """让机器人把一句话说到 WAV 里。"""
    from ivr.speech.normaliser import speakable

    settings_for(data, as_json=as_json)
    started = time.perf_counter()
    with refusals(as_json):
        pcm = run_async(_spoken(text, variant))
    took_ms = (time.perf_counter() - started) * 1000
    with wave.open(str(wav), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(pcm)
    seconds = len(pcm) / 16_000
    if as_json:
        print_json({"wav": str(wav), "said": speakable(text), "audio_s": round(seconds, 2), "took_ms": round(took_ms)})
    else:
        typer.echo(f"已写入 {wav}：{seconds:.1f} 秒，读作“{speakable(text)}”")


async def _spoken(text: str, variant: str) -> bytes:
    from ivr.speech.voice import Voice

    async with Voice(variant=variant) as voice:
        return await voice.synthesise(text)
