"""``./hotline elements`` as a program: with ``--json``, stdout is one JSON document and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import ROOT

TEXT = "昨天晚上十点半赤坎区海滨大道的工地一直施工，吵得睡不着"


def hotline(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", "elements", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_one_sentence(tmp_path: Path) -> None:
    done = hotline(TEXT, "--json", "--at", "2026-03-11T10:00", "--data", str(tmp_path))
    elements = json.loads(done.stdout)["elements"]
    assert done.returncode == 0
    assert elements["time"]["value"]["start"] == "2026-03-10T22:30:00+08:00"
    assert elements["time"]["value"]["ongoing"] is True
    source = elements["place"]["source"][0]
    assert TEXT[source["start"] : source["end"]] == source["text"] == "赤坎区海滨大道"
    assert set(elements["demand"]) >= {"value", "status", "source", "confidence", "set_by"}
    assert elements["demand"]["status"] == "missing"


def test_batch(tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text('{"id": "a", "text": "中山路路灯坏了"}\n\n{"id": 2, "text": "我要投诉"}\n', encoding="utf-8")
    done = hotline("--batch", str(file), "--json", "--data", str(tmp_path))
    results = json.loads(done.stdout)["results"]
    assert [row["id"] for row in results] == ["a", 2]
    assert results[0]["elements"]["place"]["value"]["text"] == "中山路"
    assert {element["status"] for element in results[1]["elements"].values()} == {"missing"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), "bad_arguments"), (("话", "--at", "昨天"), "bad_moment"), (("--batch", "/no/such/file"), "no_file"), (("话", "--city", "nowhere"), "unknown_city"), (("话", "--asked", "name"), "bad_element")],
)  # fmt: skip
def test_refusals_say_why(arguments: tuple[str, ...], code: str) -> None:
    done = hotline(*arguments, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == code
    assert "错误：" in done.stderr


def test_bad_lines_are_named(tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text('{"id": "a", "text": "好"}\n{"id": "b"}\nnot json\n', encoding="utf-8")
    done = hotline("--batch", str(file), "--json")
    assert json.loads(done.stdout)["error"]["code"] == "bad_lines"
    assert "第 2、3 行" in done.stderr
