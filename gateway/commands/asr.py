"""``./hotline asr``: which recogniser model is in use, installing others, measuring one on recordings."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.errors import HotlineError
from gateway.commands.common import DataOption, JsonOption, fail, print_json, refusals, settings_for

if TYPE_CHECKING:
    from asr_models.library import ModelInfo

app = typer.Typer(help="识别模型：查看、安装、切换、评测", no_args_is_help=True)

_RESTART = "正在运行的热线要重启后才换用：./hotline down && ./hotline up"
_WORST_SHOWN = 10


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
    _say_chosen(chosen, as_json)


@app.command("use", help="换用已安装的模型")
def use(
    name: Annotated[str, typer.Argument(metavar="模型名")], data: DataOption = None, as_json: JsonOption = False
) -> None:
    from asr_models import library

    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        chosen = library.use(name, settings)
    _say_chosen(chosen, as_json)


def _say_chosen(model: "ModelInfo", as_json: bool) -> None:
    if as_json:
        print_json(_document(model, in_use=True))
        return
    typer.echo(f"已换用 {model.name}。" + (f"SHA-256：{model.sha256}" if model.sha256 else ""))
    typer.echo(_RESTART)


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
    try:
        result = measure(folder, chosen.path)
    except MeasureError as error:
        fail("asr_evaluate", str(error), as_json)
    except HotlineError as error:
        fail(error.code, error.message, as_json)
    if as_json:
        print_json({"model": chosen.name, "demo": chosen.demo, **asdict(result)})
        return
    typer.echo(f"模型 {chosen.name}：{len(result.files)} 段录音，{result.audio_s:.0f} 秒")
    typer.echo(f"字错率 {result.cer:.1%}，实时率 {result.real_time_factor:.3f}")
    for one in sorted(result.files, key=lambda one: -one.cer)[:_WORST_SHOWN]:
        typer.echo(f"  {one.cer:5.0%}  {one.file}  {one.reference} → {one.heard}")
