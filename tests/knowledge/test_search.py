import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from config.clock import ManualClock
from config.settings import Settings
from knowledge.base import Base
from knowledge.contract import Ranking, Verdict
from knowledge.entries import sample_entries
from knowledge.index import Index
from knowledge.repository import Repository
from knowledge.search import KnowledgeNotReady, Search, rank
from store.engine import Database

from .conftest import MakeForm

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def repository(database: Database, clock: ManualClock) -> Repository:
    return Repository(database, clock)


@pytest.fixture
async def search(
    database: Database, settings: Settings, clock: ManualClock, repository: Repository, make_form: MakeForm
) -> Search:
    """Over a small knowledge base that a test may change."""
    await repository.publish(
        [
            make_form("A-1", "公积金怎么提取", "取公积金"),
            make_form("A-2", "停水找谁", "没水"),
            make_form("A-3", "怎么结婚登记"),
        ]
    )
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    return search


@pytest.fixture(scope="module")
def samples() -> Index:
    return Index.in_memory(form.entry(1) for form in sample_entries())


def first(ranking: Ranking) -> str:
    return ranking.ranked[0].entry.id


async def test_nothing_is_answered_before_the_first_refresh(database: Database, settings: Settings) -> None:
    with pytest.raises(KnowledgeNotReady):
        Search(database, settings).search("公积金", AT)


async def test_an_empty_knowledge_base_abstains(database: Database, settings: Settings) -> None:
    search = Search(database, settings)
    await search.refresh_if_changed()
    assert search.search("公积金怎么提取", AT).verdict is Verdict.ABSTAIN


@pytest.mark.parametrize(
    ("question", "id"),
    [
        ("请问公积金怎么提取", "GJJ-001"),
        ("身份证掉了要去哪里补一张", "HJ-001"),
        ("身份證遺失怎麼補辦", "HJ-001"),
        ("急用，想先办个临时身份证", "HJ-003"),
        ("驾驶证到期换证要体检吗", "JT-001"),
        ("驾驶证丢失补办", "JT-002"),
        ("行驶证掉了", "JT-003"),
        ("民政局办离婚登记要带什么", "MZ-002"),
        ("结婚登记要带什么", "MZ-001"),
        ("包工头拖欠工资", "LD-001"),
        ("社保断缴能不能补缴", "SB-001"),
    ],
)
def test_plain_questions_are_answered_with_their_entry(samples: Index, question: str, id: str) -> None:
    ranking = rank(samples, question, AT)
    assert first(ranking) == id
    assert ranking.verdict is Verdict.ANSWER
    assert ranking.margin > 0


def test_every_way_of_asking_that_is_written_down_is_answered(samples: Index) -> None:
    for _, entry in samples.entries():
        for way in (entry.question, *entry.similar):
            ranking = rank(samples, f"你好，请问{way}？", AT)
            assert (first(ranking), ranking.verdict) == (entry.id, Verdict.ANSWER), way


@pytest.mark.parametrize("mistaken", ["公鸡金怎么提取", "公积今怎么提取", "公基金怎么体取"])
def test_recognition_errors_that_sound_alike_are_survived(samples: Index, mistaken: str) -> None:
    assert first(rank(samples, mistaken, AT)) == "GJJ-001"


@pytest.mark.parametrize("sentence", ["今天天气怎么样", "讲个笑话", "", "？？！", "嗯嗯", "x" * 5000])
def test_what_the_knowledge_base_does_not_hold_is_not_answered(samples: Index, sentence: str) -> None:
    assert rank(samples, sentence, AT).verdict is Verdict.ABSTAIN


@pytest.mark.parametrize(
    "sentence", ["明天的火车票还有吗", "公积金能拿来炒股吗", "身份证能当饭卡用吗", "幼儿园今天有没有午睡"]
)
def test_what_comes_near_the_knowledge_base_is_offered_at_most(samples: Index, sentence: str) -> None:
    assert rank(samples, sentence, AT).verdict is not Verdict.ANSWER


def test_a_vague_question_offers_at_most_three(samples: Index) -> None:
    ranking = rank(samples, "公积金", AT)
    assert ranking.verdict is Verdict.CHOOSE
    assert 2 <= len(ranking.ranked) <= 3
    assert {ranked.entry.field for ranked in ranking.ranked} == {"公积金"}


async def test_an_entry_is_answered_from_its_day_in_shanghai(
    search: Search, repository: Repository, make_form: MakeForm
) -> None:
    await repository.publish([make_form("X-1", "飞艇怎么上牌", "飞艇牌照", effective_at=date(2026, 3, 3))])
    assert await search.refresh_if_changed()
    last_second = datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC)
    assert "X-1" not in [ranked.entry.id for ranked in search.search("飞艇怎么上牌", last_second).ranked]
    assert first(search.search("飞艇怎么上牌", last_second + timedelta(seconds=1))) == "X-1"
    assert search.entry("X-1", last_second) is None
    assert search.entry("X-1", last_second + timedelta(seconds=1)) is not None


async def test_a_new_version_is_answered_after_a_refresh_and_the_old_one_until_then(
    search: Search, repository: Repository, make_form: MakeForm
) -> None:
    changed = make_form("A-1", "公积金怎么提取", "取公积金", answer="新的答案。", speech="新的答案。")
    await repository.publish([changed])
    assert search.search("公积金怎么提取", AT).ranked[0].entry.version == 1
    assert await search.refresh_if_changed()
    entry = search.search("公积金怎么提取", AT).ranked[0].entry
    assert (entry.version, entry.answer) == (2, "新的答案。")
    assert not await search.refresh_if_changed()


async def test_queries_go_on_while_the_index_is_changed(
    search: Search, repository: Repository, make_form: MakeForm
) -> None:
    await repository.publish([make_form("X-1", "飞艇怎么上牌", "飞艇牌照")])
    refreshing = asyncio.create_task(search.refresh_if_changed())
    answered = 0
    while not refreshing.done():
        assert first(search.search("公积金怎么提取", AT)) == "A-1"
        answered += 1
        await asyncio.sleep(0)
    assert await refreshing
    assert answered
    assert first(search.search("飞艇怎么上牌", AT)) == "X-1"


async def test_the_day_changes_the_index_without_a_change_in_the_store(
    search: Search, repository: Repository, make_form: MakeForm, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await repository.publish([make_form("X-1", "飞艇怎么上牌", effective_at=date(2026, 3, 3))])
    await search.refresh_if_changed()
    clock.advance(24 * 3600)
    assert await search.refresh_if_changed()
    monkeypatch.setattr(Base, "index", lambda *_: pytest.fail("built while a question waits"))
    assert first(search.search("飞艇怎么上牌", clock.now())) == "X-1"


async def test_another_process_opens_the_same_index(
    search: Search, database: Database, settings: Settings, clock: ManualClock
) -> None:
    other = Search(database, settings, clock)
    await other.refresh_if_changed()
    assert len([path for path in (settings.data_dir / "index").iterdir() if path.is_dir()]) == 1
    assert other.search("停水了", AT).ranked[0].score == search.search("停水了", AT).ranked[0].score
