"""``./hotline kb`` as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.commands.kb import app

HEADER = "id,question,similar,answer,speech,unit\n"


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_search_prints_one_document(data: str) -> None:
    result = hotline("search", "请问公积金怎么提取", "--json", "--data", data)
    document = json.loads(result.stdout)
    assert set(document) == {"query", "verdict", "margin", "results"}
    assert (document["query"], document["verdict"]) == ("请问公积金怎么提取", "answer")
    best = document["results"][0]
    assert set(best) == {"id", "version", "score", "question", "unit"}
    assert (best["id"], best["version"]) == ("GJJ-001", 1)


def test_import_publishes_and_search_finds_it(data: str, tmp_path: Path) -> None:
    hotline("list", "--data", data)
    file = tmp_path / "own.csv"
    file.write_text(
        HEADER + "X-1,飞艇怎么上牌,飞艇牌照|飞艇登记,到窗口办理。,请到窗口办理。,市交通局\n", encoding="utf-8"
    )
    assert json.loads(hotline("import", str(file), "--json", "--data", data).stdout) == {
        "added": ["X-1"],
        "changed": [],
        "unchanged": [],
    }
    assert "内容未变 1 条" in hotline("import", str(file), "--data", data).stdout
    assert json.loads(hotline("search", "飞艇牌照怎么办", "--json", "--data", data).stdout)["results"][0]["id"] == "X-1"
    shown = json.loads(hotline("show", "X-1", "--json", "--data", data).stdout)
    assert (shown["speech"], [version["version"] for version in shown["versions"]]) == ("请到窗口办理。", [1])


def test_one_bad_row_and_nothing_is_imported(data: str, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(HEADER + "X-1,飞艇怎么上牌,,办理。,办理。,局\nX-2,飞艇年检,,办理。,,局\n", encoding="utf-8")
    result = hotline("import", str(file), "--json", "--data", data)
    assert result.exit_code == 2
    document = json.loads(result.stdout)
    assert document["rows"][0]["line"] == 3
    assert "语音答案" in document["rows"][0]["message"]
    assert "X-2" in result.stderr
    assert hotline("show", "X-1", "--data", data).exit_code == 2


def test_list_can_be_narrowed_to_a_field(data: str) -> None:
    entries = json.loads(hotline("list", "--field", "公积金", "--json", "--data", data).stdout)["entries"]
    assert len(entries) >= 4
    assert {entry["field"] for entry in entries} == {"公积金"}


def test_an_unknown_id_says_how_to_find_ids(data: str) -> None:
    result = hotline("show", "NONE", "--data", data)
    assert result.exit_code == 2
    assert "kb list" in result.stderr
