"""``./hotline agent``: accounts of the people who work at the hotline."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.clock import SystemClock
from gateway.commands.common import (
    DataOption,
    JsonOption,
    opened_store,
    print_json,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from config.settings import Settings
    from store.accounts import Account

app = typer.Typer(help="坐席与管理账号", no_args_is_help=True)


@app.command("add", help="新增账号，并显示一次初始密码")
def add(
    account_id: Annotated[str, typer.Argument(metavar="账号")],
    sip: Annotated[str, typer.Option("--sip", metavar="话机地址", help="例如 sip:8001@127.0.0.1:5070")] = "",
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="角色",
            help="agent 话务员、supervisor 班长、office 热线办、editor 知识编辑、reviewer 知识审核、unit 承办单位、operator 运维",
        ),
    ] = "agent",
    name: Annotated[str, typer.Option("--name", metavar="姓名", help="加密保存")] = "",
    unit: Annotated[
        str, typer.Option("--unit", metavar="单位", help="承办单位账号所属的单位，与条目的承办单位一致")
    ] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        password = run_async(_create(settings, account_id, sip, role, name, unit))
    if as_json:
        print_json({"id": account_id, "role": role, "sip_uri": sip, "unit": unit, "password": password})
    else:
        typer.echo(f"已新增账号 {account_id}（{role}）。初始密码（只显示这一次）：{password}")


@app.command("list", help="列出账号")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        found = run_async(_list(settings))
    if as_json:
        print_json({"agents": [_row(account) for account in found]})
        return
    if not found:
        typer.echo("还没有账号，请用 ./hotline agent add 新增。")
    for account in found:
        state = "" if account.active else "  已停用"
        of_unit = f"  {account.unit}" if account.unit else ""
        typer.echo(f"{account.id}  {account.role}  {account.sip_uri or '（无话机）'}{of_unit}{state}")


def _row(account: "Account") -> dict[str, Any]:
    return {
        "id": account.id,
        "role": account.role.value,
        "sip_uri": account.sip_uri,
        "unit": account.unit,
        "active": account.active,
    }


async def _create(settings: "Settings", account_id: str, sip: str, role: str, name: str, unit: str) -> str:
    from store.accounts import Accounts

    async with opened_store(settings) as (database, vault):
        return await Accounts(database, vault, SystemClock()).create(account_id, sip, role, name, unit=unit)


async def _list(settings: "Settings") -> tuple["Account", ...]:
    from store.accounts import Accounts

    async with opened_store(settings) as (database, vault):
        return await Accounts(database, vault, SystemClock()).list()
