"""Vectors on disk by 64-bit keys: files that are written once, checked by a sum, and merged now and then.

Several processes read and add at a time. A damaged file is passed over: what it held is reckoned again.
"""

import contextlib
import os
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from structlog import get_logger

from knowledge.kinds import Floats, Keys
from store.files import alone, replace_file

log = get_logger("knowledge")

_MAGIC: Final = b"HLVEC001"
_HEAD: Final = len(_MAGIC) + 16
_MANY: Final = 16
"""From so many files on they are made one."""

Halves = npt.NDArray[np.float16]


class VectorStore:
    """Rows of ``dimensions`` numbers by key. ``folders``: all are read, the first is written to; none: in memory alone."""

    def __init__(self, folders: Sequence[Path], dimensions: int) -> None:
        self._folders: Final = tuple(folders)
        self._dimensions: Final = dimensions
        self._turn = threading.Lock()
        self._read: set[Path] = set()
        self._keys: Keys = np.zeros(0, np.uint64)
        self._rows: Halves = np.zeros((0, dimensions), np.float16)
        self.refresh()

    def __len__(self) -> int:
        return len(self._keys)

    def refresh(self) -> bool:
        """Read what was written since; returns whether anything was."""
        with self._turn:
            files = [file for folder in self._folders for file in sorted(folder.glob("*.vec"))]
            fresh = [(file, held) for file in files if file not in self._read and (held := self._load(file))]
            self._read = set(files)
            for _, (keys, rows) in fresh:
                self._take(keys, rows)
            return bool(fresh)

    def rows(self, keys: Keys) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The rows of ``keys``, zeros for those that are not there, and which are."""
        held, rows = self._keys, self._rows
        if not len(held) or not len(keys):
            return np.zeros((len(keys), self._dimensions), np.float32), np.zeros(len(keys), bool)
        places = np.minimum(np.searchsorted(held, keys), len(held) - 1)
        known = held[places] == keys
        found = np.zeros((len(keys), self._dimensions), np.float32)
        found[known] = rows[places[known]]
        return found, known

    def learn(self, other: "VectorStore") -> None:
        """Know what ``other`` knows, in memory alone."""
        with self._turn:
            self._take(other._keys, other._rows)

    def keep(self, keys: Keys, rows: Floats) -> None:
        """Keep ``rows`` in memory alone."""
        with self._turn:
            self._take(keys, rows.astype(np.float16))

    def rewrite(self, keys: Keys) -> None:
        """Leave one file with the vectors of ``keys`` that are known, and nothing else, in the first folder."""
        rows, known = self.rows(keys)
        folder = self._folders[0]
        with self._turn:
            old = list(folder.glob("*.vec"))
            self._read.add(self._written(keys[known], rows[known].astype(np.float16)))
            for file in old:
                file.unlink(missing_ok=True)

    def add(self, keys: Keys, rows: Floats) -> None:
        """Keep ``rows``; where nothing can be written, in memory alone."""
        if not len(keys):
            return
        if not self._folders:
            self.keep(keys, rows)
            return
        halves = rows.astype(np.float16)
        with self._turn:
            self._take(keys, halves)
            try:
                self._read.add(self._written(keys, halves))
            except OSError as error:
                log.warning("vectors_not_written", reason=type(error).__name__)
        self._merge()

    def _take(self, keys: Keys, rows: Halves) -> None:
        every = np.concatenate((self._keys, keys))
        kept, places = np.unique(every, return_index=True)
        self._keys, self._rows = kept, np.concatenate((self._rows, rows))[places]

    def _written(self, keys: Keys, rows: Halves) -> Path:
        folder = self._folders[0]
        folder.mkdir(parents=True, exist_ok=True)
        content = keys.tobytes() + rows.tobytes()
        head = _MAGIC + len(keys).to_bytes(8, "little") + zlib.crc32(content).to_bytes(8, "little")
        number = max((int(file.stem.split("-")[0]) for file in folder.glob("*.vec")), default=0) + 1
        file = folder / f"{number:08d}-{os.getpid()}.vec"
        replace_file(file, head + content)
        return file

    def _load(self, file: Path) -> tuple[Keys, Halves] | None:
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("vectors_unreadable", reason=type(error).__name__)
            return None
        count = int.from_bytes(raw[len(_MAGIC) : len(_MAGIC) + 8], "little")
        content = raw[_HEAD:]
        whole = raw.startswith(_MAGIC) and len(content) == count * (8 + 2 * self._dimensions)
        if not whole or zlib.crc32(content) != int.from_bytes(raw[len(_MAGIC) + 8 : _HEAD], "little"):
            log.warning("vectors_damaged", file=file.name)
            return None
        keys = np.frombuffer(content, np.uint64, count)
        rows = np.frombuffer(content, np.float16, count * self._dimensions, 8 * count)
        return keys, rows.reshape(count, self._dimensions)

    def _merge(self) -> None:
        """Make one file of many; the others that read them have them in memory, or find the one."""
        folder = self._folders[0]
        if len(list(folder.glob("*.vec"))) < _MANY:
            return
        with contextlib.suppress(OSError), alone(folder / "merging.lock") as mine:
            if not mine:
                return
            files = sorted(folder.glob("*.vec"))
            held = [found for file in files if (found := self._load(file))]
            if held:
                keys, places = np.unique(np.concatenate([keys for keys, _ in held]), return_index=True)
                rows = np.concatenate([rows for _, rows in held])[places]
                with self._turn:
                    self._read.add(self._written(keys, rows))
            for file in files:
                file.unlink(missing_ok=True)
