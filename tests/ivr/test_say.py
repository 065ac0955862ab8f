import json
import wave
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli import application


def test_what_callers_hear_is_written_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "out.wav"
    arguments = ["请拨打12345。", "--wav", str(file), "--json", "--data", str(tmp_path)]
    result = CliRunner().invoke(application("say"), ["say", *arguments])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["said"] == "请拨打幺二三四五。"
    with wave.open(str(file)) as heard:
        assert (heard.getnchannels(), heard.getsampwidth(), heard.getframerate()) == (1, 2, 8000)
        assert heard.getnframes() / 8000 > 1
