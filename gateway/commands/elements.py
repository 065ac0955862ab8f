"""``./hotline elements``: what the extractor makes of a sentence, or of a file of them."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.clock import LOCAL_ZONE, SystemClock
from gateway.commands.common import (
    EXIT_REFUSED,
    CityOption,
    DataOption,
    JsonOption,
    fail,
    print_json,
    refusals,
    settings_for,
)

if TYPE_CHECKING:
    from dialog.elements.extract import Extractor
    from tickets.model import Element, FiveElements


def elements(
    text: Annotated[str | None, typer.Argument(metavar="一句话", help="市民说的话")] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="文件", help='每行一个 {"id", "text"}，可另带 "at"')
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="时刻", help="说话的时刻，如 2026-03-11T10:00（默认现在）")
    ] = None,
    asked: Annotated[
        str | None, typer.Option("--asked", metavar="要素", help="正在问的要素：time|place|person|event|demand")
    ] = None,
    data: DataOption = None,
    city: CityOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the five elements of a sentence with their sources; ``--batch``: of every line, as one JSON document."""
    if (text is None) == (batch is None):
        fail("bad_arguments", "请给一句话，或用 --batch 给一个文件，二者选一", as_json)
    from config.rulebook import load_rulebook
    from dialog.elements.extract import Extractor

    settings = settings_for(data, city, as_json=as_json)
    moment = _moment(at, as_json)
    with refusals(as_json):
        extractor = Extractor(load_rulebook(settings.city, settings.data_dir))
    if batch is not None:
        print_json({"results": [_result(extractor, line, moment, as_json) for line in _lines(batch, as_json)]})
        return
    found = _extract(extractor, text or "", moment, asked, as_json)
    if as_json:
        from tickets.serial import elements_to_json

        print_json({"text": text, "at": moment.isoformat(timespec="seconds"), "elements": elements_to_json(found)})
    else:
        typer.echo("\n".join(_shown(found)))


def _moment(given: str | None, as_json: bool) -> datetime:
    if given is None:
        return SystemClock().now().astimezone(LOCAL_ZONE)
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        fail("bad_moment", f"“{given}”不是时刻，请写成 2026-03-11T10:00 或 2026-03-11T10:00:00+08:00", as_json)
    return (moment if moment.tzinfo else moment.replace(tzinfo=LOCAL_ZONE)).astimezone(LOCAL_ZONE)


def _extract(
    extractor: "Extractor", text: str, at: datetime, asked: str | None, as_json: bool, turn_id: str = "1"
) -> "FiveElements":
    from tickets.model import ElementName

    if asked is not None and asked not in set(ElementName):
        fail("bad_element", f"没有要素“{asked}”，可用：{'、'.join(ElementName)}", as_json)
    return extractor.extract(text, turn_id=turn_id, at=at, asked=ElementName(asked) if asked else None)


def _lines(file: Path, as_json: bool) -> list[dict[str, Any]]:
    if not file.is_file():
        fail("no_file", f"没有文件 {file}", as_json)
    found, faults = [], []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row["text"], str):
                raise TypeError("text")
            found.append({"id": row.get("id", str(number)), **row})
        except (ValueError, KeyError, TypeError):
            faults.append(str(number))
    if faults:
        fail(
            "bad_lines",
            f"{file.name} 第 {'、'.join(faults)} 行不是带 text 的 JSON 对象，请改正后再试",
            as_json,
            EXIT_REFUSED,
        )
    return found


def _result(extractor: "Extractor", row: dict[str, Any], at: datetime, as_json: bool) -> dict[str, Any]:
    from tickets.serial import elements_to_json

    moment = _moment(str(row["at"]), as_json) if row.get("at") else at
    found = _extract(extractor, row["text"], moment, row.get("asked"), as_json, turn_id=str(row["id"]))
    return {"id": row["id"], "elements": elements_to_json(found)}


def _shown(found: "FiveElements") -> list[str]:
    from tickets.model import ELEMENT_LABELS, ElementName

    return [f"{ELEMENT_LABELS[name]}：{_told(found.get(name))}" for name in ElementName]


def _told(element: "Element") -> str:
    from tickets.model import ElementStatus

    if element.status is ElementStatus.MISSING:
        return "（没有说）"
    words = "、".join(f"“{span.text}”" for span in element.source)
    if element.status is not ElementStatus.FILLED:
        return f"（{element.reason}）原话：{words}"
    return f"{(element.value or {}).get('text', '')}　原话：{words}　把握 {element.confidence:.2f}"
