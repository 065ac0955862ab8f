"""Is the matter in another city? Only where the words put it there, and with that city's number (Z9, Z11)."""

import pytest

from config.rulebook import load_rulebook
from dialog.elements.elsewhere import find_elsewhere
from dialog.elements.gazetteer import load_gazetteer

RULEBOOK = load_rulebook("zhanjiang")
GAZETTEER = load_gazetteer(RULEBOOK.name, RULEBOOK.divisions)


@pytest.mark.parametrize(
    ("text", "city", "hotline"),
    [
        ("我在海口，楼下工地半夜施工很吵", "海口市", "089812345"),
        ("我在海口龙华区的小区，楼下很吵", "海口市", "089812345"),
        ("投诉茂名市电白区的一家饭店", "茂名市", "066812345"),
        ("广州天河的一家培训机构不退钱", "广州市", "02012345"),
        ("就在电白区的市场", "茂名市", "066812345"),
    ],
)
def test_a_matter_elsewhere_is_noticed(text: str, city: str, hotline: str) -> None:
    found = find_elsewhere(text, GAZETTEER)
    assert found is not None
    assert (found.city, found.hotline) == (city, hotline)


@pytest.mark.parametrize(
    "text",
    [
        "赤坎区海滨大道的工地很吵",
        "湛江的公交车不准点",
        "我人在广州，老家雷州的房子被强拆",
        "我在广州上班，家里停水了",
        "我是海口人，在霞山区被宰客",
        "南京路的路灯坏了",
        "我在北京路看到垃圾",
        "上海银行的卡被吞了",
        "我在广州和深圳都买了票",
        "龙华区的事",
        "",
    ],
)
def test_names_that_only_pass_by_mean_nothing(text: str) -> None:
    assert find_elsewhere(text, GAZETTEER) is None
