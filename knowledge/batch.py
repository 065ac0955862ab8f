"""Many questions at once, asked of the live knowledge base or of a given file of entries, for measurements."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from config.errors import HotlineError
from knowledge.contract import Entry
from knowledge.index import Index
from knowledge.meant import Reader
from knowledge.ranking import Model
from knowledge.search import order
from knowledge.synonym_variants import Synonyms

MOST_RANKED: Final = 10
MOST_ENTRIES: Final = 1_000_000
MOST_LINE: Final = 20_000
"""Characters of a line of questions."""
MOST_CELL: Final = 100_000
_SIMILAR: Final = ("|", "｜", "\n")


class BatchRefused(HotlineError):
    """A file that cannot be read: the line is named."""

    def __init__(self, file: Path, line: int, what: str) -> None:
        place = f"{file.name} 第 {line} 行：" if line else f"{file.name}："
        super().__init__("batch_refused", f"{place}{what}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Query:
    """A line of the questions: ``id`` comes back as it was given."""

    id: str | int
    question: str


def read_queries(file: Path) -> Iterator[Query]:
    """``{"id", "q"}`` a line; empty lines are passed over. Raises :class:`BatchRefused`."""
    try:
        with file.open(encoding="utf-8-sig") as handle:
            for number, line in enumerate(handle, 1):
                if line.strip():
                    yield _query(file, number, line)
    except OSError as error:
        raise BatchRefused(file, 0, "读不到这个文件，请检查路径和权限") from error
    except UnicodeDecodeError as error:
        raise BatchRefused(file, 0, "不是 UTF-8 编码，请另存为 UTF-8 再试") from error


def read_entries(file: Path, today: date) -> list[Entry]:
    """The entries of a CSV: ``id`` and ``question``, and what else of the columns for import is there.

    Raises :class:`BatchRefused`.
    """
    csv.field_size_limit(MOST_CELL)
    entries: list[Entry] = []
    seen: set[str] = set()
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            missing = [name for name in ("id", "question") if name not in (reader.fieldnames or ())]
            if missing:
                raise BatchRefused(file, 1, f"表头缺少 {'、'.join(missing)}，至少要有 id 和 question 两列")
            for row in reader:
                entries.append(_entry(file, reader.line_num, row, today, seen))
                if len(entries) > MOST_ENTRIES:
                    raise BatchRefused(file, reader.line_num, f"最多 {MOST_ENTRIES} 条，请分开检索")
    except OSError as error:
        raise BatchRefused(file, 0, "读不到这个文件，请检查路径和权限") from error
    except UnicodeDecodeError as error:
        raise BatchRefused(file, 0, "不是 UTF-8 编码，请另存为 UTF-8 再试") from error
    except csv.Error as error:
        raise BatchRefused(file, len(entries) + 2, f"CSV 格式不对，请检查引号和逗号（{error}）") from error
    return entries


def answered(
    index: Index,
    query: Query,
    synonyms: Synonyms | None = None,
    reader: Reader | None = None,
    model: Model | None = None,
) -> dict[str, Any]:
    """``{"id", "ranked", "scores", "verdict"}``: up to :data:`MOST_RANKED` entries, best first."""
    found = order(index, query.question, synonyms=synonyms or Synonyms(), model=model, reader=reader)
    shown = found.ranked[:MOST_RANKED]
    return {
        "id": query.id,
        "ranked": [index.entry(position).id for position, _ in shown],
        "scores": [round(score, 4) for _, score in shown],
        "verdict": found.verdict.value,
    }


def _query(file: Path, number: int, line: str) -> Query:
    if len(line) > MOST_LINE:
        raise BatchRefused(file, number, f"超过 {MOST_LINE} 个字符，请改短")
    try:
        loaded = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BatchRefused(file, number, '不是 JSON，应写成 {"id": "1", "q": "问题"}') from error
    id, question = (loaded.get("id"), loaded.get("q")) if isinstance(loaded, dict) else (None, None)
    if not isinstance(id, str | int) or isinstance(id, bool):
        raise BatchRefused(file, number, "缺少 id（文字或整数）")
    if not isinstance(question, str):
        raise BatchRefused(file, number, "缺少 q（要问的话）")
    return Query(id, question)


def _entry(file: Path, line: int, row: dict[str, Any], today: date, seen: set[str]) -> Entry:
    if None in row:
        raise BatchRefused(file, line, "格数比表头多，请检查逗号和引号")
    values = {name: (value or "").strip() for name, value in row.items()}
    if not values["id"] or not values["question"]:
        raise BatchRefused(file, line, "id 和 question 都不能为空")
    if values["id"] in seen:
        raise BatchRefused(file, line, f"编号 {values['id']} 出现了两次，请改成不同的编号")
    seen.add(values["id"])
    similar = values.get("similar", "")
    for separator in _SIMILAR[1:]:
        similar = similar.replace(separator, _SIMILAR[0])
    return Entry(
        id=values["id"],
        version=1,
        question=values["question"],
        similar=tuple(dict.fromkeys(way.strip() for way in similar.split(_SIMILAR[0]) if way.strip())),
        answer=values.get("answer", ""),
        speech=values.get("speech", ""),
        unit=values.get("unit", ""),
        field=values.get("field", ""),
        source=values.get("source", ""),
        effective_at=today,
        sample=False,
        area=values.get("area", ""),
    )
