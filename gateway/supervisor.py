"""The parent process: starts the parts, waits until each truly works, restarts what dies, stops cleanly.

Imports nothing of the application and nothing outside the standard library: what it runs is written in a plan
(``run/plan.json``, made by :mod:`gateway.plan`), so a fault in the application cannot take its keeper down.
State is in ``run/status.json``. SIGTERM and SIGINT stop everything, a part with ``drain_s`` first, which may take so
long to finish its work while the others still serve it; a second one, or SIGQUIT, stops everything at once.
"""

import asyncio
import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

BACK_OFF_FIRST_S: Final = 0.2
BACK_OFF_MOST_S: Final = 5.0
STEADY_S: Final = 30.0
"""A process that ran this long without trouble starts again at the first back-off."""
PROBE_EVERY_S: Final = 2.0
PROBE_FAILURES: Final = 5
"""So many failed probes in a row of a process that had worked: it hangs and is replaced."""

Plan = dict[str, Any]


class Part:
    """One process of the plan and how it fares: ``starting | ready | failing | draining | stopped``."""

    def __init__(self, plan: Plan, changed: Callable[[], None]) -> None:
        self.name: str = plan["name"]
        self._plan = plan
        self._changed = changed
        self.state = "starting"
        self.restarts = 0
        self.since = time.time()
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self._quit = signal.SIGQUIT if "drain_s" in plan else signal.SIGTERM
        """Makes this part leave at once."""

    def become(self, state: str) -> None:
        if state != self.state:
            self.state, self.since = state, time.time()
            self._changed()

    def describe(self) -> dict[str, Any]:
        pid = self.process.pid if self.process and self.process.returncode is None else None
        return {"state": self.state, "pid": pid, "restarts": self.restarts, "since": round(self.since, 3)}

    async def keep(self) -> None:
        """Run for ever: start, probe, watch, start again."""
        back_off = BACK_OFF_FIRST_S
        while True:
            started = time.monotonic()
            process = self.process = await self._start()
            self._changed()
            watcher = asyncio.create_task(self._watch(process), name=f"watch-{self.name}")
            try:
                exit_code = await process.wait()
            finally:
                watcher.cancel()
                await asyncio.gather(watcher, return_exceptions=True)
            _end_group(process.pid)
            self.restarts += 1
            self.become("failing")
            log(f"{self.name} 已退出（{exit_code}），{back_off:.1f} 秒后重启")
            await asyncio.sleep(back_off)
            steady = time.monotonic() - started > STEADY_S
            back_off = BACK_OFF_FIRST_S if steady else min(back_off * 2, BACK_OFF_MOST_S)

    async def _start(self) -> asyncio.subprocess.Process:
        _unlink(self._plan.get("unlink", []))
        descriptor = _open_log(self._plan["log"])
        try:
            return await asyncio.create_subprocess_exec(
                *self._plan["argv"],
                cwd=self._plan.get("cwd"),
                env={**os.environ, **self._plan.get("env", {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                preexec_fn=_end_with_parent(self._quit),
            )
        finally:
            os.close(descriptor)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        failures = 0
        while True:
            works = await asyncio.to_thread(probe, self._plan["probe"])
            if works:
                failures = 0
                self.become("ready")
                self.ready.set()
            elif self.state == "ready":
                failures += 1
                if failures >= PROBE_FAILURES:
                    log(f"{self.name} 没有回应，正在替换")
                    self.become("failing")
                    process.kill()
            pause = self._plan.get("probe_every_s", PROBE_EVERY_S)
            await asyncio.sleep(pause if self.state == "ready" else 0.25)

    async def stop(self, now: asyncio.Event) -> None:
        """SIGTERM; after ``drain_s``, or once ``now`` is set, the part's quick signal; SIGKILL ``stop_s`` later."""
        process = self.process
        if process is None or process.returncode is not None:
            self.become("stopped")
            return
        drain_s = self._plan.get("drain_s", 0)
        if drain_s and not now.is_set():
            self.become("draining")
            _tell(process, signal.SIGTERM)
            await _over(process, drain_s, now)
        self.become("stopped")
        for number, wait_s in ((self._quit, self._plan.get("stop_s", 5)), (signal.SIGKILL, None)):
            if process.returncode is None:
                _tell(process, number)
                await _over(process, wait_s)
        _end_group(process.pid)


def _tell(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


async def _over(process: asyncio.subprocess.Process, within_s: float | None, now: asyncio.Event | None = None) -> None:
    """Return when the process is over, after ``within_s``, or once ``now`` is set."""
    waits = [asyncio.create_task(process.wait())]
    if now is not None:
        waits.append(asyncio.create_task(now.wait()))
    await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


def _unlink(files: list[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)


def _open_log(file: str) -> int:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For the child: ``number`` when the supervisor dies, so that nothing is left behind (PR_SET_PDEATHSIG)."""
    return lambda: ctypes.CDLL(None).prctl(1, number)


def _end_group(pid: int) -> None:
    """End what a dead process left running; it was the leader of its own session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def log(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)


def probe(how: Plan) -> bool:
    """True when the part does its work: a real request answered rightly, not merely an open port."""
    try:
        if how["kind"] == "redis":
            return _probe_redis(how)
        if how["kind"] == "http":
            return _probe_http(how)
        return _probe_socket(how)
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False


def _probe_redis(how: Plan) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(how.get("timeout_s", 2))
        connection.connect(how["socket"])
        connection.sendall(f"AUTH {how['password']}\r\nSET hotline:probe 1\r\nGET hotline:probe\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 4:
            piece = connection.recv(256)
            if not piece:
                return False
            answer += piece
    return answer == b"+OK\r\n+OK\r\n$1\r\n1\r\n"


def _probe_http(how: Plan) -> bool:
    address = urlsplit(how["url"])
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=how.get("timeout_s", 3))
    try:
        path = address.path + (f"?{address.query}" if address.query else "")
        body = json.dumps(how["body"]).encode() if "body" in how else None
        headers = {"Content-Type": "application/json", **how.get("headers", {})}
        connection.request(how.get("method", "GET"), path, body=body, headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read(1_000_000))
    finally:
        connection.close()
    for key in how.get("wants", []):
        if not answer.get(key):
            return False
    return response.status == 200


def _probe_socket(how: Plan) -> bool:
    """One line asked over a Unix socket, one JSON line answered; ``wants`` names the keys that must be true."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(how.get("timeout_s", 3))
        connection.connect(how["socket"])
        connection.sendall(how["ask"].encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n") and (piece := connection.recv(4096)):
            answer += piece
    told = json.loads(answer)
    return all(told.get(key) for key in how["wants"])


class Supervisor:
    """Keeps every part of one plan running until told to stop."""

    def __init__(self, plan: Plan) -> None:
        self._status_file = Path(plan["status"])
        self._started = time.time()
        self._ready_at: float | None = None
        self.parts = [Part(part, self.write_status) for part in plan["parts"]]

    def write_status(self) -> None:
        """Put the state of everything on disk, whole or not at all."""
        document = {
            "pid": os.getpid(),
            "started_at": round(self._started, 3),
            "ready": all(part.state == "ready" for part in self.parts),
            "ready_s": round(self._ready_at - self._started, 2) if self._ready_at else None,
            "parts": {part.name: part.describe() for part in self.parts},
        }
        scratch = self._status_file.with_suffix(".new")
        scratch.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        scratch.replace(self._status_file)

    async def run(self) -> None:
        stop, now = asyncio.Event(), asyncio.Event()

        def told(*, at_once: bool) -> None:
            if at_once or stop.is_set():
                now.set()
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            quick = number is signal.SIGQUIT
            asyncio.get_running_loop().add_signal_handler(number, partial(told, at_once=quick))
        self.write_status()
        keepers = [asyncio.create_task(part.keep(), name=f"keep-{part.name}") for part in self.parts]
        announce = asyncio.create_task(self._announce(), name="announce")
        await stop.wait()
        log("正在停止……")
        announce.cancel()
        for part, keeper in reversed(list(zip(self.parts, keepers, strict=True))):
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await part.stop(now)
        await asyncio.gather(announce, return_exceptions=True)
        self._status_file.unlink(missing_ok=True)
        log("已全部停止")

    async def _announce(self) -> None:
        for part in self.parts:
            await part.ready.wait()
        self._ready_at = time.time()
        self.write_status()
        log(f"全部就绪（{self._ready_at - self._started:.1f} 秒）")


def main() -> None:
    """``python -m gateway.supervisor PLAN``."""
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    asyncio.run(Supervisor(plan).run())


if __name__ == "__main__":
    main()
