"""The divisions of the four cities."""

import pytest

from dialog.elements.gazetteer import Division, load_gazetteer


@pytest.mark.parametrize(
    ("city", "counties"),
    [("湛江市", 9), ("海口市", 4), ("海东市", 6), ("琼海市", 0)],
)
def test_every_county_is_there(city: str, counties: int) -> None:
    found = load_gazetteer(city)
    assert (
        sum(any(d.county == name and not d.town for d in divisions) for name, divisions in found.names.items())
        == counties
    )
    assert len(found.names) > 200


def test_the_longest_name_wins() -> None:
    gazetteer = load_gazetteer("湛江市")
    match = gazetteer.match_at("在中华街道", 1)
    assert match == ("中华街道", (Division("赤坎区", "中华街道"),))


def test_names_are_found_by_sound() -> None:
    gazetteer = load_gazetteer("湛江市")
    assert gazetteer.heard_as("池坎区") == "赤坎区"
    assert gazetteer.heard_as("赤坎区") is None
    assert gazetteer.heard_as("停水了") is None


def test_a_city_of_county_rank_has_towns_only() -> None:
    assert load_gazetteer("琼海市").names["博鳌镇"] == (Division("", "博鳌镇"),)


def test_autonomous_counties_have_the_names_that_people_use() -> None:
    short = load_gazetteer("海东市").short_counties
    assert short["互助县"] == short["互助"] == "互助土族自治县"
    assert short["民和县"] == "民和回族土族自治县"


def test_an_unknown_city_has_only_what_the_rulebook_names() -> None:
    assert set(load_gazetteer("无名市", ("甲区", "乙镇")).names) == {"甲区", "乙镇"}
