"""What follows the knowledge base step by step stands where one that reads all of it stands."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from config.clock import ManualClock
from config.settings import Settings
from knowledge import base as base_module
from knowledge import following
from knowledge.base import Base
from knowledge.contract import Audience, Entry
from knowledge.following import snapshot_after
from knowledge.index import Index
from knowledge.repository import ARCHIVED, VERSION_NAME, Repository, Snapshot, row_of
from knowledge.search import Search
from store import versions
from store.engine import Database
from store.ids import new_id
from store.schema import disputes, entries

from .conftest import MakeForm

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


async def archive(database: Database, id: str) -> None:
    async with database.begin() as connection:
        count = await versions.bump(connection, VERSION_NAME)
        changed = {"status": ARCHIVED, "changed_in": count}
        await connection.execute(update(entries).where(entries.c.id == id).values(changed))


async def dispute(database: Database, id: str, at: datetime) -> None:
    async with database.begin() as connection:
        row = {"id": new_id(), "entry_id": id, "version": 1, "reporter_kind": "bot", "reason_enc": "", "at": at}
        await connection.execute(insert(disputes).values(row))
        await versions.bump(connection, VERSION_NAME)


async def settle_all(database: Database, at: datetime) -> None:
    async with database.begin() as connection:
        await connection.execute(update(disputes).values(resolved_at=at))
        await versions.bump(connection, VERSION_NAME)


def content(snapshot: Snapshot) -> tuple[object, ...]:
    held = sorted(snapshot.versions, key=lambda entry: (entry.id, entry.version))
    return snapshot.counter, held, snapshot.silenced, snapshot.boundaries


async def test_a_followed_snapshot_is_the_one_read_whole(
    each_database: Database, clock: ManualClock, make_form: MakeForm
) -> None:
    repository = Repository(each_database, clock)
    await repository.publish([make_form(f"A-{number}", f"第{number}件事怎么办") for number in range(5)])
    held = await snapshot_after(each_database, None)
    assert held.change is None
    steps: list[tuple[Callable[[], object], set[str]]] = [
        (lambda: repository.publish([make_form("A-1", "另一件事怎么办")]), {"A-1"}),
        (lambda: repository.publish([make_form("B-1", "新的事怎么办", effective_at=date(2026, 5, 1))]), {"B-1"}),
        (lambda: archive(each_database, "A-2"), {"A-2"}),
        (lambda: dispute(each_database, "A-3", AT), {"A-3"}),
        (lambda: settle_all(each_database, AT), {"A-3"}),
        (lambda: repository.publish([make_form("A-2", "又办起来的事怎么办")]), {"A-2"}),
    ]
    for step, changed in steps:
        await step()  # type: ignore[misc]
        held = await snapshot_after(each_database, held)
        assert held.change is not None
        assert held.change.ids == changed
        assert content(held) == content(await repository.snapshot())


async def test_a_change_that_says_nothing_of_its_entries_is_read_with_the_rest(
    each_database: Database, clock: ManualClock, make_form: MakeForm
) -> None:
    """As a program of an earlier release makes it."""
    repository = Repository(each_database, clock)
    await repository.publish([make_form("A-1", "怎么办证"), make_form("A-2", "怎么换证")])
    held = await snapshot_after(each_database, None)
    async with each_database.begin() as connection:
        row = row_of(replace(held.versions[0], version=2)) | {"status": "published", "created_at": AT}
        await connection.execute(insert(entries).values(row))
        await versions.bump(connection, VERSION_NAME)
    held = await snapshot_after(each_database, held)
    assert held.change is None
    assert content(held) == content(await repository.snapshot())


async def test_much_at_once_and_a_store_put_back_are_read_whole(
    each_database: Database, clock: ManualClock, make_form: MakeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_FEW", 3)
    repository = Repository(each_database, clock)
    await repository.publish([make_form("A-1", "怎么办证")])
    held = await snapshot_after(each_database, None)
    await repository.publish([make_form(f"B-{number}", f"第{number}件事怎么办") for number in range(4)])
    after = await snapshot_after(each_database, held)
    assert after.change is None
    assert content(after) == content(await repository.snapshot())
    newer = replace(after, counter=after.counter + 5)
    assert content(await snapshot_after(each_database, newer)) == content(after)


async def test_a_search_that_follows_has_in_force_what_a_new_one_has(
    database: Database,
    settings: Settings,
    clock: ManualClock,
    make_form: MakeForm,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base_module, "_FEW", 8)
    rng = random.Random(4)  # noqa: S311
    repository = Repository(database, clock)
    await repository.publish([make_form(f"A-{number}", f"第{number}件事怎么办") for number in range(40)])
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    made: list[int] = []
    whole = Base.index

    def counted(self: Base, held: Sequence[Entry]) -> Index:
        made.append(len(held))
        return whole(self, held)

    monkeypatch.setattr(Base, "index", counted)
    for step in range(16):
        await changed_somehow(rng, step, database, repository, clock, make_form)
        before = len(made)
        await search.refresh_if_changed()
        if step < 5:
            assert len(made) == before, "the whole base was gone through for a small change"
        fresh = Search(database, Settings(data_dir=tmp_path_factory.mktemp("fresh")), clock)
        await fresh.refresh_if_changed()
        for at in (clock.now(), clock.now() + timedelta(days=1)):
            for agents in (False, True):
                assert in_force(search, at, agents) == in_force(fresh, at, agents)
    search.settle()


async def changed_somehow(
    rng: random.Random,
    step: int,
    database: Database,
    repository: Repository,
    clock: ManualClock,
    make_form: MakeForm,
) -> None:
    """One change of any kind."""
    id = f"A-{rng.randrange(44)}"
    match rng.randrange(6):
        case 0:
            await archive(database, id)
        case 1:
            await dispute(database, id, clock.now())
        case 2:
            await settle_all(database, clock.now())
        case 3:
            clock.advance(3600 * rng.randrange(30))
            agents_only = make_form(id, f"第{step}次改的事怎么办", audience=Audience.AGENTS)
            await repository.publish([agents_only])
        case _:
            now = clock.now()
            urgent = {"kind": "script", "urgent": True, "starts_at": now, "ends_at": now + timedelta(hours=5)}
            kind = urgent if rng.randrange(2) else {"effective_at": date(2026, 3, rng.randrange(1, 9))}
            await repository.publish([make_form(id, f"第{rng.randrange(9)}次改的事怎么办", **kind)])


def in_force(search: Search, at: datetime, agents: bool) -> tuple[object, ...]:
    """What the parts of a search say is in force, which must agree."""
    held = search._held(search._ready(), at, agents=agents)
    by_index = {entry.id: entry for _, entry in held.index.entries()}
    assert by_index == held.by_id
    assert held.index.size == len(by_index)
    assert {held.index.entry(position).id for position in held.index.urgent} == {
        id for id, entry in by_index.items() if entry.urgent
    }
    for position, entry in held.index.entries():
        assert held.index.entry(position) is entry
    return (by_index,)


def test_a_changed_index_finds_what_one_made_of_all_finds(
    tmp_path_factory: pytest.TempPathFactory, make_form: MakeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_module, "_FEW", 4)
    monkeypatch.setattr(base_module, "_SHARE", 9.0)
    held = {
        id: make_form(id, f"{word}怎么办").entry(1) for id, word in zip("abcdefgh", "甲乙丙丁戊己庚辛", strict=True)
    }
    base = Base(tmp_path_factory.mktemp("base"))
    index: Index | None = base.index(list(held.values()))
    for version, (id, word) in enumerate(
        zip("abcijkabclmnaic", "子丑寅卯辰巳子乙丙午未申酉戌亥", strict=True), start=2
    ):
        new = make_form(id, f"{word}怎么办").entry(version)
        gone = [held[id]] if id in held else []
        held[id] = new
        assert index is not None
        index = base.changed(index, gone, [new])
        assert index is not None
        assert len(index.sides) <= 3
        assert sorted(entry.id for _, entry in index.entries()) == sorted(held)
        for one in held.values():
            found = index.asked_as_written(one.question)
            assert found is None or index.entry(found).question == one.question
            positions = index.candidates(index.question(one.question)).tolist()
            assert one.id in [index.entry(position).id for position in positions]
    base.settle()


def test_a_newer_build_is_taken_instead(tmp_path_factory: pytest.TempPathFactory, make_form: MakeForm) -> None:
    folder = tmp_path_factory.mktemp("base")
    one, two = make_form("A", "甲怎么办").entry(1), make_form("B", "乙怎么办").entry(1)
    base = Base(folder)
    index = base.index([one])
    assert base.changed(index, [], [two]) is not None
    other = Base(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(base_module, "_allowed", lambda side: -1)
        other.index([one, two])
    assert base.changed(index, [], [two]) is None
    assert base.index([one, two]).size == 2
