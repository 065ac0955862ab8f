"""Entries as files that can be read back: CSV, XLSX, JSON."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Final

from config.clock import local
from knowledge.content import json_of
from knowledge.contract import Entry
from knowledge.importer import COLUMNS, FORMATS, FORMULA_STARTS, SEPARATOR
from knowledge.spreadsheet import written

MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


def export(entries: Iterable[Entry], format: str) -> bytes:
    """``entries`` as a file of one of :data:`knowledge.importer.FORMATS`; only JSON names attachments."""
    if format not in FORMATS:
        raise ValueError(f"no such format: {format}")
    if format == "json":
        listed = [json_of(entry) | {"version": entry.version} for entry in entries]
        return json.dumps({"entries": listed}, ensure_ascii=False, indent=2).encode()
    rows = [list(COLUMNS), *([_cell(entry, name) for name in COLUMNS] for entry in entries)]
    if format == "xlsx":
        return written(rows)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[_no_formula(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def _cell(entry: Entry, name: str) -> str:
    value = getattr(entry, name)
    if name in ("similar", "tags"):
        return SEPARATOR.join(one.replace(SEPARATOR, "｜") for one in value)
    if name in ("starts_at", "ends_at"):
        return local(value).isoformat() if value else ""
    if isinstance(value, bool):
        return "是" if value else ""
    return "" if value is None else str(value)


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
