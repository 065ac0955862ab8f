"""Keeps an index of whatever is in force: the arrays on disk, what changed since beside them, and a new build now and then."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from structlog import get_logger

from knowledge.collector import spare
from knowledge.contract import Entry
from knowledge.index import Index, Side
from knowledge.kinds import Keys
from knowledge.part import Part, digest, make
from knowledge.storage import build, building, latest_name, newest, remove_unused

log = get_logger("knowledge")

_FEW: Final = 64
_SHARE: Final = 0.05
"""So many entries, or this share of the base, may stand beside the arrays before they are built anew."""
_MOST_SIDES: Final = 3
"""The large side, what changed, and the last few changes: a publication makes only the last of them anew."""


class Base:
    """Makes indexes of entries. All methods may be called from any thread; one call makes an index at a time."""

    def __init__(self, root: Path) -> None:
        self._root: Final = root
        self._making = threading.Lock()
        self._name = ""
        self._side: Side | None = None
        self._small: tuple[Keys, Part] | None = None
        self._rebuild: threading.Thread | None = None

    def index(self, entries: Sequence[Entry]) -> Index:
        """An index of ``entries``: at once when few of them changed, else built and written first."""
        with self._making:
            wanted = {digest(entry): entry for entry in entries}
            self._take_newer()
            side = self._side
            if side is None or _missing(side, wanted) > _allowed(side):
                side = self._built(entries, wanted)
            index = self._joined(side, wanted)
        spare(len(entries))
        self._rebuild_grown(index)
        return index

    def changed(self, before: Index, gone: Iterable[Entry], come: Iterable[Entry]) -> Index | None:
        """``before`` without some entries and with others, at a cost that depends on these only.

        ``None``: there are too many of them, or another build since; then make it of all entries (:meth:`index`).
        """
        with self._making:
            base = before.sides[0]
            if self._side is None or base.part is not self._side.part or latest_name(self._root) > self._name:
                return None
            sides, fresh = _placed(before.sides, gone, come)
            if _beside(sides) + len(fresh) > _allowed(base):
                return None
            index = Index(_joined(sides, fresh))
        self._rebuild_grown(index)
        return index

    def settle(self) -> None:
        """Wait until a build in the background is done."""
        if self._rebuild is not None:
            self._rebuild.join()

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

    def _rebuild_grown(self, index: Index) -> None:
        """Build anew in the background when much stands beside the large arrays."""
        if _beside(index.sides) <= _allowed(index.sides[0]) // 2:
            return
        if self._rebuild is None or not self._rebuild.is_alive():
            entries = [entry for _, entry in index.entries()]
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


def _placed(sides: Sequence[Side], gone: Iterable[Entry], come: Iterable[Entry]) -> tuple[list[Side], list[Entry]]:
    """``sides`` without the entries that are gone, and with those that come of which a side has the content; the rest."""
    changes: dict[int, Entry | None] = {digest(entry): None for entry in gone}
    changes |= {digest(entry): entry for entry in come}
    fresh = {number: entry for number, entry in changes.items() if entry is not None}
    placed = []
    for side in sides:
        places = side.part.places_of(changes)
        placed.append(side.changed({place: changes[number] for number, place in places.items()}) if places else side)
        for number in places:
            fresh.pop(number, None)
    return placed, list(fresh.values())


def _joined(sides: Sequence[Side], fresh: Sequence[Entry]) -> list[Side]:
    """``sides`` and new entries: in the last side while it is small, in one more, or in one with all that changed."""
    base, *others = sides
    if not fresh:
        return list(sides)
    if others and (others[-1].part.size + len(fresh) <= _FEW or len(sides) == _MOST_SIDES):
        joined = others[-1:] if others[-1].part.size + len(fresh) <= _FEW else others
        held = [entry for side in joined for entry in side.entries if entry is not None]
        fresh, others = [*held, *fresh], others[: -len(joined)]
    return [base, *others, Side(make(fresh, processes=1), fresh, base)]


def _beside(sides: Sequence[Side]) -> int:
    """How many entries stand beside the large side."""
    return sum(side.part.size for side in sides[1:])


def _missing(side: Side, wanted: dict[int, Entry]) -> int:
    return int((~np.isin(np.fromiter(wanted, np.uint64, len(wanted)), side.part.digests)).sum())
