from config.clock import ManualClock
from config.settings import Settings
from knowledge.contract import Verdict
from knowledge.repository import VERSION_NAME, Repository
from knowledge.search import Search
from knowledge.synonym_variants import MOST_VARIANTS, Synonyms
from store import versions
from store.engine import Database
from store.schema import synonyms

from .conftest import MakeForm
from .test_search import AT


def test_each_word_of_a_group_is_put_for_the_others() -> None:
    found = Synonyms([["飞艇", "大气球", "齐柏林"]]).variants("请问大气球怎么上牌？")
    assert [one.text for one in found] == ["飞艇怎么上牌", "齐柏林怎么上牌"]
    assert {(one.said, one.meant) for one in found} == {("大气球", "飞艇"), ("大气球", "齐柏林")}


def test_longer_words_go_before_those_in_them_and_there_are_not_many() -> None:
    longer = Synonyms([["气球", "球"], ["大气球", "飞艇"]]).variants("大气球上牌")
    assert [one.text for one in longer] == ["飞艇上牌"]
    assert len(Synonyms([[f"词{number}甲" for number in "一二三四五六七八"]]).variants("词1甲")) == MOST_VARIANTS


def test_without_groups_or_their_words_nothing_is_put() -> None:
    assert Synonyms().variants("飞艇") == []
    assert Synonyms([["飞艇", "大气球"]]).variants("汽车上牌") == []


async def test_a_new_group_changes_what_is_answered_at_the_next_look(
    database: Database, settings: Settings, make_form: MakeForm
) -> None:
    clock = ManualClock(AT)
    await Repository(database, clock).publish([make_form("A-1", "飞艇怎么上牌照"), make_form("A-2", "停水找谁")])
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    before = search.search("空中大胖子如何上路", AT)
    assert before.verdict is not Verdict.ANSWER
    async with database.begin() as connection:
        row = {"id": "1", "words": ["空中大胖子如何上路", "飞艇怎么上牌照"], "by": "editor", "at": AT}
        await connection.execute(synonyms.insert(), row)
        await versions.bump(connection, VERSION_NAME)
    assert await search.refresh_if_changed()
    ranking = search.search("空中大胖子如何上路", AT)
    assert ranking.ranked[0].entry.id == "A-1"
    assert ranking.ranked[0].score > max((one.score for one in before.ranked), default=0.0)
    assert search.explain("空中大胖子如何上路", AT).variants == ("飞艇怎么上牌照",)
