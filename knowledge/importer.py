"""Entries out of a spreadsheet's CSV: every row checked, all of them taken or none."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from config.errors import HotlineError
from knowledge.entries import EntryForm, EntryInvalid, parse_entry

REQUIRED: Final = ("id", "question", "similar", "answer", "speech", "unit")
OPTIONAL: Final = ("field", "source", "effective_at")
COLUMNS: Final = REQUIRED + OPTIONAL

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_ROWS: Final = 20_000
_MAX_CELL: Final = 100_000
_SHOWN: Final = 50
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row. ``line`` is where it begins in the file, the header being line 1."""

    line: int
    id: str
    message: str

    def __str__(self) -> str:
        name = f"（{self.id}）" if self.id else ""
        return f"第 {self.line} 行{name}：{self.message}"


class ImportRefused(HotlineError):
    """A file of which nothing was taken; ``errors`` says why, row by row."""

    def __init__(self, code: str, message: str, errors: Sequence[RowError] = ()) -> None:
        shown = "\n".join(map(str, errors[:_SHOWN]))
        more = f"\n……另有 {len(errors) - _SHOWN} 处" if len(errors) > _SHOWN else ""
        super().__init__(code, f"{message}\n{shown}{more}" if shown else message)
        self.errors = tuple(errors)


def read_csv(file: Path, today: date) -> tuple[EntryForm, ...]:
    """The entries of a CSV file (UTF-8, with or without BOM, or GB18030).

    An ``effective_at`` that is not given is ``today``. Raises :class:`ImportRefused`.
    """
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise ImportRefused(
                "file_too_big", f"文件有 {size / 1e6:.0f} MB，最多 {MAX_BYTES // 1024**2} MB，请分成几个文件导入"
            )
        data = file.read_bytes()
    except OSError as error:
        raise ImportRefused("unreadable", f"文件打不开：{file.name}（{error.strerror}）") from error
    return parse_csv(decode(data), today)


def decode(data: bytes) -> str:
    """Text out of UTF-8 or GB18030 bytes. Raises :class:`ImportRefused`."""
    if b"\x00" in data:
        raise ImportRefused("not_text", "这不是 CSV 文本文件。请在表格软件里“另存为 CSV UTF-8”后再导入")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ImportRefused("not_text", "文件编码认不出来。请在表格软件里“另存为 CSV UTF-8”后再导入")


def parse_csv(text: str, today: date) -> tuple[EntryForm, ...]:
    """The entries of CSV text; see :func:`read_csv`."""
    header, *rows = list(_rows(text)) or [(1, [])]
    columns = _columns(header[1])
    if not rows:
        raise ImportRefused("empty", "文件里只有表头，没有条目")
    if len(rows) > MAX_ROWS:
        raise ImportRefused("too_many_rows", f"文件有 {len(rows)} 条，一次最多 {MAX_ROWS} 条，请分成几个文件导入")
    forms: list[EntryForm] = []
    errors: list[RowError] = []
    first_line: dict[str, int] = {}
    for line, cells in rows:
        if len(cells) != len(columns):
            errors.append(RowError(line, "", f"有 {len(cells)} 列，表头有 {len(columns)} 列，请检查逗号和引号"))
            continue
        values = dict(zip(columns, cells, strict=True))
        id = values["id"].strip()
        if id and id in first_line:
            errors.append(RowError(line, id, f"编号与第 {first_line[id]} 行重复"))
            continue
        first_line[id] = line
        try:
            forms.append(_form(values, today))
        except EntryInvalid as error:
            errors.extend(RowError(line, id, reason) for reason in error.reasons)
    if errors:
        raise ImportRefused("rows_invalid", f"有 {len(errors)} 处错误，一条也没有导入，请改好后重新导入：", errors)
    return tuple(forms)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank with the line that it begins on."""
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ImportRefused(
                "not_csv",
                "这一行读不下去，一条也没有导入：",
                [RowError(line, "", "引号没有配对，或单元格太长，请检查这一行")],
            ) from error
        if any(cell.strip() for cell in cells):
            yield line, cells
        line = reader.line_num + 1


def _columns(header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name or "（空）" for name in columns if name not in COLUMNS]
    twice = sorted({name for name in columns if columns.count(name) > 1 and name in COLUMNS})
    wrong = []
    if missing:
        wrong.append(f"缺少列：{'、'.join(missing)}")
    if unknown:
        wrong.append(f"不认识的列：{'、'.join(unknown)}")
    if twice:
        wrong.append(f"重复的列：{'、'.join(twice)}")
    if wrong:
        raise ImportRefused(
            "bad_header", f"表头不对：{'；'.join(wrong)}。表头应为 {','.join(COLUMNS)}（后三列可以没有）"
        )
    return columns


def _form(values: dict[str, str], today: date) -> EntryForm:
    given: dict[str, object] = {name: value for name, value in values.items() if name in REQUIRED or value.strip()}
    given["similar"] = [way.strip() for way in values["similar"].split("|") if way.strip()]
    written = values.get("effective_at", "").strip()
    given["effective_at"] = _iso(written) if written else today
    return parse_entry(given)


def _iso(written: str) -> str:
    """``2025/1/3`` and ``2025年1月3日``, as spreadsheets write them, in ISO form; others as they are."""
    match = _DATE.fullmatch(written)
    return f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}" if match else written
