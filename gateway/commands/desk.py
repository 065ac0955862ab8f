"""``./hotline desk``: a real agent without a browser."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands.common import DataOption, JsonOption, fail, print_json, refusals, run_async, settings_for

if TYPE_CHECKING:
    from config.settings import Settings

PASSWORD_VARIABLE = "HOTLINE_DESK_PASSWORD"  # noqa: S105  # the name of a variable, not a password


def desk(
    agent: Annotated[str, typer.Option("--agent", metavar="账号", help="坐席账号")],
    seconds: Annotated[float, typer.Option("--seconds", help="最多等多少秒转接；0 为不限")] = 0.0,
    talk: Annotated[float, typer.Option("--talk", help="接通后通话多少秒再结束；0 为等对方挂断")] = 0.0,
    save: Annotated[bool, typer.Option("--save", help="接起后登记工单")] = False,
    say: Annotated[str, typer.Option("--say", metavar="话", help="电话接通后说，或在文字会话里发")] = "",
    ask_password: Annotated[bool, typer.Option("--password", help="用密码登录（提示输入）")] = False,
    url: Annotated[str, typer.Option("--url", metavar="地址", help="话务台地址，默认为本机")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """没有浏览器的坐席：登录、置为可接、接起下一个转接，并打印弹屏。

    默认用本机的运维令牌登录；设了环境变量 HOTLINE_DESK_PASSWORD 或加 --password 时用密码。
    """
    import os

    settings = settings_for(data, as_json=as_json)
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if ask_password:
        password = typer.prompt(f"{agent} 的密码", hide_input=True, err=True)
    with refusals(as_json):
        report = run_async(_work(settings, agent, password, url, seconds, talk, save, say, quiet=as_json))
    if report is None:
        fail("no_handover", f"{seconds:g} 秒内没有转接", as_json, exit_code=1)
    if as_json:
        print_json(report)
    else:
        _show(report)


async def _work(
    settings: "Settings",
    agent: str,
    password: str,
    url: str,
    seconds: float,
    talk: float,
    save: bool,
    say: str,
    *,
    quiet: bool,
) -> dict[str, Any] | None:
    from gateway.desk_agent import DeskAgent

    host = "127.0.0.1" if settings.host in {"0.0.0.0", ""} else settings.host  # noqa: S104  # where it listens
    async with DeskAgent(url or f"http://{host}:{settings.web_port}", tell=_silent if quiet else _print) as worker:
        if password:
            await worker.login(agent, password)
        else:
            await worker.login_as_operator(agent, settings.operator_port, settings.secret("operator"))
        return await worker.take_one(wait_s=seconds, talk_s=talk, save=save, say=say)


def _show(report: dict[str, Any]) -> None:
    typer.echo(f"转接 {report['handover']}　{report['channel']}　{report['caller']}　{report['reason']}")
    for item in report["transcript"]:
        typer.echo(f"  {item['from']:<8} {item['text']}")
    for element in report["elements"].values():
        typer.echo(f"  {element['label']}：{element['text'] or '（未提供）'}")
    if report["ticket"]:
        typer.echo(f"  工单号 {report['ticket']}")


def _print(line: str) -> None:
    typer.echo(line)


def _silent(line: str) -> None:
    """With ``--json`` stdout holds one document and nothing else."""
