"""``./hotline nlu``: what is refused before a model is asked, and the trained bot judging a batch on a server of its own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.settings import Settings
from gateway.cli import application
from gateway.commands.nlu import ACT_LABELS
from tests.dialog_bot.test_bot_data import DOMAIN


def nlu(*arguments: str, data: Path) -> Result:
    return CliRunner().invoke(application("nlu"), ["nlu", "--data", str(data), *arguments])


def test_every_act_has_its_chinese_name() -> None:
    assert set(ACT_LABELS) == {*DOMAIN["intents"], "nlu_fallback"}


@pytest.mark.parametrize("arguments", [(), ("你好", "--batch", "x.jsonl")])
def test_a_sentence_or_a_file(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = nlu(*arguments, data=tmp_path)
    assert result.exit_code == 2
    assert "二者选一" in result.stderr


def test_wrong_lines_are_named_and_nothing_is_judged(tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_text('{"id": 1, "q": "你好"}\n{"id": 2}\n', encoding="utf-8")
    result = nlu("--batch", str(file), data=tmp_path / "data")
    assert result.exit_code == 2
    assert "第 2 行：缺少 q" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("text", ["", " ", "好" * 501])
def test_no_sentence_is_refused(tmp_path: Path, text: str) -> None:
    result = nlu(text, "--json", data=tmp_path)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "bad_text"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_batch_without_a_running_hotline(bot_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    lines = [
        {"id": 7, "q": "公积金怎么提取"},
        {"id": "b", "text": "/我要投诉楼下工地半夜施工"},
        {"id": "c", "q": "转人工"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    result = nlu("--batch", str(file), data=bot_settings.data_dir)
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["id"], one["intent"]) for one in answers] == [(7, "ask"), ("b", "complain"), ("c", "person_please")]
    assert [one["topic"] for one in answers][0::2] == ["公积金", ""]
    assert all(0 < one["confidence"] <= 1 for one in answers)
    assert "共 3 句" in result.stderr
