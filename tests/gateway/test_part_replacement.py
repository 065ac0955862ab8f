"""A part is replaced beside the running one: it serves throughout, whatever becomes of the new one."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_supervisor import PART, alive, wait_for


class Replaceable:
    """A supervised part ``one`` and the file that says which of its processes is turned to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "part.py"
        self.script.write_text(PART, encoding="utf-8")
        self.live = folder / "live.json"
        self.live.write_text("old", encoding="utf-8")
        self.control = folder / "control.sock"
        plan = {"status": str(folder / "status.json"), "control": str(self.control), "parts": [self.part("old")]}
        file = folder / "plan.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        self.process = subprocess.Popen([sys.executable, "-m", "gateway.supervisor", str(file)])
        wait_for(lambda: self.ready() and self.control.exists())

    def part(self, name: str, *, argv: list[str] | None = None, **more: Any) -> dict[str, Any]:
        path = str(self.folder / f"{name}.sock")
        return {
            "name": "one",
            "argv": argv or [sys.executable, str(self.script), path, "works"],
            "log": str(self.folder / f"{name}.log"),
            "probe": {"kind": "unix", "socket": path, "ask": "health", "wants": ["ok"], "timeout_s": 0.3},
            "stop_s": 2,
            "probe_every_s": 0.1,
            "linger_s": 0.4,
            "trial_s": 15,
            "switch": {"file": str(self.live), "content": name},
            **more,
        }

    def ask(self, request: object) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(40)
            connection.connect(str(self.control))
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
        told: dict[str, Any] = json.loads(answer)
        return told

    def status(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = json.loads((self.folder / "status.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"ready": False, "parts": {}}
        return status

    def ready(self) -> bool:
        return bool(self.status()["ready"])

    def pid(self, name: str = "one") -> int:
        return int(self.status()["parts"].get(name, {}).get("pid") or 0)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Replaceable]:
    instance = Replaceable(tmp_path)
    yield instance
    instance.process.terminate()
    instance.process.wait(20)


def test_the_new_part_takes_over_and_is_kept(instance: Replaceable) -> None:
    old = instance.pid()
    assert instance.ask({"replace": instance.part("new")}) == {"ok": True, "why": ""}
    assert instance.live.read_text(encoding="utf-8") == "new"
    assert not alive(old)
    new = instance.pid()
    assert new and set(instance.status()["parts"]) == {"one"}
    os.kill(new, signal.SIGKILL)
    wait_for(lambda: instance.ready() and instance.pid() not in {0, new})
    instance.process.terminate()
    assert instance.process.wait(20) == 0
    assert not alive(new)


@pytest.mark.parametrize(
    ("program", "why"), [("raise SystemExit(1)", "退出"), ("import time; time.sleep(60)", "没有就绪")]
)
def test_one_that_does_not_work_changes_nothing(instance: Replaceable, program: str, why: str) -> None:
    old = instance.pid()
    broken = instance.part("new", argv=[sys.executable, "-c", program], trial_s=2)
    answer = instance.ask({"replace": broken})
    assert answer["ok"] is False
    assert why in answer["why"]
    assert instance.live.read_text(encoding="utf-8") == "old"
    assert (instance.pid(), set(instance.status()["parts"])) == (old, {"one"})
    assert instance.ask({"replace": instance.part("new")})["ok"] is True


def test_one_that_dies_right_after_the_switch_is_taken_back(instance: Replaceable) -> None:
    old = instance.pid()
    brief = PART.replace(
        'while not os.path.exists(path + ".finished")', f'while open({str(instance.live)!r}).read() == "old"'
    )
    assert brief != PART
    program = instance.folder / "brief.py"
    program.write_text(brief, encoding="utf-8")
    argv = [sys.executable, str(program), str(instance.folder / "new.sock"), "works"]
    answer = instance.ask({"replace": instance.part("new", argv=argv, linger_s=10)})
    assert answer["ok"] is False
    assert "换回" in answer["why"]
    assert instance.live.read_text(encoding="utf-8") == "old"
    assert instance.pid() == old


def test_a_stop_in_the_middle_leaves_nothing(instance: Replaceable) -> None:
    never = instance.part("new", argv=[sys.executable, "-c", "import time; time.sleep(60)"], trial_s=60)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(instance.control))
        connection.sendall(json.dumps({"replace": never}).encode() + b"\n")
        wait_for(lambda: instance.pid("one_next") != 0)
        pids = [instance.pid(), instance.pid("one_next")]
        assert instance.ready()
        instance.process.terminate()
        assert instance.process.wait(20) == 0
    assert not any(alive(pid) for pid in pids)


@pytest.mark.parametrize("request_", [[], {"replace": {"name": "other", "probe": {}}}, {"other": 1}])
def test_a_request_that_makes_no_sense_is_refused(instance: Replaceable, request_: object) -> None:
    assert instance.ask(request_)["ok"] is False
    assert instance.ready()
