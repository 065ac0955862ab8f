import json
import wave
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from gateway.cli import application


def say(*arguments: str, data: Path) -> Any:
    return CliRunner().invoke(application("say"), ["say", *arguments, "--data", str(data)])


def test_what_callers_hear_is_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "out.wav"
    result = say("请拨打12345，咨询。", "--wav", str(file), "--json", data=tmp_path)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["said"] == "请拨打幺二三四五，咨询。"
    assert told["pinyin"] == ["qing3 bo1 da3 yao1 er4 san1 si4 wu3 , zi1 xun2 ."]
    assert -22 <= told["level_dbfs"] <= -18
    assert told["recorded"] is False
    with wave.open(str(file)) as heard:
        assert (heard.getnchannels(), heard.getsampwidth(), heard.getframerate()) == (1, 2, 8000)
        assert heard.getnframes() / 8000 > 1


def test_a_recorded_prompt_is_heard_as_callers_hear_it(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    recording = tmp_path / "prompts" / "wait.wav"
    assert say("请等一等。", "--wav", str(recording), data=tmp_path).exit_code == 0
    result = say("@wait", "--wav", str(tmp_path / "out.wav"), "--json", data=tmp_path)
    assert json.loads(result.stdout)["recorded"] is True
    checked = say("--check", data=tmp_path)
    assert checked.exit_code == 0
    assert "录好的提示语 1 条：wait" in checked.stdout


def test_a_prompt_that_is_not_there_and_nothing_to_say_are_refused(tmp_path: Path) -> None:
    missing = say("@nothing", "--wav", str(tmp_path / "out.wav"), "--json", data=tmp_path)
    assert missing.exit_code == 2
    assert "goodbye" in json.loads(missing.stdout)["error"]["message"]
    assert say("您好", data=tmp_path).exit_code == 2
    assert say("您好", "--wav", str(tmp_path / "no" / "out.wav"), data=tmp_path).exit_code == 2


def test_what_is_wrong_in_the_edited_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "lexicon.yaml").write_text("words:\n  银行: yin2\n", encoding="utf-8")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "wait.wav").write_bytes(b"no wave")
    result = say("--check", "--json", data=tmp_path)
    assert result.exit_code == 2
    message = json.loads(result.stdout)["error"]["message"]
    assert "第 2 行" in message
    assert "wait.wav" in message
