"""Parts on disk: written in a folder of their own, checked by sums, moved into place whole, and made anew when damaged."""

import contextlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from structlog import get_logger

from knowledge.contract import Entry
from knowledge.kinds import KINDS, Kind
from knowledge.part import Part, make
from knowledge.strings import Strings
from knowledge.text import lexicon_fingerprint
from store.files import alone

log = get_logger("knowledge")

_FORMAT: Final = 3
"""Grows when terms or arrays are made differently."""
_ARRAYS: Final = "arrays.bin"
_MANIFEST: Final = "manifest.json"
_LOCK: Final = "building.lock"
_MAKING: Final = "making-"
_ALIGNED: Final = 64
_PIECE: Final = 1 << 22
_LEFT_OVER_S: Final = 6 * 3600.0
"""A folder that is still being made after so long was left by a process that died."""
_KIND_FIELDS: Final = ("keys", "starts", "terms", "of", "entries")
_PART_FIELDS: Final = ("digests", "first", "written", "writers")
_STRINGS: Final = ("bodies", "details")
_STRING_FIELDS: Final = ("units", "starts")


class IndexDamaged(Exception):
    """What lies on disk is not what was written."""


def newest(root: Path) -> tuple[Path, Part] | None:
    """The latest whole part under ``root`` that this program can read; damaged ones are taken away."""
    for folder in sorted(_folders(root), key=lambda one: one.name, reverse=True):
        if folder.name.endswith(_suffix()):
            try:
                return folder, load(folder)
            except (OSError, ValueError, KeyError, TypeError, IndexDamaged) as error:
                log.warning("index_unusable", reason=type(error).__name__)
                shutil.rmtree(folder, ignore_errors=True)
    return None


def latest_name(root: Path) -> str:
    """The name of the newest folder that this program can read, whole or not; empty: there is none."""
    return max((folder.name for folder in _folders(root) if folder.name.endswith(_suffix())), default="")


def build(root: Path, entries: Sequence[Entry], processes: int = 2) -> tuple[Path, Part]:
    """Make a part of ``entries``, write it under ``root`` and read it back. Raises ``OSError``."""
    started = time.monotonic()
    root.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=root))
    try:
        _write(made, make(entries, processes))
        number = max((int(one.name[:12]) for one in _folders(root) if one.name[:12].isdigit()), default=0) + 1
        folder = root / f"{number:012}-{os.urandom(4).hex()}-{_suffix()}"
        made.rename(folder)
        _sync(root)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    log.info("index_built", entries=len(entries), seconds=round(time.monotonic() - started, 1))
    return folder, load(folder)


def load(folder: Path) -> Part:
    """Read a part; its arrays stay on disk until they are used. Raises :class:`IndexDamaged` when a sum is wrong."""
    manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    body = {name: value for name, value in manifest.items() if name != "sum"}
    if manifest["sum"] != zlib.crc32(json.dumps(body, sort_keys=True).encode()):
        raise IndexDamaged("manifest")
    file = folder / _ARRAYS
    if file.stat().st_size != manifest["bytes"] or _sum(file) != manifest["crc"]:
        raise IndexDamaged("arrays")
    data = np.memmap(file, np.uint8, "r") if manifest["bytes"] else np.zeros(0, np.uint8)
    arrays = {
        name: np.asarray(data[at : at + count * np.dtype(kind).itemsize]).view(kind)
        for name, (kind, at, count) in manifest["arrays"].items()
    }
    kinds = {kind: Kind(*(arrays[f"{kind}.{field}"] for field in _KIND_FIELDS)) for kind in (*KINDS, "body")}
    body_kind = kinds.pop("body")
    digests, first, written, writers = (arrays[name] for name in _PART_FIELDS)
    bodies, details = (Strings(*(arrays[f"{name}.{field}"] for field in _STRING_FIELDS)) for name in _STRINGS)
    return Part(digests, first, kinds, body_kind, written, writers, bodies, details)


def remove_unused(root: Path, used: str) -> None:
    """Take away parts that are older than ``used`` and no longer opened, and what dead processes left half made.

    A part that another process still reads stays readable for it: its file is gone only when nobody has it open.
    """
    for folder in _folders(root):
        left = folder.name.startswith(_MAKING) and time.time() - folder.stat().st_mtime > _LEFT_OVER_S
        if left or (not folder.name.startswith(_MAKING) and folder.name < used):
            shutil.rmtree(folder, ignore_errors=True)


def building(root: Path, *, wait: bool) -> contextlib.AbstractContextManager[bool]:
    """Only one process builds at a time; whether it is this one."""
    return alone(root / _LOCK, wait=wait)


def _suffix() -> str:
    return f"{_FORMAT}.{version('jieba')}.{version('pypinyin')}.{lexicon_fingerprint()}"


def _write(folder: Path, part: Part) -> None:
    arrays: dict[str, Any] = {name: getattr(part, name) for name in _PART_FIELDS}
    for name, kind in (*part.kinds.items(), ("body", part.body)):
        arrays |= {f"{name}.{field}": getattr(kind, field) for field in _KIND_FIELDS}
    for name in _STRINGS:
        arrays |= {f"{name}.{field}": getattr(getattr(part, name), field) for field in _STRING_FIELDS}
    places: dict[str, tuple[str, int, int]] = {}
    with (folder / _ARRAYS).open("wb") as handle:
        for name, array in arrays.items():
            handle.write(b"\0" * (-handle.tell() % _ALIGNED))
            places[name] = (array.dtype.str, handle.tell(), len(array))
            handle.write(np.ascontiguousarray(array).data)
        handle.flush()
        os.fsync(handle.fileno())
        size = handle.tell()
    body = {"arrays": places, "bytes": size, "crc": _sum(folder / _ARRAYS)}
    with (folder / _MANIFEST).open("w", encoding="utf-8") as manifest:
        text = json.loads(json.dumps(body))
        json.dump(text | {"sum": zlib.crc32(json.dumps(text, sort_keys=True).encode())}, manifest)
        manifest.flush()
        os.fsync(manifest.fileno())
    _sync(folder)


def _sum(file: Path) -> int:
    total = 0
    with file.open("rb") as handle:
        while piece := handle.read(_PIECE):
            total = zlib.crc32(piece, total)
    return total


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
