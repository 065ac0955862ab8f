"""Runs a program to its end under limits of time and memory, telling of each line it prints.

The memory that counts is the resident set of the program and all it started: a limit on the address space would refuse
TensorFlow, which reserves tens of gigabytes that it never touches.
"""

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.errors import HotlineError

_POLL_S: Final = 0.2
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """``seconds`` of wall-clock time, ``memory_mb`` of resident memory (0: any), ``nice``: added to the priority number."""

    seconds: float
    memory_mb: int = 0
    nice: int = 0


class Stopped(HotlineError):
    """The program was ended before its time. ``code``: ``too_long`` | ``too_big`` | what the caller's ``stopped`` said."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environment: dict[str, str],
    log: Path,
    limits: Limits,
    on_line: Callable[[str], None] = lambda _: None,
    stopped: Callable[[], HotlineError | None] = lambda: None,
) -> int:
    """Run ``argv`` and return its exit status; the program never outlives this call nor the thread that makes it.

    ``stopped`` is asked several times a second whether to give up. Raises :class:`Stopped` or what ``stopped`` returned.
    """
    deadline = time.monotonic() + limits.seconds
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    with log.open("a", encoding="utf-8") as record:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=lambda: _prepare(limits.nice),  # two system calls, nothing that could lock
        )
        reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
        reader.start()
        try:
            while process.poll() is None or reader.is_alive() or not lines.empty():
                with contextlib.suppress(queue.Empty):
                    line = lines.get(timeout=_POLL_S)
                    record.write(line)
                    on_line(line)
                _check(process.pid, deadline, limits, stopped)
            return process.returncode
        finally:
            end_group(process.pid)
            process.wait()
            reader.join(5)


def end_group(pid: int) -> None:
    """Kill a process that leads a group of its own, and all that is in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def resident_mb(root: int) -> float:
    """Resident memory in MB of ``root`` and of everything in its process group, read from ``/proc``."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == root:
                total += int(fields[21])
    return total * _PAGE / 1e6


def started_at(pid: int) -> int:
    """When a process began, in clock ticks since the boot: tells it from a later one with the same id. 0: not there."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if stat[0] in {"Z", "X"} else int(stat[19])


def _prepare(nice: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(nice)


def _read(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]") -> None:
    if process.stdout is None:
        return
    with process.stdout, contextlib.suppress(ValueError):
        for line in process.stdout:
            lines.put(line)


def _check(pid: int, deadline: float, limits: Limits, stopped: Callable[[], HotlineError | None]) -> None:
    if (reason := stopped()) is not None:
        raise reason
    if time.monotonic() > deadline:
        raise Stopped("too_long", f"超过 {limits.seconds:.0f} 秒仍没有完成，已停止")
    if limits.memory_mb and (used := resident_mb(pid)) > limits.memory_mb:
        raise Stopped("too_big", f"占用内存 {used:.0f} MB，超过上限 {limits.memory_mb} MB，已停止")
