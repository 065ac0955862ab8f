"""What a training example may say: short, readable, and nobody's name or number in it."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

import yaml

from knowledge.importer import ImportRefused, RowError, decode
from knowledge.training import TrainingError

LONGEST: Final = 100
"""Characters; an utterance that is longer says several things."""
MAX_BYTES: Final = 2 * 1024 * 1024
MAX_ROWS: Final = 5_000
_DEEPEST: Final = 20
"""Lines of a YAML file may be nested so deep; ours need three."""
_NUMBER: Final = re.compile(r"[0-9０-９](?:[\s\-－]?[0-9０-９]){5,}|[〇零幺一二三四五六七八九]{7,}")
_PLATE: Final = re.compile(r"[\u4e00-\u9fff][A-Za-z][·\s]?[A-Za-z0-9]{4,6}")
_ADDRESS: Final = re.compile(r"[\w.+-]+@[\w-]+\.\w+|https?://")
_NAMED: Final = re.compile(r"(?:我叫|名叫|名字叫|名字是|姓名是|姓名：|姓名:)(?!什么|啥|【)[\u4e00-\u9fff]{2,4}")
_MARK: Final = re.compile(r"[\[\](){}<>|`]|^[#/&*!-]")
"""Signs that would mean something in the training file."""
_MASKS: Final = ("【姓名】", "【号码】")


def bare(text: str) -> str:
    """``text`` by its letters, digits and characters alone: two examples with the same are one."""
    return "".join(char for char in text.casefold() if char.isalnum())


def problem(text: str) -> str:
    """Why ``text`` cannot be an example, in Chinese; empty when it can."""
    words = text
    for sign in _MASKS:
        words = words.replace(sign, "")
    if not bare(text):
        return "没有文字"
    if len(text) > LONGEST:
        return f"有 {len(text)} 个字，最多 {LONGEST} 个"
    if any(ord(char) < 32 for char in text) or _MARK.search(words):
        return "有换行、方括号等不能用的符号，请只写市民说的话"
    if _NUMBER.search(words) or _PLATE.search(words) or _ADDRESS.search(words):
        return "有号码、车牌或网址，请改成【号码】"
    if _NAMED.search(words):
        return "有姓名，请改成【姓名】"
    return ""


def read_file(name: str, data: bytes) -> list[tuple[int, str, str]]:
    """``(line, text, label)`` for each example of a file, nothing checked but its form.

    CSV has the columns ``text,label``; YAML is ``label: [texts]`` or a list of ``{text, label}``. Raises
    :class:`knowledge.importer.ImportRefused` with the line, or :class:`TrainingError` (``invalid``).
    """
    if len(data) > MAX_BYTES:
        raise TrainingError("invalid", f"文件太大：最多 {MAX_BYTES // 1024**2} MB，请分成几个文件")
    text = decode(data)
    kind = name.lower().rpartition(".")[2]
    if kind == "csv":
        rows = list(_csv_rows(text))
    elif kind in {"yaml", "yml"}:
        rows = list(_yaml_rows(text))
    else:
        raise TrainingError("invalid", "只能读 .csv（表头 text,label）或 .yaml（行为: [说法……]）文件")
    if not rows:
        raise TrainingError("invalid", "文件里没有一条说法")
    if len(rows) > MAX_ROWS:
        raise TrainingError("invalid", f"文件有 {len(rows)} 条，一次最多 {MAX_ROWS} 条，请分成几个文件")
    return rows


def refused(errors: list[RowError]) -> ImportRefused:
    """The refusal of a whole file for ``errors``."""
    return ImportRefused("rows_invalid", f"有 {len(errors)} 处错误，一条也没有加入，请改好后重来：", errors)


def _csv_rows(text: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] = []
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise refused([RowError(line, "", "引号没有配对，请检查这一行")]) from error
        began, line = line, reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = [cell.strip().lower() for cell in cells]
            if set(columns) != {"text", "label"} or len(columns) != 2:
                raise refused([RowError(began, "", "表头应为 text,label（说法,行为）")])
            continue
        if len(cells) != len(columns):
            raise refused([RowError(began, "", f"有 {len(cells)} 列，应有 2 列，请检查逗号和引号")])
        row = dict(zip(columns, cells, strict=True))
        yield began, row["text"].strip(), row["label"].strip()


def _yaml_rows(text: str) -> Iterator[tuple[int, str, str]]:
    if re.search(r"(^|[\s:,\[-])[&*][A-Za-z0-9]", text):
        raise TrainingError("invalid", "YAML 里不能用 & 与 * 引用，请把每句话写全")
    if any(len(line) - len(line.lstrip()) > _DEEPEST for line in text.splitlines()):
        raise TrainingError("invalid", "YAML 缩进太深，请写成“行为: [说法……]”")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise refused([RowError(line, "", "不是正确的 YAML，请检查缩进、冒号和引号")]) from error
    if isinstance(root, yaml.MappingNode):
        for label, texts in root.value:
            if not isinstance(texts, yaml.SequenceNode):
                raise refused([RowError(_line(texts), "", "行为下面应是一列说法")])
            for node in texts.value:
                yield _line(node), _scalar(node), _scalar(label)
    elif isinstance(root, yaml.SequenceNode):
        for node in root.value:
            if not isinstance(node, yaml.MappingNode):
                raise refused([RowError(_line(node), "", "每一条应写成 {text: 说法, label: 行为}")])
            row = {_scalar(key): _scalar(value) for key, value in node.value}
            if set(row) != {"text", "label"}:
                raise refused([RowError(_line(node), "", "每一条应有 text 与 label 两项")])
            yield _line(node), row["text"], row["label"]
    elif root is not None:
        raise refused([RowError(1, "", "应写成“行为: [说法……]”")])


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise refused([RowError(_line(node), "", "这里应是一句话")])
    return str(node.value).strip()
