import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.speech.recordings import RecordingRefused, load_recordings, read_recording
from ivr.speech.telephone_band import active_level

PROMPTS = {"wait": "请您稍等。", "goodbye": "再见。"}


def record(file: Path, *, rate: int = 8000, seconds: float = 1.0, amplitude: float = 0.1, channels: int = 1) -> Path:
    moment = np.arange(int(rate * seconds)) / rate
    samples = (32767 * np.clip(amplitude * np.sin(2 * np.pi * 400 * moment), -1, 1)).astype("<i2")
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.repeat(samples, channels).tobytes())
    return file


@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("amplitude", [0.02, 0.6])
def test_a_recording_gets_the_voices_rate_and_level(tmp_path: Path, rate: int, amplitude: float) -> None:
    pcm = read_recording(record(tmp_path / "wait.wav", rate=rate, amplitude=amplitude))
    assert len(pcm) / 16_000 == pytest.approx(1.0, abs=0.01)
    assert active_level(np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)) == pytest.approx(-20, abs=1)


def test_the_operators_own_goes_first(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    shipped.mkdir()
    own.mkdir()
    for name in PROMPTS:
        record(shipped / f"{name}.wav")
    record(own / "wait.wav", seconds=2.0)
    found = load_recordings(PROMPTS, own, shipped)
    assert len(found.saying("请您稍等。") or b"") == 32_000
    assert len(found.saying(" 再见。 ") or b"") == 16_000
    assert found.saying("别的话。") is None
    assert found.files == {"wait": own / "wait.wav", "goodbye": shipped / "goodbye.wav"}


def test_any_fixed_sentence_can_be_recorded_with_its_text_beside(tmp_path: Path) -> None:
    record(tmp_path / "greeting.wav")
    (tmp_path / "greeting.txt").write_text("您好，这里是湛江12345热线。\n", encoding="utf-8")
    found = load_recordings(PROMPTS, tmp_path, tmp_path / "none")
    assert found.saying("您好，这里是湛江12345热线。") is not None
    assert found.problems == ()


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"rate": 44_100}, "44100 Hz"),
        ({"channels": 2}, "2 声道"),
        ({"seconds": 0.1}, "0.1 秒"),
        ({"seconds": 61.0}, "61.0 秒"),
        ({"amplitude": 0.0}, "几乎没有声音"),
        ({"amplitude": 3.0}, "失真"),
    ],
)
def test_what_is_unfit_is_refused_with_the_reason(tmp_path: Path, form: dict[str, float], told: str) -> None:
    with pytest.raises(RecordingRefused, match=told):
        read_recording(record(tmp_path / "wait.wav", **form))  # type: ignore[arg-type]


def test_one_bad_recording_leaves_the_others_in_use(tmp_path: Path) -> None:
    record(tmp_path / "wait.wav")
    (tmp_path / "goodbye.wav").write_bytes(b"RIFF....not a wave")
    record(tmp_path / "unknown.wav")
    record(tmp_path / "empty.wav")
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    found = load_recordings(PROMPTS, tmp_path, tmp_path / "none")
    assert found.saying("请您稍等。") is not None
    assert [problem.split("：")[0] for problem in found.problems] == [
        "录音 empty.wav 不能用",
        "录音 goodbye.wav 不能用",
        "录音 unknown.wav 不能用",
    ]
    assert "有：goodbye、wait" in found.problems[2]
