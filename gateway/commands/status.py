"""``./hotline status``."""

import typer

from gateway.commands.common import DataOption, JsonOption, print_json, settings_for
from gateway.running import running_status

STATES = {
    "starting": "启动中",
    "ready": "正常",
    "failing": "故障，正在重启",
    "draining": "等通话打完",
    "stopped": "已停止",
}


def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show every part and how it fares; exit code 1 when not everything works."""
    settings = settings_for(data, as_json=as_json)
    found = running_status(settings)
    if as_json:
        print_json(
            {
                "running": found is not None,
                "web": f"http://{settings.host}:{settings.web_port}/",
                "sip": f"sip:12345@{settings.host}:{settings.sip_port}",
                "data": str(settings.data_dir),
                **(found or {"ready": False, "parts": {}}),
            }
        )
    elif found is None:
        typer.echo("没有在运行。启动：./hotline up")
    else:
        for name, part in found["parts"].items():
            restarts = f"，重启过 {part['restarts']} 次" if part["restarts"] else ""
            typer.echo(f"  {name:<8} {STATES[part['state']]}（进程 {part['pid'] or '—'}{restarts}）")
    if found is None or not found["ready"]:
        raise typer.Exit(1)
