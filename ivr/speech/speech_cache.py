"""What was synthesised, kept by content: everything in memory, fixed prompts (never what a caller told us) on disk as well."""

import contextlib
import hashlib
import os
from collections import OrderedDict
from pathlib import Path
from typing import Final

import structlog

_log = structlog.get_logger("ivr")

MEMORY_BYTES: Final = 32 * 1024 * 1024
"""Half an hour of speech."""
DISK_BYTES: Final = 64 * 1024 * 1024
_FORMAT: Final = "2"
"""Changes with what is done to the sound after synthesis, so that no old sound is taken for a new one."""


class SpeechCache:
    """Pieces of audio by key; the ones used longest ago go when it is full."""

    def __init__(
        self, folder: Path | None = None, *, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._written = 0
        if folder is not None and folder.is_dir():
            self._tidy(folder)

    @staticmethod
    def key(voice: str, spoken: str) -> str:
        """The name of what ``voice`` makes of ``spoken``; from it neither can be read."""
        return hashlib.sha256(f"{_FORMAT}|{voice}|{spoken}".encode()).hexdigest()

    def get(self, key: str, *, keep: bool) -> bytes | None:
        """What is kept under ``key``; on disk only ``keep`` looks."""
        pcm = self._kept.get(key)
        if pcm is not None:
            self._kept.move_to_end(key)
            return pcm
        if keep and self._folder is not None:
            file = self._folder / f"{key}.pcm"
            with contextlib.suppress(OSError):
                pcm = file.read_bytes()
                os.utime(file)
                self._remember(key, pcm)
        return pcm

    def put(self, key: str, pcm: bytes, *, keep: bool) -> None:
        """Keep ``pcm``; ``keep``: on disk too."""
        self._remember(key, pcm)
        if keep and self._folder is not None:
            self._write(self._folder, key, pcm)

    def _remember(self, key: str, pcm: bytes) -> None:
        self._bytes += len(pcm) - len(self._kept.pop(key, b""))
        self._kept[key] = pcm
        while self._bytes > self._memory_bytes:
            self._bytes -= len(self._kept.popitem(last=False)[1])

    def _write(self, folder: Path, key: str, pcm: bytes) -> None:
        """Write so that a reader sees all of it or nothing; a full disk costs the cache, not the call."""
        part = folder / f"{key}.{os.getpid()}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(pcm)
            part.replace(folder / f"{key}.pcm")
        except OSError:
            _log.warning("voice_cache_not_written")
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        self._written += len(pcm)
        if self._written > self._disk_bytes // 8:
            self._tidy(folder)

    def _tidy(self, folder: Path) -> None:
        """Delete what was used longest ago until the folder is within its bounds, and what a crash left half written."""
        self._written = 0
        files = []
        for file in folder.iterdir():
            with contextlib.suppress(OSError):
                if file.suffix == ".part":
                    file.unlink()
                elif file.suffix == ".pcm":
                    told = file.stat()
                    files.append((told.st_mtime_ns, told.st_size, file))
        total = sum(size for _, size, _ in files)
        for _, size, file in sorted(files):
            if total <= self._disk_bytes:
                break
            with contextlib.suppress(OSError):
                file.unlink()
            total -= size
