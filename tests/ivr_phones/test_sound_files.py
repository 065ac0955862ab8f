"""Recordings to speak from."""

import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.phones.listening import dbfs, split, tone, tone_share
from ivr.phones.recording import StereoRecording
from ivr.phones.sound_files import UnreadableSound, read_sound
from ivr.sip.contract import FRAME_BYTES


def write(path: Path, samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]", rate: int, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def sine(rate: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int16]]":
    return (8000 * np.sin(2 * np.pi * 600 * np.arange(rate) / rate)).astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100])
def test_any_rate_becomes_telephone_audio(tmp_path: Path, rate: int) -> None:
    pcm = read_sound(write(tmp_path / "a.wav", sine(rate), rate))
    assert len(pcm) == pytest.approx(16_000, abs=320)
    assert tone_share(split(pcm)[20], 600) > 0.95
    assert dbfs(pcm) == pytest.approx(-15.3, abs=0.5)


def test_channels_are_mixed(tmp_path: Path) -> None:
    both = np.column_stack([sine(8000), np.zeros(8000, np.int16)])
    assert dbfs(read_sound(write(tmp_path / "s.wav", both, 8000))) == pytest.approx(-21.3, abs=0.3)


def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("no sound")
    for path in (text, tmp_path / "missing.wav", write(tmp_path / "slow.wav", sine(4000), 4000)):
        with pytest.raises(UnreadableSound, match="不能播放"):
            read_sound(path)


def test_both_sides_of_a_recording_line_up(tmp_path: Path) -> None:
    recording = StereoRecording()
    frame = tone(600, 20)
    recording.sent(frame)
    recording.sent(frame)
    recording.received(frame)
    recording.save(tmp_path / "folder" / "call.wav")
    with wave.open(str(tmp_path / "folder" / "call.wav"), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 320)
        sides = np.frombuffer(file.readframes(320), "<i2").reshape(-1, 2)
    assert sides[:160, 0].tobytes() == sides[:160, 1].tobytes() == frame
    assert not sides[160:, 1].any()
    assert recording.seconds == 2 * FRAME_BYTES / 2 / 8000
