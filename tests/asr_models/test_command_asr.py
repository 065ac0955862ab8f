"""``./hotline asr`` prints one JSON document and says in Chinese what to do."""

import json
import wave
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from asr_models.evaluate_demo import Sentence, say
from asr_models.library import SOURCE_VARIABLE, shipped
from gateway.commands.asr import app


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def run_json(*arguments: str) -> tuple[int, Any]:
    code, out, _ = run(*arguments, "--json")
    return code, json.loads(out)


def test_info_names_the_demonstration_model_and_the_way_on(tmp_path: Path) -> None:
    code, document = run_json("info", "--data", str(tmp_path))
    assert (code, document["current"], document["demo"]) == (0, shipped().name, True)
    assert [model["current"] for model in document["models"]] == [True]
    assert "./hotline asr install" in run("info", "--data", str(tmp_path))[1]


def test_install_without_a_source_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)
    code, document = run_json("install", "vosk-model-small-cn-0.22", "--data", str(tmp_path))
    assert code == 2
    assert document["error"]["code"] == "asr_source_unset"
    code, _, said = run("install", str(tmp_path / "none.zip"), "--data", str(tmp_path))
    assert code == 2
    assert "找不到文件" in said


def test_use_of_an_unknown_model_is_refused(tmp_path: Path) -> None:
    code, document = run_json("use", "vosk-model-none", "--data", str(tmp_path))
    assert (code, document["error"]["code"]) == (2, "asr_model_unknown")
    assert run_json("use", shipped().name, "--data", str(tmp_path))[1]["current"]


def test_evaluate_measures_recordings(tmp_path: Path) -> None:
    rows = []
    for number, text in enumerate(["我要投诉", "公积金怎么提取"]):
        _, pcm = next(say([Sentence(text, "", 165, 50)]))
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as recording:
            recording.setnchannels(1)
            recording.setsampwidth(2)
            recording.setframerate(8000)
            recording.writeframes(pcm)
        rows.append(f"{number}.wav\t{text}")
    (tmp_path / "transcripts.tsv").write_text("\n".join(rows), encoding="utf-8")
    code, document = run_json("evaluate", str(tmp_path), "--data", str(tmp_path / "data"))
    assert code == 0
    assert (document["model"], document["demo"], document["cer"]) == (shipped().name, True, 0)
    assert [one["heard"] for one in document["files"]] == ["我要投诉", "公积金怎么提取"]
    assert 0 < document["real_time_factor"] < 2
    assert {"word": "投诉", "said": 1, "right": 1, "heard_as": {}} in document["own_words"]
    assert "字错率 0.0%" in run("evaluate", str(tmp_path), "--data", str(tmp_path / "data"))[1]


def test_use_says_that_no_hotline_runs(tmp_path: Path) -> None:
    assert run_json("use", shipped().name, "--data", str(tmp_path))[1]["running_node_took_over"] is None
    assert "没有在运行" in run("use", shipped().name, "--data", str(tmp_path))[1]


def test_evaluate_of_a_folder_without_a_list_says_what_is_missing(tmp_path: Path) -> None:
    code, document = run_json("evaluate", str(tmp_path), "--data", str(tmp_path))
    assert code == 2
    assert "transcripts.tsv" in document["error"]["message"]
