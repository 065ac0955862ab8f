"""``./hotline down``."""

from typing import Annotated

import typer

from gateway.commands.common import DataOption, JsonOption, print_json, refusals, settings_for
from gateway.running import stop


def down(
    data: DataOption = None,
    now: Annotated[bool, typer.Option("--now", help="不等通话打完，立即停止")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the instance on this data folder; calls that are on may end first."""
    settings = settings_for(data, as_json=as_json)

    def waiting() -> None:
        typer.echo(
            f"· 还有通话，等它们打完（最多 {settings.drain_s:.0f} 秒）；立即停止：./hotline down --now", err=True
        )

    with refusals(as_json):
        stopped = stop(settings, now=now, waiting=waiting)
    if as_json:
        print_json({"stopped": stopped})
    else:
        typer.echo("已停止。" if stopped else "没有在运行。")
