"""``./hotline incidents``, as the office's clerk types it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from config.settings import Settings
from gateway.commands import agent, incidents

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(settings: Settings, migrated: Path) -> Run:
    settings.data_dir.mkdir(parents=True)
    shutil.copy(migrated, settings.data_dir / "hotline.db")
    groups = {"incidents": incidents.app, "agent": agent.app}

    def invoke(group: str, *arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(groups[group], [*arguments, "--data", str(settings.data_dir)])
        return result.exit_code, result.stdout, result.stderr

    assert invoke("agent", "add", "boss", "--role", "office")[0] == 0
    return invoke


def test_a_list_is_shown_changed_and_decided(run: Run, tmp_path: Path) -> None:
    assert "规则手册自带" in run("incidents", "show")[1]
    assert "还没有决定过" in run("incidents", "list")[1]
    written = yaml.safe_load(run("incidents", "show", "--yaml")[1])
    written["incidents"][0]["cues"].append("鱼排翻了")
    file = tmp_path / "list.yaml"
    file.write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    code, out, err = run("incidents", "decide", str(file), "--by", "boss", "--note", "增加海上养殖的说法")
    assert (code, err) == (0, "")
    assert "第 1 版" in out
    shown = json.loads(run("incidents", "show", "--json")[1])
    assert shown["version"] == 1
    assert "鱼排翻了" in shown["incidents"][0]["cues"]
    assert "现行  第 1 版" in run("incidents", "list")[1]


def test_a_list_for_later_is_not_in_force_yet(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text(run("incidents", "show", "--yaml")[1], encoding="utf-8")
    arguments = ("decide", str(file), "--by", "boss", "--note", "预备", "--from", "2999-01-01T08:00", "--json")
    assert json.loads(run("incidents", *arguments)[1])["effective_at"] == "2999-01-01 08:00"
    listed = json.loads(run("incidents", "list", "--json")[1])
    assert (listed["in_force"], [row["in_force"] for row in listed["lists"]]) == (0, [False])


@pytest.mark.parametrize(
    ("content", "more", "code"),
    [
        ("incidents: [", (), "bad_file"),
        ("incidents: []", (), "bad_incidents"),
        (None, (), "no_file"),
        ("incidents: []", ("--from", "明天"), "bad_time"),
    ],
)
def test_what_cannot_be_read_is_explained(
    run: Run, tmp_path: Path, content: str | None, more: tuple[str, ...], code: str
) -> None:
    file = tmp_path / "list.yaml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    exit_code, out, err = run("incidents", "decide", str(file), "--by", "boss", "--note", "试", *more, "--json")
    assert (exit_code, json.loads(out)["error"]["code"]) == (2, code)
    assert err.startswith("错误：")
