import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.settings import Settings
from knowledge import reading
from knowledge.repository import Repository
from knowledge.search import Search
from store.engine import Database

from .conftest import MakeForm

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
async def repository(database: Database, clock: ManualClock, make_form: MakeForm) -> Repository:
    repository = Repository(database, clock)
    await repository.publish([make_form("A-1", "公积金怎么提取", "取公积金"), make_form("A-2", "停水找谁", "没水")])
    return repository


def by_meaning(search: Search) -> bool:
    reader = search.current(AT)[2]
    return reader is not None and reader.meant.enough


def written(folder: Path) -> list[Path]:
    return list(folder.rglob("*.vec"))


async def caught_up(search: Search) -> None:
    """Wait until the thread has read what is new, and take it up."""
    async with asyncio.timeout(60):
        while not by_meaning(search):
            await asyncio.sleep(0.05)
            await search.refresh_if_changed()


async def test_entries_are_read_in_the_background_and_then_meaning_counts(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository, make_form: MakeForm
) -> None:
    search = Search(database, settings, clock, meaning=True)
    await search.refresh_if_changed()
    await caught_up(search)
    explained = search.explain("家里的水断了", AT)
    assert explained.candidates[0].id == "A-2"
    assert "meaning" in {one.name for one in explained.candidates[0].features}
    await repository.publish([make_form("A-3", "怎么结婚登记")])
    await search.refresh_if_changed()
    assert search.search("怎么结婚登记", AT).ranked[0].entry.id == "A-3"
    await caught_up(search)
    assert search.search("领结婚证要怎么弄", AT).ranked[0].entry.id == "A-3"
    search.close()


async def test_what_one_process_read_another_finds(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Search(database, settings, clock, meaning=True)
    await one.refresh_if_changed()
    await one.read_all()
    assert by_meaning(one)

    def refuse(*_: object, **__: object) -> int:
        raise AssertionError("read again")

    monkeypatch.setattr("knowledge.meaning.Encoder.vector", refuse)
    other = Search(database, settings, clock, meaning=True)
    await other.refresh_if_changed()
    assert by_meaning(other)
    other.close()


async def test_while_another_process_reads_this_one_waits_and_takes_up_what_it_wrote(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_LOOK_EVERY_S", 0.0)
    folder = settings.data_dir / "index"
    with reading._alone(folder / reading._LOCK) as mine:
        assert mine
        search = Search(database, settings, clock, meaning=True)
        await search.refresh_if_changed()
        search.close()
        assert not by_meaning(search)
        writer = Search(database, Settings(data_dir=settings.data_dir), clock, meaning=True)
        await writer.refresh_if_changed()
        await writer.read_all()
        await caught_up(search)
    search.close()


async def test_progress_is_told_and_questions_are_read_beforehand(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(database, settings, clock, meaning=True)
    await search.refresh_if_changed()
    search.close()
    told: list[tuple[int, int]] = []
    await search.read_all(lambda done, all_: told.append((done, all_)))
    assert not told or told[-1][0] == told[-1][1]
    await search.read("家里断水了")
    engine_asked: list[str] = []
    reader = search.current(AT)[2]
    assert reader is not None
    monkeypatch.setattr("knowledge.meaning.Encoder._read", lambda self, kind, text: engine_asked.append(text))
    search.search("家里断水了", AT)
    await search.read("请问公积金怎么提取")
    assert not engine_asked


async def test_without_meaning_nothing_is_read(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository
) -> None:
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    await search.read_all()
    await search.read("公积金")
    assert search.current(AT)[2] is None
    assert not written(settings.data_dir)
    search.close()


async def test_a_base_too_large_to_be_read_is_searched_by_words(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_SENTENCES", 5)
    search = Search(database, settings, clock, meaning=True)
    await search.refresh_if_changed()
    await search.read_all()
    assert search.current(AT)[2] is None
    assert search.search("公积金怎么提取", AT).ranked[0].entry.id == "A-1"
    assert not written(settings.data_dir)
    search.close()
