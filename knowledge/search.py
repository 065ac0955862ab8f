"""Search as the conversation core uses it: in process, always answering from a whole index."""

import asyncio
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from structlog import get_logger

from config.clock import Clock, SystemClock
from config.errors import HotlineError
from config.settings import Settings
from knowledge.contract import Entry, Ranked, Ranking, Verdict
from knowledge.features import compare
from knowledge.index import Index, fingerprint
from knowledge.ranking import MOST_OFFERED, OFFER_SCORE, certain, fitted, margin, scores, verdict
from knowledge.repository import Repository, Snapshot
from knowledge.text import analyse, warm_up
from store.engine import Database

log = get_logger("knowledge")

_DAYS_KEPT: Final = 4
"""How many sets of entries in force are kept in memory; more than one is needed only around midnight and in replays."""
_UNUSED_S: Final = 7 * 24 * 3600.0
"""An index on disk that is no longer used is removed when it is this old."""


class KnowledgeNotReady(HotlineError):
    """Search was asked before it had loaded anything."""

    def __init__(self) -> None:
        super().__init__("knowledge_not_ready", "知识库还没有装入，请稍后再试")


@dataclass
class _Shelf:
    """The entries of one moment of the store, and the indexes made of them by the moment from which each holds."""

    snapshot: Snapshot
    indexes: OrderedDict[datetime, Index] = field(default_factory=OrderedDict)


class Search:
    """Finds the entry that answers a question.

    ``refresh_if_changed`` loads the knowledge base and follows its changes: await it once before the first question,
    then every second. ``search`` never waits for it and never fails because of it.
    """

    def __init__(self, database: Database, settings: Settings, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._repository = Repository(database, self._clock)
        self._folder: Final = settings.data_dir / "index"
        self._shelf: _Shelf | None = None
        self._refreshing = asyncio.Lock()
        self._building = threading.Lock()

    @property
    def version(self) -> int:
        """The counter of the knowledge base that is being answered from; -1 before the first refresh."""
        return self._shelf.snapshot.counter if self._shelf else -1

    async def refresh_if_changed(self) -> bool:
        """Load what changed in the store, or came into force today; returns whether anything did."""
        async with self._refreshing:
            now = self._clock.now()
            shelf = self._shelf
            if shelf and shelf.snapshot.counter == await self._repository.counter():
                if shelf.snapshot.since(now) in shelf.indexes:
                    return False
                fresh = _Shelf(shelf.snapshot)
            else:
                fresh = _Shelf(await self._repository.snapshot())
            await asyncio.to_thread(self._load, fresh, now)
            self._shelf = fresh
            await asyncio.to_thread(self._remove_unused, fresh)
            log.info("knowledge_loaded", version=fresh.snapshot.counter, versions=len(fresh.snapshot.versions))
            return True

    def search(self, question: str, at: datetime, channel: str = "web") -> Ranking:
        """The entries that answer ``question``, of those that the public may be answered at ``at``.

        At most three are named. ``channel`` is for the log only: every channel gets the same entry.
        Raises :class:`KnowledgeNotReady`.
        """
        started = time.perf_counter()
        if self._shelf is None:
            raise KnowledgeNotReady
        index = self._index(self._shelf, at)
        ranking = rank(index, question, at)
        took_ms = round((time.perf_counter() - started) * 1000, 1)
        log.debug("searched", channel=str(channel), verdict=ranking.verdict.value, took_ms=took_ms)
        return ranking

    def entry(self, id: str, at: datetime) -> Entry | None:
        """The version of one entry that the public may be answered at ``at``. Raises :class:`KnowledgeNotReady`."""
        if self._shelf is None:
            raise KnowledgeNotReady
        held = self._shelf.snapshot
        known = replace(held, versions=tuple(entry for entry in held.versions if entry.id == id)).answerable(at)
        return known[0] if known else None

    def _load(self, shelf: _Shelf, at: datetime) -> None:
        warm_up()
        self._index(shelf, at)

    def _index(self, shelf: _Shelf, at: datetime) -> Index:
        since = shelf.snapshot.since(at)
        index = shelf.indexes.get(since)
        if index is None:
            with self._building:
                index = shelf.indexes.get(since) or Index.open(self._folder, shelf.snapshot.answerable(at))
                shelf.indexes[since] = index
                while len(shelf.indexes) > _DAYS_KEPT:
                    shelf.indexes.popitem(last=False)
        return index

    def _remove_unused(self, shelf: _Shelf) -> None:
        used = {fingerprint([item.entry for item in index.indexed]) for index in list(shelf.indexes.values())}
        for folder in _folders(self._folder):
            if folder.name not in used and time.time() - folder.stat().st_mtime > _UNUSED_S:
                shutil.rmtree(folder, ignore_errors=True)


def order(index: Index, question: str) -> list[tuple[int, float]]:
    """(position in ``Index.indexed``, score 0…1) of all entries compared with ``question``, best first."""
    ranked = scores(compare(index, analyse(question)), fitted())
    written = index.asked_as_written(question)
    return ranked if written is None else certain(written, ranked)


def rank(index: Index, question: str, at: datetime) -> Ranking:
    """What ``index`` answers to ``question``."""
    ranked = order(index, question)
    values = [score for _, score in ranked]
    decided = verdict(values)
    least = OFFER_SCORE if decided is Verdict.CHOOSE else 0.0
    offered = tuple(
        Ranked(index.indexed[position].entry, round(score, 4))
        for position, score in ranked[:MOST_OFFERED]
        if score >= least
    )
    return Ranking(question, decided, offered, round(margin(values), 4), at)


def _folders(root: Path) -> Iterable[Path]:
    return [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
