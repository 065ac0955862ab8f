"""Near-duplicates: named from among what search finds, each version analysed once, and nobody is kept waiting."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from config.clock import ManualClock
from config.settings import Settings
from knowledge import duplicates
from knowledge.content import stored
from knowledge.duplicates import NearDuplicates
from knowledge.gap_likeness import Signature, signature
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from knowledge.search import KnowledgeNotReady, Search
from store.engine import Database
from store.vault import Vault

from .conftest import MakeForm


class Live:
    """A live search as near-duplicates use it."""

    def __init__(self, search: Search, clock: ManualClock) -> None:
        self.search = search
        self.clock = clock
        self.asked: list[str] = []

    async def __call__(self, way: str) -> Sequence[tuple[str, int]]:
        self.asked.append(way)
        found = await asyncio.to_thread(self.search.explain, way, self.clock.now(), agents=True)
        return [(one.id, one.version) for one in found.candidates]


@pytest.fixture
def repository(database: Database, clock: ManualClock) -> Repository:
    return Repository(database, clock)


@pytest.fixture
def live(database: Database, settings: Settings, clock: ManualClock) -> Live:
    return Live(Search(database, settings, clock), clock)


async def test_near_duplicates_are_named(
    database: Database, vault: Vault, clock: ManualClock, repository: Repository, live: Live, make_form: MakeForm
) -> None:
    life = Lifecycle(database, vault, clock, candidates=live)
    await repository.publish(
        [
            make_form("A-1", "公积金怎么提取"),
            make_form("A-2", "身份证丢了怎么补办"),
            make_form("A-3", "内部热线怎么转", "公积金怎么提取出来", audience="agents"),
        ]
    )
    await live.search.refresh_if_changed()
    content = stored(make_form("B-1", "怎么提取公积金", "工鸡金怎么提取"))
    likes = await life.similar_entries(content)
    assert {one.id for one in likes} == {"A-1", "A-3"}
    assert likes[0].likeness == 1.0
    assert live.asked == ["怎么提取公积金", "工鸡金怎么提取"]
    assert {one.id for one in await life.similar_entries(content | {"id": "A-1"})} == {"A-3"}
    await repository.publish([make_form("A-1", "飞艇怎么上牌")])
    await live.search.refresh_if_changed()
    assert {one.id for one in await life.similar_entries(content)} == {"A-3"}
    assert await life.similar_entries({"question": " ", "similar": None}) == ()


async def test_only_what_search_names_is_analysed_and_each_version_once(
    database: Database, repository: Repository, make_form: MakeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysed: list[str] = []

    def counted(text: str, key: Callable[[str], str]) -> Signature:
        analysed.append(text)
        return signature(text, key)

    async def named(way: str) -> list[tuple[str, int]]:
        return [("A-1", 1), ("A-9", 1)]

    monkeypatch.setattr(duplicates, "signature", counted)
    await repository.publish([make_form(f"A-{number}", f"第{number}种证怎么办") for number in range(9)])
    near = NearDuplicates(database, named)
    for _ in range(2):
        (like,) = await near.of("B-1", ["第1种证怎么办"])
        assert like.id == "A-1"
    assert analysed == ["第1种证怎么办"] * 3  # the entry's once, the writer's twice


async def test_what_is_kept_is_bounded(
    database: Database, repository: Repository, make_form: MakeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "_KEPT", 3)
    await repository.publish([make_form(f"A-{number}", f"第{number}种证怎么办") for number in range(9)])

    async def named(way: str) -> list[tuple[str, int]]:
        return [(f"A-{number}", 1) for number in range(int(way[1]), int(way[1]) + 2)]

    near = NearDuplicates(database, named)
    for number in range(8):
        assert (await near.of("B-1", [f"第{number}种证怎么办"]))[0].id == f"A-{number}"
        assert len(near._known) <= 3


async def test_writing_does_not_wait_for_a_search_that_is_not_ready(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_ready(way: str) -> list[tuple[str, int]]:
        raise KnowledgeNotReady

    async def hangs(way: str) -> list[tuple[str, int]]:
        await asyncio.Event().wait()
        return []

    assert await NearDuplicates(database, not_ready).of("B-1", ["怎么办"]) == ()
    monkeypatch.setattr(duplicates, "WITHIN_S", 0.05)
    assert await NearDuplicates(database, hangs).of("B-1", ["怎么办"]) == ()
