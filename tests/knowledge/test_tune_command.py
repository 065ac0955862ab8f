"""``./hotline kb tune`` as it is typed."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.commands.kb import app
from knowledge.entries import sample_entries

COLUMNS = ("id", "question", "similar", "answer", "speech", "unit")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOTLINE_SEARCH_MEANING", "false")
    return str(tmp_path / "data")


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def imported(data: str, folder: Path, every: int) -> None:
    """Some of the samples, with three ways of asking each."""
    with (folder / "own.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        for form in sample_entries()[::every]:
            similar = "|".join(form.similar[:3])
            writer.writerow([form.id, form.question, similar, form.answer, form.speech, form.unit])
    assert hotline("import", str(folder / "own.csv"), "--data", data).exit_code == 0


def test_too_small_a_base_is_refused(data: str, tmp_path: Path) -> None:
    imported(data, tmp_path, 20)
    result = hotline("tune", "--json", "--data", data)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "too_few_ways"
    assert "至少要 20 条" in result.stderr


@pytest.mark.slow
def test_weights_are_compared_taken_and_given_back(data: str, tmp_path: Path) -> None:
    imported(data, tmp_path, 6)
    file = Path(data) / "search-weights.json"
    result = hotline("tune", "--force", "--json", "--data", data)
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert set(document) == {"fitted_on", "compared", "taken", "took_s"}
    assert document["taken"] == ["words"]
    (words,) = document["compared"]
    assert words["present"]["asked"] == words["tuned"]["asked"]
    assert list(json.loads(file.read_text(encoding="utf-8"))["weights"]) == ["words"]
    assert "已退回" in hotline("tune", "--reset", "--data", data).stdout
    assert not file.exists()
    with closing(sqlite3.connect(Path(data) / "hotline.db")) as database:
        told = [
            row[0] for row in database.execute("SELECT detail FROM audit WHERE action = 'knowledge.tune' ORDER BY at")
        ]
    assert [text[:8] for text in told] == ["换上新配的权重：", "退回随程序的权重"]


def test_contradicting_options_are_refused(data: str) -> None:
    assert hotline("tune", "--reset", "--force", "--data", data).exit_code == 2
