"""Files to import, read in a process of their own under limits; what it read comes back row by row."""

import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from knowledge.apart import Apart, Failed, Limits
from knowledge.entries import EntryForm
from knowledge.importer import ImportRefused, Row, RowError, read_rows

LIMITS: Final = Limits(seconds=120, cpu_s=90, memory_mb=1024, told_mb=64)
"""Twenty thousand rows as a spreadsheet take about ten seconds."""
_ERRORS_TOLD: Final = 5000
_REFUSALS: Final = {
    "too_long": "文件太复杂，读不完，一条也没有导入；请分成几个文件，或另存为 CSV UTF-8 后再导入",
    "too_big": "文件展开后太大，读它占用的内存超过上限，一条也没有导入；请分成几个文件再导入",
    "broken": "文件读不出来（可能已损坏），一条也没有导入；请在表格软件里另存后再导入",
}


async def read_apart(apart: Apart, file: Path, name: str, today: date) -> tuple[Row, ...]:
    """What :func:`knowledge.importer.read_rows` returns and raises; a file that runs into a limit is refused too."""
    rows: list[Row] = []
    errors: list[RowError] = []
    refusal: list[str] = []

    def take(line: bytes) -> None:
        match json.loads(line):
            case ["row", int(number), dict(values)]:
                rows.append(Row(number, EntryForm.model_validate(values)))
            case ["error", int(number), str(id), str(message)]:
                errors.append(RowError(number, id, message))
            case ["refused", str(code), str(message)]:
                refusal.extend((code, message))

    try:
        await apart.run("knowledge.importer_apart", [str(file), f"file{Path(name).suffix}", str(today)], LIMITS, take)
    except Failed as failed:
        raise ImportRefused(f"file_{failed.code}", _REFUSALS[failed.code]) from failed
    if refusal:
        code, message = refusal
        raise ImportRefused(code, message, errors)
    return tuple(rows)


def main(arguments: Sequence[str]) -> None:
    """Print what the file holds: ``["row", LINE, FORM]``, or the errors and ``["refused", CODE, MESSAGE]``."""
    file, name, today = arguments
    try:
        rows = read_rows(Path(file), name, date.fromisoformat(today))
    except ImportRefused as refused:
        for error in refused.errors[:_ERRORS_TOLD]:
            _tell("error", error.line, error.id, error.message)
        _tell("refused", refused.code, refused.summary)
        return
    for row in rows:
        _tell("row", row.line, row.form.model_dump(mode="json"))


def _tell(*what: Any) -> None:
    sys.stdout.buffer.write(json.dumps(what, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
