"""``./hotline down``."""

import typer

from gateway.commands.common import DataOption, JsonOption, print_json, refusals, settings_for
from gateway.running import stop


def down(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Stop the instance on this data folder."""
    with refusals(as_json):
        stopped = stop(settings_for(data, as_json=as_json))
    if as_json:
        print_json({"stopped": stopped})
    else:
        typer.echo("已停止。" if stopped else "没有在运行。")
