"""XLSX files as rows of text, read within limits: what is small on disk may be huge once unpacked."""

import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from config.errors import HotlineError

MAX_UNPACKED: Final = 200 * 1024 * 1024
_MOST_PARTS: Final = 1000
_MOST_COLUMNS: Final = 100
_NOT_IN_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class SpreadsheetUnreadable(HotlineError):
    """A file that is no spreadsheet, or one that is too big."""


def rows_of(file: Path, most_rows: int, most_characters: int) -> list[tuple[int, list[str]]]:
    """The rows of the first sheet that are not blank, each with its number. Raises :class:`SpreadsheetUnreadable`."""
    from openpyxl import load_workbook  # takes a fifth of a second; most runs read no spreadsheet

    _within_limits(file)
    try:
        with file.open("rb") as opened:  # by its content: an upload has no name of its own
            book = load_workbook(opened, read_only=True, data_only=True)
            try:
                sheet = book.worksheets[0]
                found: list[tuple[int, list[str]]] = []
                for number, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True), 1):
                    row = [_text(cell) for cell in cells]
                    if any(row):
                        found.append((number, row))
                    if len(found) > most_rows:
                        raise SpreadsheetUnreadable("too_many_rows", f"一次最多 {most_rows - 1} 条，请分成几个文件导入")
            finally:
                book.close()
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, OSError, SyntaxError) as error:
        raise SpreadsheetUnreadable("not_xlsx", "这个表格读不出来，请在表格软件里另存为 .xlsx 后再导入") from error
    if any(len(cell) > most_characters for _, row in found for cell in row):
        raise SpreadsheetUnreadable("cell_too_long", f"有单元格超过 {most_characters} 个字，请缩短")
    return _same_width(found)


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """``rows`` as an XLSX file of text cells; nothing in it is a formula."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("知识库")
    for row in rows:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=_NOT_IN_XML.sub("", value))
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _within_limits(file: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise SpreadsheetUnreadable("not_xlsx", "这不是 .xlsx 表格，请在表格软件里另存为 .xlsx 后再导入") from error
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise SpreadsheetUnreadable("file_too_big", "表格展开后太大，请分成几个文件导入")


def _text(cell: object) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "是" if cell else "否"
        case datetime():
            return (
                f"{cell:%Y-%m-%d}" if (cell.hour, cell.minute, cell.second) == (0, 0, 0) else f"{cell:%Y-%m-%d %H:%M}"
            )
        case date():
            return cell.isoformat()
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell)


def _same_width(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Sheets end rows where cells end, and begin nowhere: all rows as wide as the header."""
    if not rows:
        return rows
    width = max(position for position, cell in enumerate(rows[0][1], 1) if cell)
    return [(number, (row + [""] * width)[:width] if not any(row[width:]) else row) for number, row in rows]
