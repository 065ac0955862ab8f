"""``./hotline restrict``: hold a number back by the office's decision, list, lift."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from config.clock import SystemClock, local
from gateway.commands.common import (
    CityOption,
    DataOption,
    JsonOption,
    opened_store,
    print_json,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from callers.restrictions import Restriction, Restrictions
    from config.settings import Settings

app = typer.Typer(help="30 个自然日内限制占用电话资源（由热线办决定）", no_args_is_help=True)
T = TypeVar("T")

ByOption = Annotated[str, typer.Option("--by", metavar="账号", help="决定人：热线办（office 角色）的账号")]


@app.command("add", help="限制一个号码：决定当日为第 1 日，最后一日 24:00 自动解除")
def add(
    number: Annotated[str, typer.Argument(metavar="号码")],
    ground: Annotated[str, typer.Option("--ground", metavar="事由", help="规则手册列出的事由（编号或文字）")] = "",
    evidence: Annotated[str, typer.Option("--evidence", metavar="证据", help="例如录音编号、时间、经过")] = "",
    by: ByOption = "",
    days: Annotated[int, typer.Option("--days", metavar="天数", help="自然日，最多 30")] = 30,
    basis: Annotated[str, typer.Option("--basis", metavar="依据", help="文号与条款；规则手册没有条款的城市必填")] = "",
    shared: Annotated[
        bool, typer.Option("--shared", help="多人共用的号码（总机、宿舍等）：只留决定，不拦来电")
    ] = False,
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        notices = _warnings(settings)
        made = run_async(_with(settings, lambda r: r.add(number, ground, evidence, by, days, basis, shared=shared)))
    for notice in notices:
        typer.echo(f"提醒：{notice}", err=True)
    _print(made, as_json, "已限制", warnings=notices)


@app.command("list", help="列出限制，新的在前；号码不全显示")
def list_(data: DataOption = None, city: CityOption = None, as_json: JsonOption = False) -> None:
    from callers.restrictions import restriction_to_json

    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        found = run_async(_with(settings, lambda r: r.list()))
    now = SystemClock().now()
    if as_json:
        print_json({"restrictions": [restriction_to_json(item, now) for item in found]})
        return
    if not found:
        typer.echo("没有限制记录。")
    for item in found:
        row = restriction_to_json(item, now)
        state = "限制中" if row["in_force"] else "已解除" if item.lifted_at else "已期满"
        state += "（多人共用，不拦来电）" if item.shared else ""
        typer.echo(f"{item.id}  {row['number']}  {state}  至 {row['last_day']} 24:00  {item.ground}  {item.basis}")


@app.command("lift", help="提前解除一条限制")
def lift(
    which: Annotated[str, typer.Argument(metavar="编号或号码")],
    by: ByOption = "",
    reason: Annotated[str, typer.Option("--reason", metavar="理由", help="为什么解除")] = "",
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        lifted = run_async(_with(settings, lambda r: r.lift(which, by, reason)))
    _print(lifted, as_json, "已解除限制", warnings=[])


@app.command("share", help="注明号码是多人共用的：从现在起不拦来电，决定仍在")
def share(
    which: Annotated[str, typer.Argument(metavar="编号或号码")],
    by: ByOption = "",
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        changed = run_async(_with(settings, lambda r: r.share(which, by)))
    _print(changed, as_json, "已注明多人共用、不拦来电", warnings=[])


def _warnings(settings: "Settings") -> list[str]:
    from config.rulebook import load_rulebook, warnings

    rulebook = load_rulebook(settings.city, settings.data_dir)
    return [warning.message for warning in warnings(rulebook, local(SystemClock().now()).date())]


async def _with(settings: "Settings", act: "Callable[[Restrictions], Awaitable[T]]") -> T:
    from callers.restrictions import Restrictions
    from config.rulebook import load_rulebook

    rulebook = load_rulebook(settings.city, settings.data_dir)
    async with opened_store(settings) as (database, vault):
        return await act(Restrictions(database, vault, SystemClock(), rulebook))


def _print(restriction: "Restriction", as_json: bool, done: str, *, warnings: list[str]) -> None:
    from callers.restrictions import restriction_to_json

    row = restriction_to_json(restriction, SystemClock().now())
    if as_json:
        print_json({**row, "warnings": warnings})
    else:
        until = f"，至 {row['last_day']} 24:00 自动解除" if row["in_force"] else ""
        typer.echo(f"{done}：{row['number']}{until}（编号 {restriction.id}）")
