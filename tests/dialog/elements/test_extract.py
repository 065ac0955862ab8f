"""The extractor on sentences with gold, and on any text at all."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from config.clock import LOCAL_ZONE
from config.rulebook import load_rulebook
from dialog.contract import Said, Utterance
from dialog.elements.extract import Extractor, is_correction, merge
from tickets.model import ElementName, ElementStatus, FiveElements

AT = datetime(2026, 3, 11, 10, 0, tzinfo=LOCAL_ZONE)
CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent.parent / "data" / "elements.yaml").read_text(encoding="utf-8")
)
WORDS = {"time": "time", "place": "place", "event": "event", "demand": "demand"}
TIME_FIELDS = ("start", "end", "ongoing", "recurring")


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(load_rulebook("zhanjiang"))


def read(extractor: Extractor, text: str, asked: ElementName | None = None, *, speech: bool = False) -> FiveElements:
    said = Utterance(text, Said.SPEECH, 1.0, 1200, 3400) if speech else None
    return extractor.extract(text, turn_id="t1", at=AT, asked=asked, said=said)


def told(found: FiveElements, key: str) -> object:
    """What the extractor found, in the terms of the gold."""
    person = found.person.value or {}
    if key in WORDS:
        element = found.get(ElementName(key))
        return (element.value or {}).get("text") if element.status is ElementStatus.FILLED else None
    if key in TIME_FIELDS:
        return (found.time.value or {}).get(key)
    if key == "person":
        return found.person.value
    if key == "district":
        return (found.place.value or {}).get("district")
    if key.endswith("_status"):
        return found.get(ElementName(key.removesuffix("_status"))).status.value
    return {
        "name": person.get("caller_name"),
        "party": person.get("party"),
        "declined": found.person.status is ElementStatus.DECLINED,
    }[key]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:24])
def test_gold(extractor: Extractor, case: dict[str, Any]) -> None:
    gold = {key: value for key, value in case.items() if key not in {"text", "asked", "speech"}}
    asked = ElementName(case["asked"]) if "asked" in case else None
    found = read(extractor, case["text"], asked, speech=case.get("speech", False))
    assert {key: told(found, key) for key in gold} == gold


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:24])
def test_every_source_is_what_was_said(extractor: Extractor, case: dict[str, Any]) -> None:
    found = read(extractor, case["text"])
    check_sources(case["text"], found)


def check_sources(text: str, found: FiveElements) -> None:
    for name in ElementName:
        element = found.get(name)
        assert bool(element.source) == (element.status is not ElementStatus.MISSING)
        for span in element.source:
            assert span.text == text[span.start : span.end] != ""
        value = element.value or {}
        if name in {ElementName.PLACE, ElementName.EVENT, ElementName.DEMAND} and value:
            said = "".join(span.text for span in element.source)
            assert set(str(value["text"])) <= set(said) | {"，"}


PIECES = st.sampled_from(
    [
        "昨天",
        "晚上",
        "十点半",
        "三天前",
        "每天",
        "从",
        "到",
        "现在",
        "一直",
        "赤坎区",
        "霞山",
        "海滨大道",
        "人民路",
        "18号",
        "三栋",
        "门口",
        "的",
        "我",
        "姓",
        "叫",
        "王",
        "李秀英",
        "不想说名字",
        "匿名",
        "物业",
        "老板",
        "工地",
        "施工",
        "漏水",
        "希望",
        "要求",
        "请",
        "麻烦",
        "尽快",
        "处理",
        "没有",
        "不记得了",
        "投诉",
        "我要",
        "公积金",
        "怎么",
        "，",
        "。",
        "？",
        "1",
        "2",
        "3",
        "点",
        "号",
        "月",
        "年",
        "半",
        "个",
        "了",
        "二十",
        "百",
        "a",
        "Z",
        "🙂",
        "\u3000",
        "\n",
        "村",
        "路",
        "小区",
    ]
)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(PIECES | st.text(max_size=4), max_size=20),
    asked=st.none() | st.sampled_from(ElementName),
    speech=st.booleans(),
)
def test_any_text_is_read_without_failing(
    extractor: Extractor, pieces: list[str], asked: ElementName | None, speech: bool
) -> None:
    text = "".join(pieces)
    check_sources(text, read(extractor, text, asked, speech=speech))


def test_audio_offsets_come_from_the_utterance(extractor: Extractor) -> None:
    found = read(extractor, "人民路 路灯 坏 了", speech=True)
    assert [(s.audio_start_ms, s.audio_end_ms) for s in found.place.source] == [(1200, 3400)]


def test_unsure_recognition_lowers_confidence(extractor: Extractor) -> None:
    text = "赤坎区海滨大道停水了"
    sure = extractor.extract(text, turn_id="t", at=AT, said=Utterance(text, Said.SPEECH, 1.0))
    unsure = extractor.extract(text, turn_id="t", at=AT, said=Utterance(text, Said.SPEECH, 0.6))
    assert unsure.place.confidence < sure.place.confidence


def test_city_follows_from_the_district(extractor: Extractor) -> None:
    place = read(extractor, "赤坎区海滨大道").place.value or {}
    assert place["city"] == "湛江市"
    assert place["derived"] == [{"field": "city", "value": "湛江市", "from": "gazetteer"}]


def test_a_road_alone_derives_nothing(extractor: Extractor) -> None:
    place = read(extractor, "海滨大道停水了").place.value or {}
    assert (place["city"], place["district"], place["derived"]) == (None, None, [])


def test_misheard_district_is_derived_by_sound(extractor: Extractor) -> None:
    place = read(extractor, "池坎区海滨大道停水了", speech=True).place
    assert {"field": "district", "value": "赤坎区", "from": "pinyin"} in (place.value or {})["derived"]  # type: ignore[operator]
    assert place.source[0].text == "池坎区海滨大道"
    assert place.confidence < read(extractor, "赤坎区海滨大道停水了", speech=True).place.confidence


def test_typed_text_is_not_matched_by_sound(extractor: Extractor) -> None:
    assert (read(extractor, "池坎区海滨大道停水了").place.value or {})["district"] is None


@pytest.mark.parametrize(
    ("city", "text", "district", "town"),
    [
        ("haikou", "龙华区滨海大道路灯坏了", "龙华区", None),
        ("qionghai", "博鳌镇那边停水了", None, "博鳌镇"),
        ("haidong", "平安区的路不好走", "平安区", None),
        ("haidong", "互助县那边停电了", "互助土族自治县", None),
    ],
)
def test_other_cities(city: str, text: str, district: str | None, town: str | None) -> None:
    extractor = Extractor(load_rulebook(city))
    place = read(extractor, text).place.value or {}
    assert (place["district"], place["town"]) == (district, town)


def test_same_as_before_takes_the_element_of_the_matter_before(extractor: Extractor) -> None:
    before = read(extractor, "赤坎区海滨大道停水了")
    again = extractor.extract("和刚才一样", turn_id="t9", at=AT, asked=ElementName.PLACE, before=before)
    assert again.place.value == before.place.value
    assert [span.turn_id for span in again.place.source] == ["t1", "t9"]
    alone = extractor.extract("和刚才一样", turn_id="t9", at=AT, asked=ElementName.PLACE)
    assert alone.place.status is ElementStatus.MISSING


def test_very_long_text_is_cut(extractor: Extractor) -> None:
    found = read(extractor, "人民路停水了" + "啊" * 100_000)
    assert (found.place.value or {})["text"] == "人民路"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("不是赤坎区是霞山区", True),
        ("说错了是昨天", True),
        ("应该是海滨大道", True),
        ("工地一直施工", False),
        ("我不是很清楚", False),
    ],
)
def test_is_correction(text: str, expected: bool) -> None:
    assert is_correction(text) is expected


def test_correction_keeps_the_road(extractor: Extractor) -> None:
    old = read(extractor, "赤坎区海滨大道停水了")
    merged = merge(old, read(extractor, "不是赤坎区是霞山区"), asked=None, correcting=True)
    value = merged.place.value or {}
    assert (value["district"], value["detail"], value["text"]) == ("霞山区", "海滨大道", "霞山区海滨大道")
    assert merged.event == old.event


def test_division_and_road_in_two_turns_are_joined(extractor: Extractor) -> None:
    merged = merge(
        read(extractor, "霞山区停水了"), read(extractor, "解放西路", ElementName.PLACE), asked=ElementName.PLACE
    )
    assert (merged.place.value or {})["text"] == "霞山区解放西路"
    assert len(merged.place.source) == 2


def test_name_joins_the_party(extractor: Extractor) -> None:
    merged = merge(
        read(extractor, "物业乱收费"), read(extractor, "我姓王", ElementName.PERSON), asked=ElementName.PERSON
    )
    value = merged.person.value or {}
    assert (value["caller_name"], value["party"]) == ("王", "物业")


def test_withheld_name_keeps_the_party(extractor: Extractor) -> None:
    merged = merge(
        read(extractor, "物业乱收费"), read(extractor, "不想说名字", ElementName.PERSON), asked=ElementName.PERSON
    )
    assert merged.person.status is ElementStatus.DECLINED
    assert (merged.person.value or {})["party"] == "物业"


def test_event_grows_and_does_not_repeat(extractor: Extractor) -> None:
    old = read(extractor, "工地半夜施工")
    grown = merge(old, read(extractor, "老人都气病了"), asked=None)
    assert (grown.event.value or {})["text"] == "工地半夜施工，老人都气病了"
    assert merge(grown, read(extractor, "工地半夜施工"), asked=None).event == grown.event


def test_a_time_told_stays_until_it_is_corrected(extractor: Extractor) -> None:
    old, new = read(extractor, "昨天停水了"), read(extractor, "前天也停过电")
    assert merge(old, new, asked=None).time == old.time
    assert merge(old, new, asked=None, correcting=True).time == new.time


def test_a_date_completes_how_often(extractor: Extractor) -> None:
    old = read(extractor, "天天半夜装修")
    merged = merge(old, read(extractor, "从三月一号开始的", ElementName.TIME), asked=ElementName.TIME)
    value = merged.time.value or {}
    assert (value["start"], value["recurring"], value["ongoing"]) == ("2026-03-01T00:00:00+08:00", "天天半夜", True)
