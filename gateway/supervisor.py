"""The parent process: starts the parts, waits until each truly works, restarts what dies, stops cleanly.

Imports nothing of the application and nothing outside the standard library: what it runs is written in a plan
(``run/plan.json``, made by :mod:`gateway.plan`), so a fault in the application cannot take its keeper down.
State is in ``run/status.json``. The socket that the plan calls ``control`` takes one line of JSON, ``{"replace": part}``:
the new part is tried beside the old one of that name, and takes its place once it truly works. SIGTERM and SIGINT stop everything, a part with ``drain_s`` first, which may take so
long to finish its work while the others still serve it; a second one, or SIGQUIT, stops everything at once.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway.probes import probe

BACK_OFF_FIRST_S: Final = 0.2
BACK_OFF_MOST_S: Final = 5.0
STEADY_S: Final = 30.0
"""A process that ran this long without trouble starts again at the first back-off."""
PROBE_EVERY_S: Final = 2.0
TRIAL_S: Final = 120.0
"""A new part that does not work by then is given up."""
LINGER_S: Final = 3.0
"""How long a replaced part goes on with what it had begun, unless its successor says otherwise (``linger_s``)."""
CONTROL_LIMIT: Final = 256 * 1024
REQUEST_S: Final = 5.0
"""A request has at most so many bytes and comes within so many seconds."""
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
        self.died = asyncio.Event()
        self.trial = False
        """Runs beside the part it is to replace; does not count yet."""
        self.how: Plan = plan["probe"]
        self.trial_s: float = plan.get("trial_s", TRIAL_S)
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
            self.died.set()
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


async def _happens(event: asyncio.Event, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _switch(how: Plan) -> str:
    """Replace the file that says where to turn to, as a whole; what it said before (empty: nothing)."""
    file = Path(how["file"])
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    scratch = file.with_name(f".{file.name}.switch")
    scratch.write_text(how["content"], encoding="utf-8")
    scratch.replace(file)
    return before


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


class Supervisor:
    """Keeps every part of one plan running until told to stop."""

    def __init__(self, plan: Plan) -> None:
        self._status_file = Path(plan["status"])
        self._started = time.time()
        self._ready_at: float | None = None
        self.parts = [Part(part, self.write_status) for part in plan["parts"]]
        self._control: str | None = plan.get("control")
        self._keepers: dict[Part, asyncio.Task[None]] = {}
        self._replacing = asyncio.Lock()
        self._now = asyncio.Event()

    def write_status(self) -> None:
        """Put the state of everything on disk, whole or not at all."""
        document = {
            "pid": os.getpid(),
            "started_at": round(self._started, 3),
            "ready": all(part.state == "ready" for part in self.parts if not part.trial),
            "ready_s": round(self._ready_at - self._started, 2) if self._ready_at else None,
            "parts": {part.name + ("_next" if part.trial else ""): part.describe() for part in self.parts},
        }
        scratch = self._status_file.with_suffix(".new")
        scratch.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        scratch.replace(self._status_file)

    async def run(self) -> None:
        stop, now = asyncio.Event(), self._now

        def told(*, at_once: bool) -> None:
            if at_once or stop.is_set():
                now.set()
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            quick = number is signal.SIGQUIT
            asyncio.get_running_loop().add_signal_handler(number, partial(told, at_once=quick))
        self.write_status()
        for part in self.parts:
            self._keep(part)
        tasks = [asyncio.create_task(self._announce(), name="announce")]
        if self._control:
            tasks.append(asyncio.create_task(self._take_orders(self._control), name="control"))
        await stop.wait()
        log("正在停止……")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in reversed(self.parts):
            await self._drop(part)
        self._status_file.unlink(missing_ok=True)
        log("已全部停止")

    def _keep(self, part: Part) -> None:
        self._keepers[part] = asyncio.create_task(part.keep(), name=f"keep-{part.name}")

    async def _drop(self, part: Part) -> None:
        keeper = self._keepers.pop(part)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await part.stop(self._now)

    async def _take_orders(self, path: str) -> None:
        """Serve the control socket until cancelled; a replacement under way ends with it."""
        orders: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                orders.add(task)
                task.add_done_callback(orders.discard)
            try:
                async with asyncio.timeout(REQUEST_S):
                    asked = json.loads(await reader.readline())
                answer = await self.replace(asked["replace"])
            except (ValueError, KeyError, TypeError, OSError, TimeoutError) as error:
                answer = {"ok": False, "why": f"请求有误：{type(error).__name__}"}
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            writer.close()

        _unlink([path])
        server = await asyncio.start_unix_server(serve, path, limit=CONTROL_LIMIT)
        os.chmod(path, 0o600)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            _unlink([path])
            for order in list(orders):
                order.cancel()
            await asyncio.gather(*orders, return_exceptions=True)

    async def replace(self, plan: Plan) -> dict[str, Any]:
        """Try ``plan`` beside the part of its name; once it works, switch over and let the old one end.

        ``switch`` of the plan (``file``, ``content``) is what tells everyone where to turn to from now on; it is written
        in one go. Until then, and when the new part dies soon after, the old one serves. ``{"ok", "why"}``.
        """
        if self._replacing.locked():
            return {"ok": False, "why": "正在更换，请稍候"}
        async with self._replacing:
            old = next((part for part in self.parts if part.name == plan["name"]), None)
            if old is None:
                return {"ok": False, "why": f"没有 {plan['name']}"}
            new = Part(plan, self.write_status)
            new.trial = True
            self.parts.insert(self.parts.index(old) + 1, new)
            self._keep(new)
            why = await self._try(new)
            if not why:
                before = _switch(plan["switch"])
                log(f"{new.name} 已换到新的进程，原来的即将结束")
                if not await _happens(new.died, plan.get("linger_s", LINGER_S)):
                    self._adopt(old, new)
                    await self._drop(old)
                    self.write_status()
                    return {"ok": True, "why": ""}
                _switch({**plan["switch"], "content": before})
                why = "换上后随即退出，已换回原来的"
            self.parts.remove(new)
            await self._drop(new)
            self.write_status()
            log(f"{new.name} 没有换：{why}")
            return {"ok": False, "why": why}

    async def _try(self, new: Part) -> str:
        """Wait until the new part has worked twice; why it cannot take over, else empty."""
        waits = [asyncio.create_task(new.ready.wait()), asyncio.create_task(new.died.wait())]
        try:
            await asyncio.wait(waits, timeout=new.trial_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if new.died.is_set():
            return "新的进程启动后退出了，请看它的日志"
        if not new.ready.is_set():
            return f"新的进程在 {new.trial_s:.0f} 秒内没有就绪，请看它的日志"
        works = await asyncio.to_thread(probe, new.how)
        return "" if works and not new.died.is_set() else "新的进程第二次探测没有通过，请看它的日志"

    def _adopt(self, old: Part, new: Part) -> None:
        self.parts.remove(old)
        new.trial = False

    async def _announce(self) -> None:
        for part in list(self.parts):
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
