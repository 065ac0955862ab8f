"""What a training leaves on disk for other processes to see: its lock, its process, its documents."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any, Final

from dialog.rasa_process import started_at

LOCK: Final = "lock"
"""Held by a training for as long as it lives."""


def lock_of(file: Path, kind: int = fcntl.LOCK_EX) -> int | None:
    """The lock as an open file, or ``None`` while somebody else holds it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def at_work(file: Path) -> bool:
    """Whether somebody holds the lock."""
    lock = lock_of(file, fcntl.LOCK_SH)
    if lock is None:
        return True
    os.close(lock)
    return False


def job_pid(folder: Path) -> int:
    """The process of a training; 0 when it is over."""
    try:
        pid, began = (int(number) for number in (folder / "pid").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return 0
    return pid if began and started_at(pid) == began else 0


def document_in(file: Path) -> dict[str, Any] | None:
    """The JSON object of a file; ``None``: there is none, or it is damaged."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
