"""``./hotline edge``: write the configuration of the SIP edge (Kamailio), and give agents' phones their passwords."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.common import JsonOption, print_json, refusals

app = typer.Typer(help="SIP 边界（Kamailio）：写出配置、管理话机口令", no_args_is_help=True)

OutOption = Annotated[Path, typer.Option("--out", metavar="目录", help="配置写到这里，Kamailio 从这里读")]


@app.command("render", help="按站点文件写出 Kamailio 的配置；话机口令保留")
def render(
    site: Annotated[Path, typer.Argument(metavar="站点文件", help="抄自 deploy/kamailio/site.example.yaml")],
    out: OutOption,
    seen_as: Annotated[
        Path | None, typer.Option("--as", metavar="目录", help="Kamailio 看到的目录（在容器里为 /edge）")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    from gateway import edge

    with refusals(as_json):
        edge.render(edge.load_site(site), out, seen_as)
    if as_json:
        print_json({"folder": str(out.resolve())})
    else:
        typer.echo(f"已写到 {out.resolve()}。检查：kamailio -c -f {out.resolve() / 'kamailio.cfg'}")


@app.command("phone", help="给一部坐席话机设口令（只显示这一次）；已有的换新口令")
def phone(
    name: Annotated[str, typer.Argument(metavar="账号", help="与坐席账号相同，例如 8001")],
    out: OutOption,
    remove: Annotated[bool, typer.Option("--remove", help="撤销这部话机")] = False,
    as_json: JsonOption = False,
) -> None:
    from gateway import edge

    with refusals(as_json):
        domain = edge.domain_of(out)
        password = None
        if remove:
            edge.remove_phone(out, name)
        else:
            password = edge.set_phone(out, name, domain)
    if as_json:
        print_json({"phone": name, "domain": domain, "password": password})
        return
    told = f"已撤销 {name}。" if remove else f"话机 {name}@{domain} 的口令：{password}（不再显示）"
    typer.echo(f"{told}\n让边界重读：kamcmd -s unix:{out.resolve() / edge.CONTROL} htable.reload agents")
