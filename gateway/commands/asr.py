"""``./hotline asr``: which recogniser model is in use, installing others, measuring one on recordings."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.clock import SystemClock
from config.errors import HotlineError
from gateway.commands.common import (
    DataOption,
    JsonOption,
    fail,
    opened_store,
    print_json,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from asr_models.library import ModelInfo
    from config.settings import Settings

app = typer.Typer(help="识别模型：查看、安装、切换、评测", no_args_is_help=True)

_NOT_RUNNING = "热线没有在运行，下次启动时用这个模型。"
_TAKEN_OVER = "正在运行的热线已换用，通话不受影响。"
_NOT_TAKEN_OVER = "正在运行的热线还没有换用，请运行 ./hotline status 查看识别是否正常；通话仍用原来的模型。"
_PINNED = "设置里写死了识别模型（HOTLINE_ASR_MODEL），这次的选择要去掉那项设置才生效。"
_TAKE_OVER_S = 20.0
_WORST_SHOWN = 10
_ANSWERS = ("对", "是的", "不对", "不是", "人工", "投诉", "举报", "第一个", "第二个", "第三个")


def _document(model: "ModelInfo", *, in_use: bool) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(model.path),
        "sha256": model.sha256,
        "demo": model.demo,
        "description": model.description,
        "current": in_use,
    }


@app.command("info", help="装了哪些识别模型，用的是哪一个")
def info(data: DataOption = None, as_json: JsonOption = False) -> None:
    from asr_models.library import current, installed

    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        chosen = current(settings)
        models = installed(settings)
    if as_json:
        print_json(
            {
                "current": chosen.name,
                "demo": chosen.demo,
                "models": [_document(model, in_use=model.name == chosen.name) for model in models],
            }
        )
        return
    for model in models:
        typer.echo(f"{'*' if model.name == chosen.name else ' '} {model.name}  {model.description}")
    if chosen.demo:
        typer.echo("正在用演示模型。换官方模型：./hotline asr install 模型名或ZIP文件")


@app.command("install", help="安装官方模型（名字，或下载好的 ZIP 文件），并换用它")
def install(
    model: Annotated[str, typer.Argument(metavar="模型名或ZIP文件")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    from asr_models.library import install_named, install_zip

    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        if model.endswith(".zip") or Path(model).is_file():
            chosen = install_zip(Path(model).expanduser(), settings)
        else:
            chosen = install_named(model, settings)
    _say_chosen(chosen, settings, as_json)


@app.command("use", help="换用已安装的模型")
def use(
    name: Annotated[str, typer.Argument(metavar="模型名")], data: DataOption = None, as_json: JsonOption = False
) -> None:
    from asr_models import library

    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        chosen = library.use(name, settings)
    _say_chosen(chosen, settings, as_json)


def _say_chosen(model: "ModelInfo", settings: "Settings", as_json: bool) -> None:
    live = _taken_over(model, settings)
    if as_json:
        print_json(_document(model, in_use=True) | {"running_node_took_over": live})
        return
    typer.echo(f"已选定 {model.name}。" + (f"SHA-256：{model.sha256}" if model.sha256 else ""))
    if settings.asr_model and settings.asr_model != model.name:
        typer.echo(_PINNED)
    else:
        typer.echo({None: _NOT_RUNNING, True: _TAKEN_OVER, False: _NOT_TAKEN_OVER}[live])


def _taken_over(model: "ModelInfo", settings: "Settings") -> bool | None:
    """Whether the running node hears with ``model`` now; ``None`` when no node runs. Waits while the model loads."""
    from ivr.health import ask_health

    until = time.monotonic() + _TAKE_OVER_S
    told = run_async(ask_health(settings.socket_path("ivr")))
    if told is None:
        return None
    while (told is None or told.get("model") != model.name) and time.monotonic() < until:
        time.sleep(0.3)
        told = run_async(ask_health(settings.socket_path("ivr")))
    return told is not None and told.get("model") == model.name


async def _own_words(settings: "Settings") -> list[str]:
    """Yes and no, the city's divisions, titles and units of the knowledge base that is in use."""
    from config.rulebook import load_rulebook
    from knowledge.repository import Repository

    words = [*_ANSWERS, *load_rulebook(settings.city, settings.data_dir).divisions]
    async with opened_store(settings) as (database, _):
        await Repository(database, SystemClock()).load_samples()
        entries = (await Repository(database, SystemClock()).snapshot()).versions
    return words + [entry.question for entry in entries] + [entry.unit for entry in entries if entry.unit]


def _progress(done: int, number: int) -> None:
    filled = 30 * done // number
    typer.echo(f"\r识别录音 [{'#' * filled}{'.' * (30 - filled)}] {done}/{number}", nl=done == number, err=True)


@app.command("evaluate", help="用自己的录音量字错率：文件夹里放 WAV 和 transcripts.tsv")
def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="文件夹")],
    model: Annotated[str | None, typer.Option("--model", metavar="模型名", help="默认为正在用的模型")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    from asr_models.library import current, find
    from asr_models.measure import MeasureError
    from asr_models.measure import evaluate as measure

    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        chosen = find(model, settings) if model else current(settings)
        words = run_async(_own_words(settings))
    try:
        result = measure(folder, chosen.path, words=words, progress=None if as_json else _progress)
    except MeasureError as error:
        fail("asr_evaluate", str(error), as_json)
    except HotlineError as error:
        fail(error.code, error.message, as_json)
    if as_json:
        print_json({"model": chosen.name, "demo": chosen.demo, **asdict(result)})
        return
    typer.echo(f"模型 {chosen.name}：{len(result.files)} 段录音，{result.audio_s:.0f} 秒")
    typer.echo(f"字错率 {result.cer:.1%}，实时率 {result.real_time_factor:.3f}")
    for word in result.own_words[:_WORST_SHOWN]:
        if word.right < word.said:
            heard = "、".join(f"{text or '（没听出）'}×{times}" for text, times in word.heard_as.items())
            typer.echo(f"  {word.word}：说了 {word.said} 次，听对 {word.right} 次，听成 {heard}")
    for one in sorted(result.files, key=lambda one: -one.cer)[:_WORST_SHOWN]:
        typer.echo(f"  {one.cer:5.0%}  {one.file}  {one.reference} → {one.heard}")
