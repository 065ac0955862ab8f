"""Entries out of a CSV file, a spreadsheet (XLSX) or JSON: every row checked, all of them taken or none."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from config.errors import HotlineError
from knowledge.contract import KIND_LABELS
from knowledge.entries import AUDIENCE_LABELS, EntryForm, EntryInvalid, parse_entry
from knowledge.spreadsheet import SpreadsheetUnreadable, rows_of

REQUIRED: Final = ("id", "question", "similar", "answer", "speech", "unit")
OPTIONAL: Final = (
    "field",
    "source",
    "effective_at",
    "kind",
    "audience",
    "area",
    "source_no",
    "source_date",
    "official",
    "expires_at",
    "tags",
    "urgent",
    "starts_at",
    "ends_at",
)
COLUMNS: Final = REQUIRED + OPTIONAL
FORMATS: Final = ("csv", "xlsx", "json")
SEPARATOR: Final = "|"
"""Between the ways of asking, and the tags, in one cell."""
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula; written with an apostrophe before it, and read without."""

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_ROWS: Final = 20_000
_MAX_CELL: Final = 100_000
_SHOWN: Final = 50
_YES: Final = {"是", "1", "true", "yes"}
_CHOSEN: Final = {label: str(value) for labels in (KIND_LABELS, AUDIENCE_LABELS) for value, label in labels.items()}
_DATES: Final = ("source_date", "expires_at")
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


@dataclass(frozen=True, slots=True)
class Row:
    """An entry and the line (in JSON: the number) where it stands."""

    line: int
    form: EntryForm


class ImportRefused(HotlineError):
    """A file of which nothing was taken; ``errors`` says why, row by row; ``summary``: the message without them."""

    def __init__(self, code: str, message: str, errors: Sequence[RowError] = ()) -> None:
        shown = "\n".join(map(str, errors[:_SHOWN]))
        more = f"\n……另有 {len(errors) - _SHOWN} 处" if len(errors) > _SHOWN else ""
        super().__init__(code, f"{message}\n{shown}{more}" if shown else message)
        self.summary = message
        self.errors = tuple(errors)


def read_rows(file: Path, name: str, today: date) -> tuple[Row, ...]:
    """The entries of a file called ``name``, which says by its end what it is: ``.csv``, ``.xlsx`` or ``.json``.

    An ``effective_at`` that is not given is ``today``. Raises :class:`ImportRefused`.
    """
    match Path(name).suffix.lower():
        case ".csv":
            return _taken(_table(list(_rows(decode(_read(file)))), today))
        case ".xlsx":
            _read(file)
            try:
                return _taken(_table(rows_of(file, MAX_ROWS + 1, _MAX_CELL), today))
            except SpreadsheetUnreadable as error:
                raise ImportRefused(error.code, error.message) from error
        case ".json":
            return _taken(_objects(_read(file), today))
        case _:
            raise ImportRefused("unknown_format", "只能导入 .csv、.xlsx 或 .json 文件，请另存为其中一种")


def read_csv(file: Path, today: date) -> tuple[EntryForm, ...]:
    """The entries of a CSV file (UTF-8, with or without BOM, or GB18030); see :func:`read_rows`."""
    return parse_csv(decode(_read(file)), today)


def _read(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise ImportRefused(
                "file_too_big", f"文件有 {size / 1e6:.0f} MB，最多 {MAX_BYTES // 1024**2} MB，请分成几个文件导入"
            )
        return file.read_bytes()
    except OSError as error:
        raise ImportRefused("unreadable", f"文件打不开：{file.name}（{error.strerror}）") from error


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
    """The entries of CSV text; see :func:`read_rows`."""
    return tuple(row.form for row in _taken(_table(list(_rows(text)), today)))


Candidate = tuple[int, dict[str, object] | str]
"""Line, and the values of a row or what is wrong with it."""


def _table(rows: Sequence[tuple[int, list[str]]], today: date) -> Iterator[Candidate]:
    header, *others = rows or [(1, [])]
    columns = _columns(header[1])
    if not others:
        raise ImportRefused("empty", "文件里只有表头，没有条目")
    _at_most(len(others))
    return (_cells(line, cells, columns, today) for line, cells in others)


def _cells(line: int, cells: list[str], columns: list[str], today: date) -> Candidate:
    if len(cells) != len(columns):
        return line, f"有 {len(cells)} 列，表头有 {len(columns)} 列，请检查逗号和引号"
    return line, _values(dict(zip(columns, map(_without_apostrophe, cells), strict=True)), today)


def _objects(data: bytes, today: date) -> Iterator[Candidate]:
    try:
        document = json.loads(decode(data))
    except (ValueError, RecursionError) as error:
        raise ImportRefused("not_json", "这不是 JSON 文件，请检查括号和引号") from error
    listed = document.get("entries") if isinstance(document, dict) else document
    if not isinstance(listed, list) or not listed:
        raise ImportRefused("empty", 'JSON 里应是条目的列表，或 {"entries": [...]}，至少一条')
    _at_most(len(listed))
    return ((number, _object(one, today)) for number, one in enumerate(listed, 1))


def _object(given: object, today: date) -> dict[str, object] | str:
    if not isinstance(given, dict):
        return '这一条不是对象，应写成 {"id": …}'
    values = {str(name): value for name, value in given.items() if name not in ("version", "sample")}
    if not values.get("effective_at") and not values.get("urgent"):
        values["effective_at"] = today
    return values


def _at_most(rows: int) -> None:
    if rows > MAX_ROWS:
        raise ImportRefused("too_many_rows", f"文件有 {rows} 条，一次最多 {MAX_ROWS} 条，请分成几个文件导入")


def _taken(candidates: Iterator[Candidate]) -> tuple[Row, ...]:
    """Every row as an entry, or :class:`ImportRefused` with everything that is wrong with any of them."""
    taken: list[Row] = []
    errors: list[RowError] = []
    first_line: dict[str, int] = {}
    for line, values in candidates:
        if isinstance(values, str):
            errors.append(RowError(line, "", values))
            continue
        id = str(values.get("id") or "").strip()
        if id and id in first_line:
            errors.append(RowError(line, id, f"编号与第 {first_line[id]} 行重复"))
            continue
        first_line[id] = line
        try:
            taken.append(Row(line, parse_entry(values)))
        except EntryInvalid as error:
            errors.extend(RowError(line, id, reason) for reason in error.reasons)
    if errors:
        raise ImportRefused("rows_invalid", f"有 {len(errors)} 处错误，一条也没有导入，请改好后重新导入：", errors)
    return tuple(taken)


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
            "bad_header", f"表头不对：{'；'.join(wrong)}。必须有 {','.join(REQUIRED)}，可以有 {','.join(OPTIONAL)}"
        )
    return columns


def _values(cells: dict[str, str], today: date) -> dict[str, object]:
    given: dict[str, object] = {
        name: _CHOSEN.get(value.strip(), value) for name, value in cells.items() if name in REQUIRED or value.strip()
    }
    for name in ("similar", "tags"):
        given[name] = [one.strip() for one in cells.get(name, "").split(SEPARATOR) if one.strip()]
    for name in _DATES:
        if name in given:
            given[name] = _iso(cells[name].strip())
    given["urgent"] = cells.get("urgent", "").strip().lower() in _YES
    written = cells.get("effective_at", "").strip()
    if written:
        given["effective_at"] = _iso(written)
    elif not given["urgent"]:
        given["effective_at"] = today
    return given


def _without_apostrophe(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell


def _iso(written: str) -> str:
    """``2025/1/3`` and ``2025年1月3日``, as spreadsheets write them, in ISO form; others as they are."""
    match = _DATE.fullmatch(written)
    return f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}" if match else written
