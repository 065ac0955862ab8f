"""Synonyms on both databases: the whole list at a time, in its order, never over another's change."""

import asyncio

import pytest
from sqlalchemy import func, select

from config.clock import ManualClock
from knowledge.contract import Actor, KnowledgeError
from knowledge.repository import VERSION_NAME
from knowledge.synonyms import Kept, SynonymLists
from store import versions
from store.accounts import Role
from store.engine import Database
from store.schema import audit, synonyms

ANNA, BAO, AGENT = Actor("anna", Role.EDITOR), Actor("bao", Role.EDITOR), Actor("8001", Role.AGENT)
FIRST = [["公积金", "住房公积金"], ["身份证", "居民身份证"]]


@pytest.fixture
def lists(each_database: Database, clock: ManualClock) -> SynonymLists:
    return SynonymLists(each_database, clock)


async def counter(database: Database) -> int:
    async with database.connect() as connection:
        return await versions.read(connection, VERSION_NAME)


async def test_the_list_is_replaced_in_its_order_and_counted(lists: SynonymLists, each_database: Database) -> None:
    assert (await lists.read()).groups == ()
    kept = await lists.replace(ANNA, FIRST)
    assert kept == await lists.read()
    assert kept.groups == tuple(map(tuple, FIRST))
    again = await lists.replace(BAO, [["户口", "户籍"], *FIRST], kept.revision)
    assert [group[0] for group in again.groups] == ["户口", "公积金", "身份证"]
    assert await lists.replace(BAO, [["户口", "户籍"], *FIRST], again.revision) == again
    assert await counter(each_database) == 2
    async with each_database.connect() as connection:
        assert set((await connection.execute(select(synonyms.c.by))).scalars()) == {"anna", "bao"}
        assert await connection.scalar(select(func.count()).select_from(audit)) == 2
    assert (await lists.replace(ANNA, [])).groups == ()


async def test_a_list_that_somebody_else_changed_is_not_overwritten(lists: SynonymLists) -> None:
    read = await lists.replace(ANNA, FIRST)
    await lists.replace(BAO, FIRST[:1], read.revision)
    with pytest.raises(KnowledgeError, match="刚刚被别人改过") as caught:
        await lists.replace(ANNA, [*FIRST, ["户口", "户籍"]], read.revision)
    assert caught.value.code == "conflict"
    assert (await lists.read()).groups == (tuple(FIRST[0]),)


async def test_of_many_at_once_one_is_kept_and_nothing_is_doubled(lists: SynonymLists, each_database: Database) -> None:
    before = await lists.replace(ANNA, FIRST)
    wanted = [[*FIRST, [f"词{number}", f"别的词{number}"]] for number in range(6)]
    done = await asyncio.gather(*(lists.replace(BAO, one, before.revision) for one in wanted), return_exceptions=True)
    (kept,) = [one for one in done if isinstance(one, Kept)]
    assert {one.code for one in done if isinstance(one, KnowledgeError)} == {"conflict"}
    assert await lists.read() == kept
    assert len(kept.groups) == 3
    assert await counter(each_database) == 2


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ([["一个"]], "第 1 组要有 2"),
        ([["甲", "甲 "]], "第 1 组要有 2"),
        ([FIRST[0], ["甲", "乙" * 31]], "第 2 组里有超过"),
    ],
)
async def test_what_is_no_group_is_refused(
    lists: SynonymLists, each_database: Database, groups: list[list[str]], says: str
) -> None:
    with pytest.raises(KnowledgeError, match=says):
        await lists.replace(ANNA, groups)
    with pytest.raises(KnowledgeError) as caught:
        await lists.replace(AGENT, FIRST)
    assert caught.value.code == "forbidden"
    assert await counter(each_database) == 0
