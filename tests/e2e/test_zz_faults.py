"""Kill each part during a call: the caller is never left in silence for 5 s, and all is well again within 30 s."""

import json
import os
import signal
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.instance import Hotline

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SILENCE_MOST_S = 5.0
"""Issue 1, "Shown by" 8: the longest silence a caller may hear."""
RECOVERY_MOST_S = 60.0 if "PYTEST_XDIST_WORKER" in os.environ else 30.0
"""Loading the dialogue model is work for a core; in the whole suite another file's calls share the two."""


def recogniser_pid(hotline: Hotline) -> int:
    """A recogniser worker: the child of the ivr node that runs it."""
    node = hotline.pid("ivr")
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == node and b"recogniser_worker" in command:
            return int(folder.name)
    raise AssertionError("no recogniser worker runs under the node")


def longest_wait(recording: Path) -> float:
    """Seconds of the longest stretch in which neither side is heard (left: caller, right: what came back)."""
    with wave.open(str(recording)) as wav:
        assert wav.getnchannels() == 2
        rate = wav.getframerate()
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2).astype(np.float64)
    frame = rate // 50
    count = len(samples) // frame
    level = np.abs(samples[: count * frame]).reshape(count, frame, 2).max(axis=(1, 2))
    longest = quiet = 0
    for loud in level > 300:
        quiet = 0 if loud else quiet + 1
        longest = max(longest, quiet)
    return longest / 50


def wait_until_well(hotline: Hotline, before: dict[str, Any]) -> float:
    began = time.monotonic()
    while time.monotonic() - began < RECOVERY_MOST_S + 20:
        status = hotline.status()
        if status["ready"] and status["parts"] != before["parts"]:
            return time.monotonic() - began
        time.sleep(0.25)
    raise AssertionError(hotline.status())


@pytest.mark.parametrize("victim", ["rasa", "redis", "gateway", "recogniser"])
def test_a_killed_part_is_not_felt_as_silence(hotline: Hotline, victim: str, tmp_path: Path) -> None:
    recording = tmp_path / "call.wav"
    talk = hotline.start(
        "call", "--say", "我要投诉", "--say", "昨天晚上赤坎区海滨大道的工地一直施工", "--say", "我姓王",
        "--from", "13800000031", "--save", str(recording), "--json",
    )  # fmt: skip
    time.sleep(9)
    before = hotline.status()
    if victim == "recogniser":
        os.kill(recogniser_pid(hotline), signal.SIGKILL)
    else:
        os.kill(before["parts"][victim]["pid"], signal.SIGKILL)
        well_after = wait_until_well(hotline, before)
        assert well_after <= RECOVERY_MOST_S
    stdout, stderr = talk.communicate(timeout=150)
    assert stdout, stderr[-2000:]
    told = json.loads(stdout)
    assert told["sip"] == 200
    assert longest_wait(recording) <= SILENCE_MOST_S
    again = hotline.json("call", "--say", "请问公积金怎么提取", timeout_s=100)
    assert any(turn["reply"]["entry_id"] for turn in again["turns"])


def test_logs_of_everything_above_hold_no_personal_data(hotline: Hotline) -> None:
    logs = "\n".join(
        file.read_text(encoding="utf-8", errors="replace") for file in (hotline.data / "log").glob("*.log")
    )
    assert len(logs) > 200
    for secret in ("1380000", "姓王", "海滨大道", "工地一直施工", "煤气泄漏"):
        assert secret not in logs, secret


def test_the_database_file_holds_no_personal_data_in_clear(hotline: Hotline) -> None:
    stored = b"".join(file.read_bytes() for file in hotline.data.glob("hotline.db*"))
    for secret in ("13800000011", "海滨大道的工地", "我姓王"):
        assert secret.encode() not in stored, secret
