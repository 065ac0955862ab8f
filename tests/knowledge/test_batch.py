"""Questions in bulk, of the live base and of a given file."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.commands.kb import app
from knowledge.batch import BatchRefused, read_entries, read_queries

TODAY = date(2026, 3, 2)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "q.jsonl"
    file.write_text('{"id": "a", "q": "飞艇牌照怎么办"}\n\n{"id": 7, "q": "热气球起飞"}\n', encoding="utf-8")
    return file


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["search", *arguments])


@pytest.mark.parametrize(
    "content",
    [
        "id,question\nX-1,飞艇怎么上牌照\nX-2,热气球在哪里起飞\n",
        "id,question,answer\nX-1,飞艇怎么上牌照,到窗口办理。\nX-2,热气球在哪里起飞,在草地上。\n",
        "id,question,similar,answer,speech,unit,field\nX-1,飞艇上牌,飞艇牌照|飞艇登记,办。,办。,局,交通\nX-2,热气球起飞,,办。,办。,局,交通\n",
    ],
)
def test_a_given_file_is_searched_line_by_line(tmp_path: Path, questions: Path, content: str) -> None:
    file = tmp_path / "e.csv"
    file.write_text(content, encoding="utf-8-sig")
    result = hotline("--batch", str(questions), "--index", str(file), "--data", str(tmp_path / "data"))
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["a", 7]
    assert [row["ranked"][0] for row in rows] == ["X-1", "X-2"]
    assert all(len(row["ranked"]) == len(row["scores"]) <= 10 for row in rows)
    assert {row["verdict"] for row in rows} <= {"answer", "choose", "abstain"}
    assert "已检索 2 / 2" in result.stderr


def test_without_a_file_the_live_base_is_searched(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text('{"id": "1", "q": "请问公积金怎么提取"}\n', encoding="utf-8")
    row = json.loads(hotline("--batch", str(file), "--data", str(tmp_path / "data")).stdout)
    assert (row["ranked"][0], row["verdict"]) == ("GJJ-001", "answer")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "不是 JSON"),
        ("[1]", "缺少 id"),
        ('{"q": "x"}', "缺少 id"),
        ('{"id": true, "q": "x"}', "缺少 id"),
        ('{"id": "1"}', "缺少 q"),
        ('{"id": "1", "q": 5}', "缺少 q"),
        ("x" * 30_000, "超过"),
    ],
)
def test_a_bad_line_of_questions_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(f'{{"id": "0", "q": "好"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(BatchRefused) as refused:
        list(read_queries(file))
    assert refused.value.line == 2
    assert message in refused.value.message
    result = hotline("--batch", str(file), "--data", str(tmp_path / "data"))
    assert result.exit_code == 2
    assert "第 2 行" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("id,name\n1,x\n", 1, "question"),
        ("id,question\n1,\n", 2, "不能为空"),
        ("id,question\n1,甲\n1,乙\n", 3, "出现了两次"),
        ("id,question\n1,甲,乙\n", 2, "格数"),
    ],
)
def test_a_bad_row_of_entries_is_named(tmp_path: Path, content: str, line: int, message: str) -> None:
    file = tmp_path / "e.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(BatchRefused) as refused:
        read_entries(file, TODAY)
    assert refused.value.line == line
    assert message in refused.value.message


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BatchRefused, match="读不到"):
        list(read_queries(tmp_path / "none"))
    file = tmp_path / "gbk"
    file.write_bytes("id,question\n1,公积金\n".encode("gb18030"))
    with pytest.raises(BatchRefused, match="UTF-8"):
        read_entries(file, TODAY)


@pytest.mark.parametrize(
    "arguments", [(), ("问题", "--batch", "x.jsonl"), ("问题", "--index", "x.csv")], ids=["none", "both", "index"]
)
def test_options_that_do_not_go_together_are_refused(arguments: tuple[str, ...]) -> None:
    assert hotline(*arguments).exit_code == 2
