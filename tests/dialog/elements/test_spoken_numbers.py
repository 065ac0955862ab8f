"""Numbers as they are said, with the words they stand in."""

import pytest

from dialog.elements.spoken_numbers import NumberKind, count_of, digits_of, find_numbers, identity_is_valid


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("一百零五", 105), ("十五", 15), ("二十", 20), ("两百", 200), ("三百五", 350), ("三百零五", 305), ("一千二百五", 1250), ("两万三", 23000),
        ("两万三千五", 23500), ("三百五十万", 3_500_000), ("一亿两千万", 120_000_000), ("一万零五", 10_005), ("五零二", 502), ("幺洞拐", 107),
        ("12", 12), ("3万", 30_000), ("十", 10), ("零", 0),
    ],
)  # fmt: skip
def test_counts(words: str, value: int) -> None:
    assert count_of(words) == value


@pytest.mark.parametrize("words", ["", "很多", "三个", "一百块"])
def test_what_is_no_number(words: str) -> None:
    assert count_of(words) is None


@pytest.mark.parametrize(
    ("text", "kind", "value", "words"),
    [
        ("我电话是幺三八零零一三八零零零", NumberKind.MOBILE, "13800138000", "幺三八零零一三八零零零"),
        ("幺三八，零零幺三，八洞洞洞", NumberKind.MOBILE, "13800138000", "幺三八，零零幺三，八洞洞洞"),
        ("打13800138000找我", NumberKind.MOBILE, "13800138000", "13800138000"),
        ("零八九八六八五三二一二三", NumberKind.LANDLINE, "089868532123", "零八九八六八五三二一二三"),
        ("我住十二栋三单元五零二", NumberKind.HOUSE, "12栋3单元502", "十二栋三单元五零二"),
        ("在三号楼二单元六零一室", NumberKind.HOUSE, "3号楼2单元601室", "三号楼二单元六零一室"),
        ("二十一幢一百零三室漏水", NumberKind.HOUSE, "21幢103室", "二十一幢一百零三室"),
        ("工单号是二零二六幺幺二幺零零零零三", NumberKind.DIGITS, "2026112100003", "二零二六幺幺二幺零零零零三"),
    ],
)
def test_numbers_and_where_they_were_said(text: str, kind: NumberKind, value: str, words: str) -> None:
    [found] = find_numbers(text)
    assert (found.kind, found.value, text[found.start : found.end]) == (kind, value, words)


def test_identity_numbers_end_in_x_said_aloud() -> None:
    text = "身份证是幺幺零幺零五幺九四九幺二三幺零零二艾克斯"
    [found] = find_numbers(text)
    assert (found.kind, found.value, found.valid) == (NumberKind.IDENTITY, "11010519491231002X", True)
    [wrong] = find_numbers(text.replace("零零二艾", "零零三艾"))
    assert (wrong.kind, wrong.valid) == (NumberKind.IDENTITY, False)
    assert not identity_is_valid("123")


@pytest.mark.parametrize("text", ["三月五号来的", "有一点意见", "三个人", "第二个", "一二三四", "五楼漏水", "没有数字"])
def test_other_numbers_are_left_to_others(text: str) -> None:
    assert find_numbers(text) == ()


def test_digits_are_read_one_by_one() -> None:
    assert digits_of("幺三八洞拐勾") == "138079"
