import pytest

from knowledge.entries import sample_entries
from knowledge.followup import follow_up
from knowledge.index import Index
from knowledge.search import rank

from .test_search import AT

TOPIC = "公积金怎么提取"


@pytest.mark.parametrize(
    "question",
    [
        "那要带什么材料", "多少钱", "在哪办", "几天能办好", "网上能办吗", "需要本人去吗", "可以让家人代办吗",
        "请问电话是多少？", "办这个要多久", "那怎么办", "什么时候能拿到", "要收费吗",
    ],
)  # fmt: skip
def test_a_question_of_an_aspect_alone_means_the_matter_before(question: str) -> None:
    asked = follow_up(question, TOPIC)
    assert asked is not None
    assert asked.startswith(TOPIC)


@pytest.mark.parametrize(
    "question",
    [
        "身份证丢了怎么办", "停水了找谁", "公积金在哪办", "工资不发找谁", "孩子上学要什么材料", "好的谢谢", "", "转人工",
        "驾驶证换证多少钱", "公积金贷款要带什么材料我想在海口买房子要多少时间",
    ],
)  # fmt: skip
def test_a_question_that_names_its_matter_is_not_taken_over(question: str) -> None:
    assert follow_up(question, TOPIC) is None


def test_another_case_of_the_matter_is_asked_with_it() -> None:
    assert follow_up("那租房呢", TOPIC) == f"租房{TOPIC}"


@pytest.fixture(scope="module")
def samples() -> Index:
    return Index.in_memory(form.entry(1) for form in sample_entries())


def test_search_keeps_the_topic_only_for_what_leaves_it_out(samples: Index) -> None:
    by_id = {entry.id: entry for _, entry in samples.entries()}

    def first(question: str) -> str:
        return rank(samples, question, AT, topic=by_id["HJ-001"]).ranked[0].entry.id

    assert first("那要带什么材料") == "HJ-001"
    assert first("几天能办好") == "HJ-001"
    assert first("公积金怎么提取") == "GJJ-001"
    assert first("驾驶证丢了多少钱补") == "JT-002"
