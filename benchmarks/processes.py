"""What the processes of an instance use: processor time by part, read from ``/proc``."""

import contextlib
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

SAMPLE_S: Final = 1.0
_PARTS: Final = {
    "ivr.speech.recogniser_worker": "recogniser workers",
    "ivr.speech.voice_worker": "voice workers",
    "ivr.node": "ivr node",
    "gateway.app": "gateway",
    "gateway.supervisor": "supervisor",
    "rasa": "rasa",
    "redis": "redis",
}


def part_of(command: str) -> str:
    """The part that a command line belongs to, ``other`` for what is none of ours."""
    return next((part for sign, part in _PARTS.items() if sign in command), "other")


def descendants(root: int) -> dict[int, str]:
    """``root`` and all that it started, directly or not: command lines by process id."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        parents[int(folder.name)], commands[int(folder.name)] = int(stat[1]), command
    family = {root} & commands.keys()
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return {pid: commands[pid] for pid in family}


class Usage:
    """Processor time used by each part under ``root`` while a block runs, also by processes that end meanwhile."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._first: dict[int, float] = {}
        self._last: dict[int, tuple[str, float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample_on, daemon=True)
        self._began = 0.0
        self.wall_s = 0.0

    def __enter__(self) -> "Usage":
        self._began = time.monotonic()
        self._sample()
        self._first = {pid: used for pid, (_, used) in self._last.items()}
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self._sample()
        self.wall_s = time.monotonic() - self._began

    @property
    def cores(self) -> dict[str, float]:
        """Cores used on average by each part."""
        used: dict[str, float] = defaultdict(float)
        for pid, (command, seconds) in self._last.items():
            used[part_of(command)] += (seconds - self._first.get(pid, 0.0)) / self.wall_s
        return {part: used[part] for part in sorted(used)}

    def _sample_on(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        for pid, command in descendants(self._root).items():
            with contextlib.suppress(OSError):
                self._last[pid] = (command, processor_s(pid))


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
