"""Promises made without the gateway: “we will call you back”, on the node's own disk before the caller hears it.

One file a promise, encrypted (it holds the caller's number), delivered as ``callback.recorded`` until it is acknowledged.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from ivr.protocol import CallbackRecorded
from store.ids import new_id
from store.vault import Vault

_log = structlog.get_logger("ivr")
_SUFFIX: Final = ".promise"


class Promises:
    """The folder of promises not yet delivered."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self._folder = folder
        self._vault = vault

    def record(self, *, call: str, number: str | None, at: datetime, promise: str) -> CallbackRecorded:
        """Write it down; on the disk (fsync of file and folder) when this returns. Raises ``OSError``."""
        record = CallbackRecorded(id=new_id(), call=call, number=number, at=at.isoformat(), promise=promise)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / f".{record.id}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(self._vault.encrypt(record.model_dump_json(), record.id))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._file(record.id))
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        _log.info("promise_recorded", id=record.id)
        return record

    def undelivered(self) -> list[CallbackRecorded]:
        """What the gateway has not acknowledged, oldest first."""
        found = []
        for file in sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda one: one.stat().st_mtime):
            sealed = file.read_text(encoding="ascii")
            found.append(CallbackRecorded.model_validate_json(self._vault.decrypt(sealed, file.stem)))
        return found

    def acknowledged(self, id: str) -> None:
        """The gateway has it on its disk."""
        self._file(id).unlink(missing_ok=True)

    def _file(self, id: str) -> Path:
        if not (len(id) == 32 and all(character in "0123456789abcdef" for character in id)):
            raise ValueError("a promise's id is 32 hexadecimal characters")
        return self._folder / f"{id}{_SUFFIX}"
