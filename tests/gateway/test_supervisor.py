"""The supervisor with real child processes: restart, replacement of what hangs, clean stop, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.probes import probe

PART = """
import os, signal, socket, sys, time
path, mode = sys.argv[1], sys.argv[2]
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
try: os.unlink(path)
except FileNotFoundError: pass
server.bind(path); server.listen(); server.settimeout(0.05)
if mode == "drains":
    signal.signal(signal.SIGTERM, lambda *_: open(path + ".term", "w").close())
started = time.monotonic()
while not os.path.exists(path + ".finished"):
    try: connection, _ = server.accept()
    except TimeoutError: continue
    connection.recv(100)
    if mode == "hang" and time.monotonic() - started > 0.5:
        time.sleep(3600)
    connection.sendall(b'{"ok": true}\\n'); connection.close()
"""


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


class Instance:
    def __init__(self, folder: Path, modes: dict[str, str], drain_s: float = 60.0) -> None:
        script = folder / "part.py"
        script.write_text(PART, encoding="utf-8")
        self.status_file = folder / "status.json"
        parts = [
            {
                "name": name,
                "argv": [sys.executable, str(script), str(folder / f"{name}.sock"), mode],
                "log": str(folder / "log" / f"{name}.log"),
                "probe": {
                    "kind": "unix",
                    "socket": str(folder / f"{name}.sock"),
                    "ask": "health",
                    "wants": ["ok"],
                    "timeout_s": 0.3,
                },
                "stop_s": 2,
                **({"drain_s": drain_s} if mode == "drains" else {}),
                "probe_every_s": 0.1,
            }
            for name, mode in modes.items()
        ]
        plan = folder / "plan.json"
        plan.write_text(json.dumps({"status": str(self.status_file), "parts": parts}), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.supervisor", str(plan)], stderr=subprocess.DEVNULL
        )

    def status(self) -> dict[str, Any]:
        if not self.status_file.is_file():
            return {"ready": False, "parts": {}}
        status: dict[str, Any] = json.loads(self.status_file.read_text(encoding="utf-8"))
        return status

    def ready(self) -> bool:
        return bool(self.status()["ready"])

    def pid(self, name: str) -> int:
        pid = self.status()["parts"][name]["pid"]
        return int(pid) if pid else 0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Instance]]:
    running: list[Instance] = []

    def begin(modes: dict[str, str]) -> Instance:
        running.append(Instance(tmp_path, modes))
        return running[-1]

    yield begin
    for instance in running:
        instance.process.terminate()
        instance.process.wait(10)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_part_comes_back(start: Callable[[dict[str, str]], Instance]) -> None:
    instance = start({"one": "works", "two": "works"})
    wait_for(instance.ready)
    victim, other = instance.pid("one"), instance.pid("two")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: instance.ready() and instance.pid("one") not in {0, victim})
    assert instance.pid("two") == other
    assert instance.status()["parts"]["one"]["restarts"] == 1


def test_a_hanging_part_is_replaced(start: Callable[[dict[str, str]], Instance]) -> None:
    instance = start({"one": "hang"})
    wait_for(instance.ready)
    first = instance.pid("one")
    wait_for(lambda: instance.pid("one") not in {0, first}, 30.0)
    assert not alive(first)


def test_stopping_leaves_nothing_behind(start: Callable[[dict[str, str]], Instance]) -> None:
    instance = start({"one": "works", "two": "works"})
    wait_for(instance.ready)
    pids = [instance.pid("one"), instance.pid("two")]
    instance.process.terminate()
    assert instance.process.wait(10) == 0
    assert not any(alive(pid) for pid in pids)
    assert not instance.status_file.exists()


def test_a_part_may_finish_its_work_while_the_others_serve_it(
    start: Callable[[dict[str, str]], Instance], tmp_path: Path
) -> None:
    instance = start({"one": "works", "two": "drains"})
    wait_for(instance.ready)
    victim, draining = instance.pid("one"), instance.pid("two")
    instance.process.terminate()
    wait_for((tmp_path / "two.sock.term").exists)
    wait_for(lambda: instance.status()["parts"]["two"]["state"] == "draining")
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: instance.pid("one") not in {0, victim})
    other = instance.pid("one")
    assert alive(draining)
    (tmp_path / "two.sock.finished").touch()
    assert instance.process.wait(20) == 0
    assert not alive(draining)
    assert not alive(other)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_told_again_or_to_quit_nobody_is_waited_for(
    start: Callable[[dict[str, str]], Instance], tmp_path: Path, number: signal.Signals
) -> None:
    instance = start({"one": "drains"})
    wait_for(instance.ready)
    pid = instance.pid("one")
    if number is signal.SIGTERM:
        instance.process.terminate()
        wait_for((tmp_path / "one.sock.term").exists)
    instance.process.send_signal(number)
    assert instance.process.wait(20) == 0
    assert not alive(pid)


def test_a_drain_has_an_end(tmp_path: Path) -> None:
    instance = Instance(tmp_path, {"one": "drains"}, drain_s=0.3)
    try:
        wait_for(instance.ready)
        instance.process.terminate()
        assert instance.process.wait(20) == 0
    finally:
        instance.process.kill()
        instance.process.wait()


@pytest.mark.parametrize("mode", ["works", "drains"])
def test_parts_end_with_a_killed_supervisor(start: Callable[[dict[str, str]], Instance], mode: str) -> None:
    instance = start({"one": mode})
    wait_for(instance.ready)
    pid = instance.pid("one")
    instance.process.kill()
    instance.process.wait(10)
    wait_for(lambda: not alive(pid))


def test_an_http_probe_wants_its_keys(unused_tcp_port: int) -> None:
    how = {"kind": "http", "url": f"http://127.0.0.1:{unused_tcp_port}/", "timeout_s": 0.5}
    assert probe(how) is False


def test_it_imports_nothing_of_the_application() -> None:
    code = "import sys, gateway.supervisor; print(sorted(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"aiohttp", "pydantic", "sqlalchemy", "config", "dialog", "store"} & set(eval(loaded))  # noqa: S307 # our own list
