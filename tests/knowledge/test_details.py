import pytest

from knowledge.contract import Verdict
from knowledge.details import agreement, clash, details_of, elsewhere
from knowledge.index import Index
from knowledge.search import rank
from knowledge.text import normalise

from .conftest import MakeForm
from .test_search import AT


def of(text: str) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    found = details_of(normalise(text))
    return found.quantities, found.places


@pytest.mark.parametrize(
    ("text", "quantities", "places"),
    [
        ("60岁老人坐公交", {("岁", "六十")}, set()),
        ("80周岁有补贴吗", {("岁", "八十")}, set()),
        ("生三胎放几天假", {("孩", "三")}, set()),
        ("2025年的政策", {("年", "二零二五")}, set()),
        ("我住在赤坎区", set(), {"赤坎区"}),
        ("小区电梯坏了", set(), set()),
        ("社区怎么办", set(), set()),
        ("公积金", set(), set()),
    ],
)
def test_numbers_and_places_are_seen(text: str, quantities: set[tuple[str, str]], places: set[str]) -> None:
    assert of(text) == (frozenset(quantities), frozenset(places))


def test_other_numbers_and_places_clash_and_the_same_agree() -> None:
    asked, same, other, silent = (details_of(normalise(text)) for text in ("60岁", "满60岁", "80岁", "老人"))
    assert (clash(asked, same), clash(asked, other), clash(asked, silent), clash(silent, other)) == (0, 1, 0, 0)
    assert (agreement(asked, same), agreement(asked, other)) == (1, 0)
    assert clash(details_of("赤坎区停水"), details_of("霞山区停水")) == 1


@pytest.mark.parametrize(
    ("area", "asked", "plain", "expected"),
    [
        ("", "霞山区", "停水", False),
        ("赤坎区", "霞山区", "停水", True),
        ("赤坎区", "", "霞山区停水", True),
        ("赤坎区", "", "停水", False),
        ("赤坎区", "湛江市赤坎区", "停水", False),
        ("赤坎区", "霞山区", "赤坎区停水", False),
    ],
)
def test_an_entry_for_another_area_is_elsewhere(area: str, asked: str, plain: str, expected: bool) -> None:
    assert elsewhere(area, asked, plain) is expected


def test_an_entry_for_another_area_is_not_answered(make_form: MakeForm) -> None:
    forms = [make_form("A-1", "赤坎区办事大厅几点上班"), make_form("A-2", "霞山区办事大厅几点上班")]
    index = Index.in_memory(form.model_copy(update={"area": form.question[:3]}).entry(1) for form in forms)
    assert [one.entry.id for one in rank(index, "霞山区的办事大厅几点上班啊", AT).ranked] == ["A-2"]
    assert [one.entry.id for one in rank(index, "办事大厅几点上班", AT, area="赤坎区").ranked] == ["A-1"]
    assert rank(index, "麻章区办事大厅几点上班", AT).verdict is Verdict.ABSTAIN


def test_the_entry_with_the_same_number_comes_before_the_one_with_another(make_form: MakeForm) -> None:
    index = Index.in_memory(
        make_form(id, f"{age}岁老人有什么津贴").entry(1) for id, age in (("A-60", 60), ("A-80", 80))
    )
    for age in (60, 80):
        assert rank(index, f"老人{age}周岁可以领津贴吗", AT).ranked[0].entry.id == f"A-{age}"
