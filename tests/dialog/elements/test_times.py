"""Expressions of time and what they mean on Wednesday 2026-03-11 at 10:00."""

from datetime import datetime

import pytest

from config.clock import LOCAL_ZONE
from dialog.elements.time_phrases import TimeKind, find_time_phrases
from dialog.elements.time_values import resolve

AT = datetime(2026, 3, 11, 10, 0, tzinfo=LOCAL_ZONE)

INTERVALS = [
    ("昨天晚上十点半", "03-10 22:30", None, False),
    ("昨晚十二点", "03-11 00:00", None, False),
    ("昨晚一点", "03-11 01:00", None, False),
    ("昨天半夜两点", "03-10 02:00", None, False),
    ("昨天凌晨两点", "03-10 02:00", None, False),
    ("昨天夜里", "03-10 18:00", "03-11 05:59", False),
    ("今天早上八点左右", "03-11 08:00", None, False),
    ("早上7:30", "03-11 07:30", None, False),
    ("下午三点多", "03-10 15:00", None, False),
    ("中午十二点", "03-10 12:00", None, False),
    ("昨天上午九点二十分", "03-10 09:20", None, False),
    ("前天下午", "03-09 12:00", "03-09 17:59", False),
    ("大前天", "03-08 00:00", "03-08 23:59", False),
    ("星期一早上", "03-09 06:00", "03-09 08:59", False),
    ("上周五", "03-06 00:00", "03-06 23:59", False),
    ("周五", "03-06 00:00", "03-06 23:59", False),
    ("周末", "03-08 00:00", "03-08 23:59", False),
    ("三月五号", "03-05 00:00", "03-05 23:59", False),
    ("3月5号晚上8点", "03-05 20:00", None, False),
    ("五号", "03-05 00:00", "03-05 23:59", False),
    ("二十号", "02-20 00:00", "02-20 23:59", False),
    ("上个月", "02-01 00:00", "02-28 23:59", False),
    ("上个月五号", "02-05 00:00", "02-05 23:59", False),
    ("二月份", "02-01 00:00", "02-28 23:59", False),
    ("三天前", "03-08 00:00", "03-08 23:59", False),
    ("两三天前", "03-09 00:00", None, False),
    ("九点到十点", "03-11 09:00", "03-11 10:00", False),
    ("晚上十一点到凌晨两点", "03-10 23:00", "03-11 02:00", False),
    ("礼拜六晚上七点半到九点", "03-07 19:30", "03-07 21:00", False),
    ("昨晚到现在", "03-10 18:00", None, True),
    ("从上个礼拜三开始", "03-04 00:00", None, True),
    ("从昨天下午三点开始", "03-10 15:00", None, True),
    ("从三月一号到现在", "03-01 00:00", None, True),
    ("都半个月了", "02-24 00:00", None, True),
    ("已经一个多月", "02-11 00:00", None, True),
    ("持续两个小时了", "03-11 08:00", None, True),
    ("这两天", "03-10 00:00", None, True),
]


@pytest.mark.parametrize(("text", "start", "end", "ongoing"), INTERVALS)
def test_intervals(text: str, start: str, end: str | None, ongoing: bool) -> None:
    (phrase,) = find_time_phrases(text)
    interval = resolve(phrase, AT)
    assert phrase.text == text
    assert interval is not None and interval.start is not None
    assert interval.start.strftime("%m-%d %H:%M") == start
    assert (interval.end.strftime("%m-%d %H:%M") if interval.end else None) == end
    assert interval.ongoing is ongoing
    assert interval.start.utcoffset() == AT.utcoffset()


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("国庆节", 2025),
        ("去年十月份", 2025),
        ("十二月二十号", 2025),
        ("今年春节", 2026),
        ("2025年12月3号", 2025),
        ("元旦", 2026),
    ],
)
def test_what_happened_lies_in_the_past(text: str, year: int) -> None:
    (phrase,) = find_time_phrases(text)
    interval = resolve(phrase, AT)
    assert interval is not None and interval.start is not None
    assert interval.start.year == year
    assert not interval.future


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("昨天下午两点一刻", "14:15"),
        ("昨天下午两点三刻", "14:45"),
        ("昨天下午差五分三点", "14:55"),
        ("昨天上午差一刻九点", "08:45"),
        ("昨天下午三点差十分", "14:50"),
        ("昨天上午九点过五分", "09:05"),
        ("昨天上午十点零五", "10:05"),
        ("昨天晚上八点半", "20:30"),
    ],
)
def test_clock_times_as_they_are_said(text: str, clock: str) -> None:
    (phrase,) = find_time_phrases(text)
    interval = resolve(phrase, AT)
    assert interval is not None and interval.start is not None
    assert (phrase.text, interval.start.strftime("%H:%M")) == (text, clock)


@pytest.mark.parametrize("text", ["明天", "后天上午", "下周三", "明年五月", "下个月"])
def test_the_future_is_told_apart(text: str) -> None:
    interval = resolve(find_time_phrases(text)[0], AT)
    assert interval is not None and interval.future


@pytest.mark.parametrize("text", ["每天早上六点", "天天半夜", "每周六", "每晚", "从早到晚", "每天晚上十一点到凌晨两点"])
def test_what_recurs(text: str) -> None:
    (phrase,) = find_time_phrases(text)
    interval = resolve(phrase, AT)
    assert interval is not None
    assert (phrase.kind, interval.recurring, interval.start) == (TimeKind.RECURRING, text, None)


@pytest.mark.parametrize("text", ["最近", "这几天", "前几天", "十几天了", "好几个月了"])
def test_what_has_no_date_gets_none(text: str) -> None:
    interval = resolve(find_time_phrases(text)[0], AT)
    assert interval is not None
    assert (interval.start, interval.end) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "有一点吵",
        "我有两点建议",
        "欠我三个月工资",
        "三个月大的孩子",
        "一号楼",
        "二年级",
        "用了三天就坏",
        "十点钟方向都",
        "住三楼",
        "七天无理由退货",
    ],
)
def test_what_only_looks_like_time(text: str) -> None:
    found = [phrase.text for phrase in find_time_phrases(text)]
    assert found == (["十点钟"] if text.startswith("十点钟") else [])


def test_blocked_words_are_not_read() -> None:
    assert find_time_phrases("海滨大道1号", ((0, 6),)) == ()


def test_a_date_that_does_not_exist_means_nothing() -> None:
    assert resolve(find_time_phrases("上个月三十一号")[0], AT) is None
