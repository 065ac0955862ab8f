"""One change of the model in service at a time, whichever process makes it, and what became of the last one.

Whoever changes it, or takes old files away, holds the lock ``training/change.lock`` of the data folder for as long as that
takes; ``training/change.json`` says what is being changed and, once it failed, why.
"""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from config.settings import Settings
from dialog.live_model import read_live
from dialog.training_files import at_work, document_in, lock_of
from knowledge.training import Changing, TrainingError
from store.files import replace_file

_TRIES: Final = 5
_TRY_AGAIN_S: Final = 0.02
"""Whoever only looks at the lock or tidies up holds it for a moment."""
_BROKEN_OFF: Final = "更换模型的程序中途停止，原来的模型继续服务；请再试一次"


class ModelChanges:
    """The changes of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = settings.data_dir / "training" / "change.lock"
        self._file = self._lock.with_name("change.json")

    async def begin(self, id: str, by: str, at: datetime) -> int:
        """Begin to put a model into service; what is returned goes to :meth:`end`. Raises ``busy``."""
        for _ in range(_TRIES):
            if (lock := lock_of(self._lock)) is not None:
                try:
                    self._write({"id": id, "by": by, "at": at.isoformat(), "error": "", "over": False})
                except BaseException:
                    os.close(lock)
                    raise
                return lock
            await asyncio.sleep(_TRY_AGAIN_S)
        raise TrainingError("busy", "正在更换模型，请稍候")

    def end(self, lock: int, error: str = "") -> None:
        """The change is over; ``error``: why the old model goes on serving."""
        try:
            self._write((self._read() or {}) | {"error": error, "over": True})
        finally:
            os.close(lock)

    def last(self) -> Changing | None:
        """The change under way or the last one if it failed."""
        told = self._read()
        if told is None:
            return None
        held = at_work(self._lock)
        told = self._read() or told  # it may have ended between the two
        running = held and not told["over"]
        error = str(told["error"])
        if not running and not told["over"]:
            live = read_live(self._settings)
            error = "" if live is not None and live.model == told["id"] else _BROKEN_OFF
        if not running and not error:
            return None
        return Changing(str(told["id"]), str(told["by"]), datetime.fromisoformat(told["at"]), running, error)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nothing is being changed; then nothing will be until the context ends."""
        lock = lock_of(self._lock)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def _read(self) -> dict[str, Any] | None:
        found = document_in(self._file)
        return found if found and {"id", "by", "at", "error", "over"} <= set(found) else None

    def _write(self, told: dict[str, Any]) -> None:
        replace_file(self._file, json.dumps(told, ensure_ascii=False).encode())
