from datetime import date, datetime

import pytest
from sqlalchemy import select

from config.clock import LOCAL_ZONE, ManualClock
from knowledge.entries import sample_entries
from knowledge.repository import Repository, in_force
from store.engine import Database
from store.schema import audit

from .conftest import MakeForm


@pytest.fixture
def repository(each_database: Database, clock: ManualClock) -> Repository:
    return Repository(each_database, clock)


async def test_a_change_is_a_new_version_and_the_same_text_is_none(repository: Repository, make_form: MakeForm) -> None:
    first = make_form("A-1", "怎么办证", "办证")
    assert (await repository.publish([first])).added == ("A-1",)
    assert (await repository.publish([first])).unchanged == ("A-1",)
    changed = make_form("A-1", "怎么办证", "办证", answer="改在网上办理。")
    done = await repository.publish([changed, make_form("A-2", "怎么换证")])
    assert (done.added, done.changed) == (("A-2",), ("A-1",))
    newest, before = await repository.history("A-1")
    assert (newest.version, newest.answer) == (2, "改在网上办理。")
    assert (before.version, before.answer) == (1, first.answer)


async def test_the_counter_grows_only_with_a_change(repository: Repository, make_form: MakeForm) -> None:
    before = await repository.counter()
    await repository.publish([make_form("A-1", "怎么办证")])
    await repository.publish([make_form("A-1", "怎么办证")])
    assert await repository.counter() == before + 1


async def test_who_published_is_written_down(
    repository: Repository, each_database: Database, make_form: MakeForm
) -> None:
    await repository.publish([make_form("A-1", "怎么办证")], by="editor1")
    async with each_database.connect() as connection:
        rows = (await connection.execute(select(audit.c.by, audit.c.action, audit.c.detail))).all()
    assert rows == [("editor1", "knowledge.publish", "新增 1 条，更新 0 条，未经第二人审核")]


async def test_samples_are_loaded_once_and_never_over_what_is_there(
    repository: Repository, make_form: MakeForm
) -> None:
    assert await repository.load_samples() == len(sample_entries())
    assert await repository.load_samples() == 0
    snapshot = await repository.snapshot()
    assert snapshot.counter == 1
    assert {entry.version for entry in snapshot.versions} == {1}


async def test_an_own_knowledge_base_stays_without_samples(repository: Repository, make_form: MakeForm) -> None:
    await repository.publish([make_form("A-1", "怎么办证")])
    assert await repository.load_samples() == 0
    assert [entry.id for entry in await repository.all_versions()] == ["A-1"]


def at(text: str) -> datetime:
    """A moment in Asia/Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE)


def test_the_newest_version_in_force_is_answered(make_form: MakeForm) -> None:
    old = make_form("A-1", "怎么办证").entry(1)
    new = make_form("A-1", "怎么办证", effective_at=date(2025, 5, 10)).entry(2)
    later = make_form("A-2", "怎么换证", effective_at=date(2030, 1, 1)).entry(1)
    versions = (old, new, later)
    assert in_force(versions, at("2025-05-09 23:59:59.999999")) == (old,)
    assert in_force(versions, at("2025-05-10 00:00")) == (new,)
    assert in_force(versions, at("2030-01-01 00:00")) == (new, later)
    assert in_force(versions, at("2019-12-31 23:59")) == ()
