"""What the processes of an instance use: processor time by part, read from ``/proc``."""

import os
from collections import defaultdict
from pathlib import Path
from typing import Final

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


def processor_s(root: int) -> dict[str, float]:
    """Seconds of processor time used so far by each part under ``root``."""
    used: dict[str, float] = defaultdict(float)
    for pid, command in descendants(root).items():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        used[part_of(command)] += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return dict(used)


def shares(before: dict[str, float], after: dict[str, float], wall_s: float) -> dict[str, float]:
    """Cores used by each part between two readings."""
    return {part: max(0.0, after[part] - before.get(part, 0.0)) / wall_s for part in sorted(after)}
