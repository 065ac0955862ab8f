"""``kb --size N``: what a large knowledge base costs: building, memory, searching, opening again, publishing one entry.

Made entries (:mod:`benchmarks.made_entries`) lie in a store of their own and go the way of a running hotline: ``Search`` on that
store. Each stage runs in a process of its own, so that memory is only what search takes.
"""

import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.made_entries import CHARACTERS, asked_of, made_entries
from benchmarks.report import Row, at_most, percentile
from config.clock import SystemClock
from config.logs import set_up_logs
from config.settings import Settings
from knowledge.entries import EntryForm
from knowledge.repository import Repository
from knowledge.search import Search
from knowledge.text import warm_up
from store.engine import Database

QUESTIONS: Final = 1200
VISIBLE_S: Final = 1.0
P50_MS: Final = 3.0
P99_MS: Final = 10.0
BUILD_S: Final = 120.0
_QUESTIONS_FILE: Final = "questions.json"
_BATCH: Final = 20_000
_GIVE_UP_S: Final = 600.0
_NEW_QUESTIONS: Final = tuple(f"鲸鱼观测站的{ship}夜航船票怎么退" for ship in "甲乙丙丁戊己庚辛壬癸")
"""Of the entries that are published last; no made entry has such words."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Built:
    """The first opening, which builds. Memory in MB, resident; times of single searches in ms, by the clock and of the processor."""

    before_mb: float
    after_mb: float
    build_s: float
    took_ms: tuple[float, ...]
    processor_ms: tuple[float, ...]
    found_first: float
    """Share of the questions whose own entry comes first."""
    publications: tuple["Publication", ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """Seconds of a commit, and from it until a search finds the new entry; ms of the searches in between."""

    commit_s: float
    visible_s: float
    searched_meanwhile_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """Opening again what has been built."""

    open_s: float
    after_mb: float
    index_mb: float


def rows(number: int, questions: int = QUESTIONS) -> list[Row]:
    """The figures for ``number`` entries, of which about ``questions`` are asked for."""
    with tempfile.TemporaryDirectory(prefix="hotline-kb-") as folder:
        _alone(partial(_fill, number=number, questions=questions), folder)
        built = _alone(_build, folder)
        opened = _alone(_open, folder)
    took, processor = built.took_ms, built.processor_ms
    committed = [one.commit_s for one in built.publications]
    visible = [one.visible_s for one in built.publications]
    return [
        Row("entries", number, "count"),
        at_most("build", round(built.build_s, 1), "s", BUILD_S),
        Row("memory before", round(built.before_mb), "MB"),
        Row("memory with the knowledge base", round(built.after_mb), "MB"),
        Row("memory opened again", round(opened.after_mb), "MB"),
        Row("index on disk", round(opened.index_mb), "MB"),
        Row("questions", len(took), "count"),
        at_most("search p50", round(percentile(took, 0.5), 2), "ms", P50_MS),
        Row("search p95", round(percentile(took, 0.95), 2), "ms"),
        at_most("search p99", round(percentile(took, 0.99), 2), "ms", P99_MS),
        Row("search worst", round(max(took), 2), "ms"),
        Row("search, processor time p50", round(percentile(processor, 0.5), 2), "ms"),
        Row("search, processor time p99", round(percentile(processor, 0.99), 2), "ms"),
        Row("asked entry comes first", round(built.found_first, 4), "share"),
        Row("open again", round(opened.open_s, 1), "s"),
        Row("entries published one by one", len(visible), "count"),
        Row("publish one entry: commit p50", round(percentile(committed, 0.5), 2), "s"),
        Row("publish one entry: commit to visible p50", round(percentile(visible, 0.5), 2), "s"),
        at_most("publish one entry: commit to visible worst", round(max(visible), 2), "s", VISIBLE_S),
        *_meanwhile([took for one in built.publications for took in one.searched_meanwhile_ms]),
    ]


def _meanwhile(took: Sequence[float]) -> list[Row]:
    if not took:
        return []
    return [
        Row("searches while they became visible", len(took), "count"),
        Row("search while they became visible p50", round(percentile(took, 0.5), 2), "ms"),
        Row("search while they became visible worst", round(max(took), 2), "ms"),
    ]


def _alone(work: Callable[[Path], Awaitable[T]], folder: str) -> T:
    """Run ``work`` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_run, work, Path(folder)).result()


def _run(work: Callable[[Path], Awaitable[T]], folder: Path) -> T:
    set_up_logs("WARNING")

    async def main() -> T:
        return await work(folder)

    return asyncio.run(main())


def _database(folder: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{folder / 'kb.db'}")


async def _fill(folder: Path, *, number: int, questions: int) -> None:
    database = _database(folder)
    try:
        await database.migrate()
        repository, entries = Repository(database, SystemClock()), made_entries(number)
        rng, asked = random.Random(7), list[tuple[str, str]]()
        every = max(1, number // (questions + 1))
        while batch := list(islice(entries, _BATCH)):
            await repository.publish(batch, by="bench")
            asked += [(asked_of(entry, rng), entry.id) for entry in batch[::every]]
        (folder / _QUESTIONS_FILE).write_text(json.dumps(asked), encoding="utf-8")
    finally:
        await database.close()


async def _build(folder: Path) -> Built:
    database, clock = _database(folder), SystemClock()
    asked: list[tuple[str, str]] = json.loads((folder / _QUESTIONS_FILE).read_text(encoding="utf-8"))
    questions = [question for question, _ in asked]
    try:
        warm_up()
        search = Search(database, Settings(data_dir=folder), clock)
        before = _resident_mb()
        started = time.perf_counter()
        await search.refresh_if_changed()
        build_s = time.perf_counter() - started
        after = _resident_mb()
        search.search(questions[0], clock.now())
        took, processor, first = [], [], 0
        for question, id in asked[1:]:
            began, used = time.perf_counter(), time.thread_time()
            ranked = search.search(question, clock.now()).ranked
            took.append((time.perf_counter() - began) * 1000)
            processor.append((time.thread_time() - used) * 1000)
            first += bool(ranked) and ranked[0].entry.id == id
        published = [await _publish_one(database, search, questions, new) for new in _NEW_QUESTIONS]
        return Built(before, after, build_s, tuple(took), tuple(processor), first / len(took), tuple(published))
    finally:
        await database.close()


async def _publish_one(database: Database, search: Search, questions: list[str], question: str) -> Publication:
    """Publish an entry that is asked for as ``question``, and ask until it is found, others in between."""
    clock = SystemClock()
    speech = "夜航船票在观测站退。"
    new = EntryForm(
        id=f"NEW-{_NEW_QUESTIONS.index(question)}",
        question=question,
        answer=speech * (CHARACTERS // len(speech)),
        speech=speech,
        unit="市公安局",
        effective_at=date(2020, 1, 1),
    )
    started = time.perf_counter()
    await Repository(database, clock).publish([new], by="bench")
    committed = time.perf_counter()
    refreshing = asyncio.create_task(search.refresh_if_changed())
    took: list[float] = []
    while time.perf_counter() - committed < _GIVE_UP_S:
        ranked = search.search(question, clock.now()).ranked
        if ranked and ranked[0].entry.id == new.id:
            break
        began = time.perf_counter()
        await asyncio.to_thread(search.search, questions[len(took) % len(questions)], clock.now())
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.02)
    visible_s = time.perf_counter() - committed
    await refreshing
    return Publication(committed - started, visible_s, tuple(took))


async def _open(folder: Path) -> Opened:
    database = _database(folder)
    try:
        warm_up()
        search = Search(database, Settings(data_dir=folder), SystemClock())
        started = time.perf_counter()
        await search.refresh_if_changed()
        opened_s = time.perf_counter() - started
        files = [file.stat().st_size for file in (folder / "index").rglob("*") if file.is_file()]
        return Opened(opened_s, _resident_mb(), sum(files) / 2**20)
    finally:
        await database.close()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
