"""Keeps an index of whatever is in force: the arrays on disk, what changed since beside them, and a new build now and then."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from structlog import get_logger

from knowledge.contract import Entry
from knowledge.index import Index, Side
from knowledge.kinds import Keys
from knowledge.part import Part, digest, make
from knowledge.storage import build, building, latest_name, newest, remove_unused

log = get_logger("knowledge")

_FEW: Final = 64
_SHARE: Final = 0.05
"""So many entries, or this share of the base, may stand beside the arrays before they are built anew."""


class Base:
    """Makes indexes of entries. All methods may be called from any thread; one call makes an index at a time."""

    def __init__(self, root: Path) -> None:
        self._root: Final = root
        self._making = threading.Lock()
        self._name = ""
        self._side: Side | None = None
        self._digests: dict[tuple[str, int], tuple[Entry, int]] = {}
        self._small: tuple[Keys, Part] | None = None
        self._rebuild: threading.Thread | None = None

    def index(self, entries: Sequence[Entry]) -> Index:
        """An index of ``entries``: at once when few of them changed, else built and written first."""
        with self._making:
            wanted = self._digested(entries)
            self._take_newer()
            side = self._side
            if side is None or _missing(side, wanted) > _allowed(side):
                side = self._built(entries, wanted)
            index = self._joined(side, wanted)
        if len(index.sides) > 1 and index.sides[1].part.size > _allowed(index.sides[0]) // 2:
            self._rebuild_later(entries)
        return index

    def settle(self) -> None:
        """Wait until a build in the background is done."""
        if self._rebuild is not None:
            self._rebuild.join()

    def _digested(self, entries: Sequence[Entry]) -> dict[int, Entry]:
        known, kept = self._digests, {}
        for entry in entries:
            key = (entry.id, entry.version)
            found = known.get(key)
            kept[key] = found if found is not None and found[0] is entry else (entry, digest(entry))
        self._digests = kept
        return {number: entry for entry, number in kept.values()}

    def _take_newer(self) -> None:
        """Another process may have built since."""
        if self._side is not None and latest_name(self._root) <= self._name:
            return
        found = newest(self._root)
        if found and found[0].name > self._name:
            self._take(*found)

    def _take(self, folder: Path, part: Part) -> Side:
        side = Side(part, [None] * part.size)
        self._name, self._side, self._small = folder.name, side, None
        return side

    def _built(self, entries: Sequence[Entry], wanted: dict[int, Entry]) -> Side:
        """Build before answering; where nothing can be written, in memory."""
        try:
            with building(self._root, wait=True):
                self._take_newer()
                side = self._side
                if side is None or _missing(side, wanted) > _allowed(side):
                    side = self._take(*build(self._root, entries))
                    remove_unused(self._root, self._name)
                return side
        except OSError as error:
            log.warning("index_not_written", reason=type(error).__name__)
            return self._take(Path(), make(entries))

    def _joined(self, base: Side, wanted: dict[int, Entry]) -> Index:
        held = base.part.digests.tolist()
        side = base.revived([wanted.get(number) for number in held])
        rest = wanted.keys() - set(held)
        if not rest:
            return Index([side])
        changed = [entry for number, entry in wanted.items() if number in rest]
        numbers = np.fromiter((number for number in wanted if number in rest), np.uint64, len(changed))
        if self._small is None or not np.array_equal(self._small[0], numbers):
            self._small = (numbers, make(changed, processes=1))
        return Index([side, Side(self._small[1], changed, base)])

    def _rebuild_later(self, entries: Sequence[Entry]) -> None:
        if self._rebuild is None or not self._rebuild.is_alive():
            self._rebuild = threading.Thread(target=self._rebuilt, args=(entries,), name="knowledge-index", daemon=True)
            self._rebuild.start()

    def _rebuilt(self, entries: Sequence[Entry]) -> None:
        """One process builds; the others find what it built when they next look."""
        try:
            with building(self._root, wait=False) as mine:
                if mine and latest_name(self._root) <= self._name:
                    folder, _ = build(self._root, entries)
                    remove_unused(self._root, folder.name)
        except OSError as error:
            log.warning("index_not_written", reason=type(error).__name__)


def _allowed(side: Side) -> int:
    return max(_FEW, int(_SHARE * side.part.size))


def _missing(side: Side, wanted: dict[int, Entry]) -> int:
    return int((~np.isin(np.fromiter(wanted, np.uint64, len(wanted)), side.part.digests)).sum())
