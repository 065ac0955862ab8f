"""``./hotline ticket``: look at five-element tickets."""

from typing import TYPE_CHECKING, Annotated, Any

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
    from config.settings import Settings
    from tickets.model import Element, Ticket

app = typer.Typer(help="查看五要素工单", no_args_is_help=True)


@app.command("show", help="看一张工单：五个要素及其出处")
def show(
    no: Annotated[str, typer.Argument(metavar="工单编号")],
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    from tickets.serial import ticket_to_json

    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        ticket = run_async(_get(settings, no))
    if as_json:
        print_json(ticket_to_json(ticket))
    else:
        typer.echo("\n".join(_lines(ticket)))


@app.command("list", help="列出最近的工单，新的在前")
def list_(
    limit: Annotated[int, typer.Option("--limit", metavar="条数", min=1, max=1000, help="最多列出几张")] = 50,
    drafts: Annotated[bool, typer.Option("--drafts", help="也列出正在登记、还没有编号的")] = False,
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    from tickets.model import TYPE_LABELS
    from tickets.serial import ticket_to_json

    settings = settings_for(data, city, as_json=as_json)
    with refusals(as_json):
        found = run_async(_list(settings, limit, drafts))
    if as_json:
        print_json({"tickets": [ticket_to_json(ticket) for ticket in found]})
        return
    if not found:
        typer.echo("还没有工单。")
    for ticket in found:
        missing = len(ticket.elements.missing())
        state = "五要素齐全" if not missing else f"缺 {missing} 个要素"
        when = local(ticket.filed_at or ticket.created_at).strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{ticket.no or '（未编号）':<14} {when}  {TYPE_LABELS[ticket.type]}  {ticket.channel}  {state}")


async def _get(settings: "Settings", no: str) -> "Ticket":
    from tickets.service import Tickets

    async with opened_store(settings) as (database, vault):
        return await Tickets(database, vault, SystemClock(), settings.city).get(no)


async def _list(settings: "Settings", limit: int, drafts: bool) -> tuple["Ticket", ...]:
    from tickets.service import Tickets

    async with opened_store(settings) as (database, vault):
        return await Tickets(database, vault, SystemClock(), settings.city).list(limit, drafts=drafts)


def _lines(ticket: "Ticket") -> list[str]:
    """A ticket for a person to read."""
    from tickets.model import ELEMENT_LABELS, STATUS_LABELS, TYPE_LABELS, ElementName

    filed = local(ticket.filed_at).strftime("%Y-%m-%d %H:%M") if ticket.filed_at else "—"
    lines = [
        f"工单 {ticket.no}  {TYPE_LABELS[ticket.type]}  渠道 {ticket.channel}",
        f"{STATUS_LABELS[ticket.status]}  登记时间 {filed}  登记人 {ticket.filed_by}",
    ]
    return lines + [_element_line(ELEMENT_LABELS[name], ticket.elements.get(name)) for name in ElementName]


def _element_line(label: str, element: "Element") -> str:
    status: dict[str, str] = {"missing": "缺", "declined": "不愿提供", "not_applicable": "不适用"}
    value: dict[str, Any] = element.value or {}
    shown = str(value.get("text") or value or "") if element.status == "filled" else status[element.status]
    words = "、".join(f"“{span.text}”" for span in element.source)
    origin = f"（出自 {words}）" if words else ""
    who = {"bot": "机器人", "agent": "坐席", "citizen": "市民"}[element.set_by]
    reason = f"，原因：{element.reason}" if element.reason else ""
    return f"  {label}：{shown}{origin}  [{who}{reason}]"
