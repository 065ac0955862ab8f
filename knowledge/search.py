"""Search as the conversation core uses it: in process, always answering from a whole index."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from structlog import get_logger

from config.clock import Clock, SystemClock
from config.errors import HotlineError
from config.settings import Settings
from knowledge.base import Base
from knowledge.contract import Entry, Ranked, Ranking, Verdict
from knowledge.explanation import Explanation, explained
from knowledge.features import compare, sounding_as_written
from knowledge.following import snapshot_after
from knowledge.followup import follow_up
from knowledge.index import Index
from knowledge.meant import Reader
from knowledge.ranking import CERTAIN, MOST_OFFERED, Model, certain, fitted, margin, prefer, scores, verdict
from knowledge.reading import Readers
from knowledge.repository import Repository, Snapshot
from knowledge.synonym_variants import Synonyms
from knowledge.text import warm_up
from knowledge.tuned import TunedWeights
from store.engine import Database

log = get_logger("knowledge")

_MOMENTS_KEPT: Final = 6
"""How many sets of entries in force are kept in memory; more than one is needed only around changes and in replays."""
_AHEAD: Final = timedelta(minutes=10)
"""So long before entries come into force by themselves the index with them is made."""
_NO_SYNONYMS: Final = Synonyms()


class KnowledgeNotReady(HotlineError):
    """Search was asked before it had loaded anything."""

    def __init__(self) -> None:
        super().__init__("knowledge_not_ready", "知识库还没有装入，请稍后再试")


@dataclass(frozen=True, slots=True)
class _Held:
    """What is in force between two moments."""

    index: Index
    by_id: dict[str, Entry]
    reader: Reader | None = None


@dataclass
class _Shelf:
    """The knowledge base of one moment of the store, and what is in force by the moment from which it is.

    ``earlier``: the shelf before this one, until what is in force now has been made of it.
    """

    snapshot: Snapshot
    synonyms: Synonyms
    earlier: "_Shelf | None" = None
    held: OrderedDict[tuple[datetime, bool], _Held] = field(default_factory=OrderedDict)


class Search:
    """Finds the entry that answers a question.

    ``refresh_if_changed`` loads the knowledge base and follows its changes, synonyms too: await it once before the first
    question, then several times a second. ``search`` never waits for it and never fails because of it.

    ``meaning``: whether entries are read for their meaning, in a thread of low priority, and questions with them once that is
    done. It takes a core half a minute for a thousand ways of asking, once; until then search goes by words.
    """

    def __init__(
        self, database: Database, settings: Settings, clock: Clock | None = None, *, meaning: bool = False
    ) -> None:
        self._clock = clock or SystemClock()
        self._database = database
        self._repository = Repository(database, self._clock)
        self._base: Final = Base(settings.data_dir / "index")
        self._shelf: _Shelf | None = None
        self._refreshing = asyncio.Lock()
        self._making = threading.Lock()
        self._model: Model | None = None
        self._tuned: Final = TunedWeights(settings)
        self._readers = Readers(settings.data_dir / "index") if meaning else None

    @property
    def version(self) -> int:
        """The counter of the knowledge base that is being answered from; -1 before the first refresh."""
        return self._shelf.snapshot.counter if self._shelf else -1

    async def refresh_if_changed(self) -> bool:
        """Load what changed in the store, or comes into force soon; returns whether anything did."""
        async with self._refreshing:
            if self._tuned.changed():
                self.use_model(await asyncio.to_thread(self._tuned.model))
            now = self._clock.now()
            shelf = self._shelf
            if shelf and shelf.snapshot.counter == await self._repository.counter():
                return bool(await asyncio.to_thread(self._prepare, shelf, now)) if self._lacks(shelf, now) else False
            snapshot = await snapshot_after(self._database, shelf.snapshot if shelf else None)
            fresh = _Shelf(snapshot, Synonyms(snapshot.synonyms), shelf)
            await asyncio.to_thread(self._prepare, fresh, now)
            fresh.earlier = None
            self._shelf = fresh
            log.info("knowledge_loaded", version=snapshot.counter, versions=len(snapshot.versions))
            return True

    async def read(self, question: str) -> None:
        """Read a question beforehand, off the event loop, so that ``search`` has its meaning at hand.

        Nothing is read of an entry's own way of asking: its words decide.
        """
        if self._readers is None or self._shelf is None:
            return
        index = self._held(self._shelf, self._clock.now(), agents=False).index
        if index.asked_as_written(question) is None:
            await asyncio.to_thread(self._readers.read, question)

    async def read_all(self, progress: Callable[[int, int], None] = lambda done, all_: None) -> None:
        """Wait until everything that is in force has been read for its meaning; ``progress``: (done, all)."""
        if self._readers is not None:
            await asyncio.to_thread(self._readers.finish, progress)
            await self.refresh_if_changed()

    @property
    def model(self) -> Model:
        """The weights that are ranked with."""
        return self._model or fitted()

    def use_model(self, model: Model | None) -> None:
        """Rank with weights fitted on this installation's own entries and confirmed answers; ``None``: those shipped.

        ``refresh_if_changed`` does so whenever :class:`knowledge.tuned.TunedWeights` changed.
        """
        self._model = model

    def search(
        self,
        question: str,
        at: datetime,
        channel: str = "web",
        *,
        act: str = "",
        area: str = "",
        topic_entry: str | None = None,
        agents: bool = False,
    ) -> Ranking:
        """The entries that answer ``question``, of those that the public may be answered at ``at``; at most three.

        ``act``: the act that the dialogue heard; ``area``: the division that the matter is in, where known: an entry for
        another one is not named. ``topic_entry``: the id of the entry answered before: a question that leaves out what it is
        about is asked of that matter (see :func:`knowledge.followup.follow_up`). ``agents``: entries for agents and disputed
        ones too. ``channel`` is for the log only: every channel gets the same entry. Raises :class:`KnowledgeNotReady`.
        """
        started = time.perf_counter()
        shelf = self._ready()
        held = self._held(shelf, at, agents=agents)
        topic = held.by_id.get(topic_entry) if topic_entry else None
        ranking = self._ranked(shelf, held, question, at, act, area, topic)
        took_ms = round((time.perf_counter() - started) * 1000, 1)
        log.debug("searched", channel=str(channel), verdict=ranking.verdict.value, took_ms=took_ms)
        return ranking

    def explain(
        self, question: str, at: datetime, *, act: str = "", area: str = "", previous: str = "", agents: bool = False
    ) -> Explanation:
        """Why ``search`` answers as it does. ``previous``: the id of the entry answered before.

        Raises :class:`KnowledgeNotReady`.
        """
        shelf = self._ready()
        held = self._held(shelf, at, agents=agents)
        topic = held.by_id.get(previous)
        asked = (follow_up(question, topic.question) if topic else None) or question
        ranking = self._ranked(shelf, held, question, at, act, area, topic)
        if held.index.asked_as_written(question) is not None:
            asked = question
        return explained(held.index, ranking, asked, shelf.synonyms, self.model, area=area, act=act, reader=held.reader)

    def entry(self, id: str, at: datetime) -> Entry | None:
        """The version of one entry that the public may be answered at ``at``. Raises :class:`KnowledgeNotReady`."""
        return self._held(self._ready(), at, agents=False).by_id.get(id)

    def current(self, at: datetime) -> tuple[Index, Synonyms, Reader | None]:
        """What the public is answered from at ``at``, for measurements. Raises :class:`KnowledgeNotReady`."""
        shelf = self._ready()
        held = self._held(shelf, at, agents=False)
        return held.index, shelf.synonyms, held.reader

    def settle(self) -> None:
        """Wait for an index that is being built in the background; for tests and commands."""
        self._base.settle()

    def close(self) -> None:
        """Stop what goes on in the background; what was read so far is kept."""
        if self._readers is not None:
            self._readers.close()

    def _ranked(
        self, shelf: _Shelf, held: _Held, question: str, at: datetime, act: str, area: str, topic: Entry | None
    ) -> Ranking:
        return rank(
            held.index,
            question,
            at,
            act=act,
            area=area,
            topic=topic,
            synonyms=shelf.synonyms,
            model=self._model,
            reader=held.reader,
        )

    def _ready(self) -> _Shelf:
        if self._shelf is None:
            raise KnowledgeNotReady
        return self._shelf

    def _moments(self, shelf: _Shelf, now: datetime) -> list[datetime]:
        """The moments for which indexes are wanted: now, and the next change when it is near."""
        following = shelf.snapshot.until(now)
        return [now, following] if following and following - now <= _AHEAD else [now]

    def _lacks(self, shelf: _Shelf, now: datetime) -> bool:
        if self._readers is not None and self._readers.more_known():
            return True
        return any((shelf.snapshot.since(moment), False) not in shelf.held for moment in self._moments(shelf, now))

    def _prepare(self, shelf: _Shelf, now: datetime) -> bool:
        warm_up()
        for moment in self._moments(shelf, now):
            for agents in (False, True):
                self._held(shelf, moment, agents=agents)
        if self._readers is not None:
            self._read_again(shelf, self._readers)
        return True

    def _read_again(self, shelf: _Shelf, readers: Readers) -> None:
        """Take up what was read since, and have read what is not."""
        fresh = readers.take_up()
        with self._making:
            for key, held in sorted(shelf.held.items(), key=lambda pair: not pair[0][1]):  # agents' first: it has all
                if held.reader is None or fresh:
                    shelf.held[key] = replace(held, reader=readers.of(held.index))
        every = [held for held in list(shelf.held.values()) if held.reader is not None]
        if every:
            readers.want([entry for held in every for entry in held.by_id.values()])

    def _held(self, shelf: _Shelf, at: datetime, *, agents: bool) -> _Held:
        since = shelf.snapshot.since(at)
        found = shelf.held.get((since, agents))
        if found is None:
            with self._making:
                found = shelf.held.get((since, agents)) or self._made(shelf, at, since, agents=agents)
                shelf.held[since, agents] = found
                while len(shelf.held) > _MOMENTS_KEPT:
                    shelf.held.popitem(last=False)
        return found

    def _made(self, shelf: _Shelf, at: datetime, since: datetime, *, agents: bool) -> _Held:
        twin = shelf.held.get((since, not agents))
        followed = self._followed(shelf, at, twin, agents=agents)
        if followed:
            return followed
        entries = shelf.snapshot.in_force(at) if agents else shelf.snapshot.answerable(at)
        if twin and len(twin.by_id) == len(entries):
            return twin
        return _Held(self._base.index(entries), {entry.id: entry for entry in entries})

    def _followed(self, shelf: _Shelf, at: datetime, twin: _Held | None, *, agents: bool) -> _Held | None:
        """What was in force at ``at`` before the last change, with that change; ``None``: it must be made of everything."""
        earlier, change = shelf.earlier, shelf.snapshot.change
        before = earlier.held.get((earlier.snapshot.since(at), agents)) if earlier and change else None
        if before is None or change is None:
            return None
        speaking = shelf.snapshot.in_force if agents else shelf.snapshot.answerable
        come = {entry.id: entry for entry in speaking(at, change.versions)}
        by_id = before.by_id | come
        gone = [before.by_id[id] for id in change.ids if id in before.by_id]
        for entry in gone:
            if entry.id not in come:
                del by_id[entry.id]
        if twin and len(twin.by_id) == len(by_id):
            return twin
        index = self._base.changed(before.index, gone, come.values())
        return _Held(index, by_id) if index else None


@dataclass(frozen=True, slots=True)
class Ordered:
    """(position in the index, score 0…1) of all entries compared, best first, and the thresholds that they go by."""

    ranked: list[tuple[int, float]]
    model: Model

    @property
    def verdict(self) -> Verdict:
        return verdict([score for _, score in self.ranked], self.model)


def order(
    index: Index,
    question: str,
    *,
    act: str = "",
    area: str = "",
    synonyms: Synonyms = _NO_SYNONYMS,
    model: Model | None = None,
    reader: Reader | None = None,
) -> Ordered:
    """All entries compared with ``question``; by meaning too with ``reader``, unless it is an entry's own way of asking."""
    model = model or fitted()
    best: dict[int, float] = {}
    heard: set[int] = set()
    written = index.asked_as_written(question)
    by_meaning = False
    for text in (question, *(variant.text for variant in synonyms.variants(question))):
        asked = index.question(text)
        compared = compare(index, asked, area, reader if written is None else None)
        by_meaning = by_meaning or compared.by_meaning
        heard |= sounding_as_written(asked, compared)
        for position, score in scores(compared, model):
            best[position] = max(score, best.get(position, 0.0))
    ranked = prefer(index, sorted(best.items(), key=lambda pair: (-pair[1], pair[0])), act)
    if written is None and len(heard) == 1:
        (written,) = heard
    if written is not None and written in best:
        ranked = certain(written, ranked)
    return Ordered(ranked, model.of(by_meaning=by_meaning))


def rank(
    index: Index,
    question: str,
    at: datetime,
    *,
    act: str = "",
    area: str = "",
    topic: Entry | None = None,
    synonyms: Synonyms = _NO_SYNONYMS,
    model: Model | None = None,
    reader: Reader | None = None,
) -> Ranking:
    """What ``index`` answers to ``question``; ``topic``: the entry that was answered before it."""
    asked = follow_up(question, topic.question) if topic else None
    follows = asked is not None and index.asked_as_written(question) is None
    text = asked if asked is not None and follows else question
    found = order(index, text, act=act, area=area, synonyms=synonyms, model=model, reader=reader)
    if follows and text.endswith(question):
        found = replace(found, ranked=_topic_first(index, found.ranked, topic, text))
    values = [score for _, score in found.ranked]
    least = found.model.offer if found.verdict is Verdict.CHOOSE else 0.0
    offered = tuple(
        Ranked(index.entry(position), round(score, 4))
        for position, score in found.ranked[:MOST_OFFERED]
        if score >= least
    )
    return Ranking(question, found.verdict, offered, round(margin(values), 4), at)


def _topic_first(
    index: Index, ranked: list[tuple[int, float]], topic: Entry | None, asked: str
) -> list[tuple[int, float]]:
    """A question of an aspect alone is answered by the entry that it follows."""
    for position, _ in ranked:
        if topic is not None and index.entry(position).id == topic.id:
            return certain(position, ranked)
    return ranked


__all__ = ["CERTAIN", "KnowledgeNotReady", "Search", "order", "rank"]
