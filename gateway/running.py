"""The instance that runs on a data folder: its status, waiting for it, stopping it."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from config.errors import HotlineError
from config.settings import ACTIVE_FILE, Settings

STOP_TIMEOUT_S: Final = 40.0
DRAINED_BY_S: Final = 30.0
"""Over the node's own limit (``drain_s``): it still tells callers that they will be called back, then leaves by itself."""
WAITING_S: Final = 3.0


def running_status(settings: Settings) -> dict[str, Any] | None:
    """What the supervisor wrote last, or ``None`` when none is running on this data folder."""
    try:
        status: dict[str, Any] = json.loads((settings.run_dir / "status.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return status if _is_supervisor(int(status["pid"])) else None


def _is_supervisor(pid: int) -> bool:
    try:
        return b"gateway.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _is_alive(pid: int) -> bool:
    """Whether the process runs (an ended one that nobody waited for does not); right from its first moment."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def wait_until_ready(settings: Settings, timeout_s: float, progress: Callable[[str], None]) -> None:
    """Return when every part works.

    Raises:
        HotlineError: the supervisor ended, or it took longer than ``timeout_s``; the message names what failed and its log.
    """
    supervisor = int((settings.run_dir / "supervisor.pid").read_text(encoding="ascii"))
    deadline = time.monotonic() + timeout_s
    told: set[str] = set()
    status: dict[str, Any] = {}
    while time.monotonic() < deadline:
        status = running_status(settings) or {}
        for name, part in status.get("parts", {}).items():
            if part["state"] == "ready" and name not in told:
                told.add(name)
                progress(f"{name} 已就绪")
        if status.get("ready"):
            return
        if not status and not _is_alive(supervisor):
            raise HotlineError("ended", f"启动后又退出了，请看日志：{settings.log_dir / 'supervisor.log'}")
        time.sleep(0.1)
    late = [name for name, part in status.get("parts", {}).items() if part["state"] != "ready"]
    logs = "、".join(str(settings.log_dir / f"{name}.log") for name in late)
    raise HotlineError("not_ready", f"{'、'.join(late)} 在 {timeout_s:.0f} 秒内没有就绪，请看日志：{logs}")


def stop(settings: Settings, *, now: bool = False, waiting: Callable[[], None] = lambda: None) -> bool:
    """Stop the instance; ``False`` when none was running.

    Calls that are on may end first, for ``drain_s`` of the settings; ``waiting`` is called once when that takes a while.
    ``now``: they are ended.
    """
    status = running_status(settings)
    if status is None:
        return False
    pid = int(status["pid"])
    os.kill(pid, signal.SIGQUIT if now else signal.SIGTERM)
    started = time.monotonic()
    limit_s = STOP_TIMEOUT_S + (0 if now else settings.drain_s + DRAINED_BY_S)
    told = False
    while _is_supervisor(pid):
        waited_s = time.monotonic() - started
        if waited_s > limit_s:
            raise HotlineError("still_running", f"进程 {pid} 在 {limit_s:.0f} 秒内没有停下，请检查后手工结束")
        if not told and waited_s > WAITING_S:
            told = True
            waiting()
        time.sleep(0.1)
    (settings.data_dir / ACTIVE_FILE).unlink(missing_ok=True)
    return True
