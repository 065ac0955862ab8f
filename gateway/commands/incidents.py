"""``./hotline incidents``: the list of emergencies that the bot listens for; see it, change it by the office's decision."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.clock import LOCAL_ZONE, SystemClock, local
from gateway.commands.common import (
    CityOption,
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
    from config.settings import Settings
    from dialog.incidents import IncidentBook, IncidentList

app = typer.Typer(help="紧急情形清单（突发事件）：提示词、号码、先说的话；由热线办决定，按时生效", no_args_is_help=True)


@app.command("show", help="现行清单；--yaml 写成可以修改、再用 decide 提交的文件")
def show(
    as_yaml: Annotated[bool, typer.Option("--yaml", help="输出 YAML")] = False,
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    import yaml

    from dialog.incidents import incidents_to_json

    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        book, _ = run_async(_book(settings))
    holds = book.at(SystemClock().now())
    rows = incidents_to_json(holds.incidents)
    if as_json:
        print_json({"version": holds.version, "effective_at": _when(holds), "incidents": rows})
    elif as_yaml:
        typer.echo(yaml.safe_dump({"incidents": rows}, allow_unicode=True, sort_keys=False, width=10_000))
    else:
        typer.echo(f"第 {holds.version} 版（{_when(holds) or '规则手册自带'}）")
        for incident in holds.incidents:
            typer.echo(f"{incident.id:<10}{incident.number or '—':<8}{incident.name}：{len(incident.cues)} 个提示词")


@app.command("list", help="历次决定")
def list_(data: DataOption = None, city: CityOption = None, as_json: JsonOption = False) -> None:
    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        book, decided = run_async(_book(settings))
    holds = book.at(SystemClock().now())
    if as_json:
        print_json({"lists": [_json(one, holds) for one in decided], "in_force": holds.version})
        return
    if not decided:
        typer.echo("还没有决定过，现用规则手册自带的清单。")
    for one in decided:
        mark = "现行" if one.version == holds.version else "    "
        typer.echo(f"{mark}  第 {one.version} 版  {_when(one)} 起  {one.decided_by}  {one.note}")


@app.command("decide", help="换用一份清单：到时自动生效，正在通的电话也立即按新清单听")
def decide(
    file: Annotated[Path, typer.Argument(metavar="文件", help="YAML，写法同 show --yaml")],
    by: Annotated[str, typer.Option("--by", metavar="账号", help="决定人：热线办（office 角色）的账号")] = "",
    note: Annotated[str, typer.Option("--note", metavar="说明", help="改了什么、为什么")] = "",
    start: Annotated[str, typer.Option("--from", metavar="时间", help="何时生效，如 2026-12-01T08:00；默认立即")] = "",
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    from dialog.incidents import IncidentLists, parse_incidents

    settings = settings_for(data, city, as_json=as_json)
    effective_at = _moment(start, as_json)
    with refusals(as_json):
        incidents = parse_incidents(_read(file, as_json))

        async def made() -> "IncidentList":
            async with opened_store(settings) as (database, _):
                return await IncidentLists(database, SystemClock(), settings.city).decide(
                    incidents, by, note, effective_at
                )

        decided = run_async(made())
    if as_json:
        print_json(_json(decided, decided))
    else:
        typer.echo(f"已决定第 {decided.version} 版，{_when(decided)} 起生效，共 {len(incidents)} 种情形")


def _moment(text: str, as_json: bool) -> datetime | None:
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        fail("bad_time", f"看不懂生效时间“{text}”，请写成 2026-12-01T08:00", as_json)
    return given if given.tzinfo else given.replace(tzinfo=LOCAL_ZONE)


def _read(file: Path, as_json: bool) -> object:
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError:
        fail("no_file", f"读不到文件 {file}", as_json)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fail("bad_file", f"{file} 不是有效的 YAML：{error}", as_json)


async def _book(settings: "Settings") -> "tuple[IncidentBook, tuple[IncidentList, ...]]":
    from config.rulebook import load_rulebook
    from dialog.incidents import IncidentBook, IncidentLists

    book = IncidentBook(load_rulebook(settings.city, settings.data_dir))
    async with opened_store(settings) as (database, _):
        decided = await IncidentLists(database, SystemClock(), settings.city).all()
    book.replace(decided)
    return book, decided


def _when(one: "IncidentList") -> str:
    return local(one.effective_at).strftime("%Y-%m-%d %H:%M") if one.effective_at else ""


def _json(one: "IncidentList", holds: "IncidentList") -> dict[str, Any]:
    return {
        "version": one.version,
        "effective_at": _when(one),
        "in_force": one.version == holds.version,
        "decided_by": one.decided_by,
        "note": one.note,
        "incidents": [incident.id for incident in one.incidents],
    }
