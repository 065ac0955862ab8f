"""``./hotline train``."""

from typing import Annotated

import typer

from gateway.commands.common import DataOption, JsonOption, print_json, refusals, settings_for


def train(
    data: DataOption = None,
    force: Annotated[bool, typer.Option("--force", help="语料没有改动也重新训练")] = False,
    as_json: JsonOption = False,
) -> None:
    """训练对话模型：语料、规则或词典改动后运行；没有改动时立即结束。"""
    from dialog import bot_training

    settings = settings_for(data, as_json=as_json)
    there = not force and bot_training.is_sound(bot_training.model_path(settings))
    with refusals(as_json):
        model = bot_training.train_if_needed(settings, lambda text: typer.echo(text, err=True), force=force)
        report = bot_training.describe(model)
    if as_json:
        print_json({"already_there": there, **report})
        return
    typer.echo(f"对话模型{'没有变化' if there else '已备好'}：{report['model']}")
    if not there:
        typer.echo("正在运行的热线要用上新模型，请运行 ./hotline down 再 ./hotline up")
