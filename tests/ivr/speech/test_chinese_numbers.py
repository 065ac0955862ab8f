import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.chinese_numbers import LARGEST, cardinal, decimal, digits

_FIGURE = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}


def understood(spoken: str) -> int:
    """A listener's reading of a cardinal, written independently of the speaker's side."""
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        if unit in spoken:
            high, _, low = spoken.rpartition(unit)
            return understood(high) * size + (understood(low) if low else 0)
    total, figure = 0, 0
    for character in spoken.removeprefix("零") or "零":
        if character in "十百千":
            total += (figure or 1) * {"十": 10, "百": 100, "千": 1000}[character]
            figure = 0
        else:
            figure = _FIGURE[character]
    return total + figure


@pytest.mark.parametrize(
    ("value", "spoken"),
    [
        (0, "零"),
        (2, "二"),
        (10, "十"),
        (12, "十二"),
        (20, "二十"),
        (105, "一百零五"),
        (110, "一百一十"),
        (1010, "一千零一十"),
        (2000, "两千"),
        (10_001, "一万零一"),
        (12_000, "一万两千"),
        (20_000, "两万"),
        (220_000, "二十二万"),
        (100_000_001, "一亿零一"),
    ],
)
def test_cardinals_as_they_are_said(value: int, spoken: str) -> None:
    assert cardinal(value) == spoken


@given(st.integers(min_value=0, max_value=LARGEST))
def test_a_listener_understands_every_cardinal(value: int) -> None:
    assert understood(cardinal(value)) == value


def test_numbers_too_large_to_say_are_read_digit_by_digit() -> None:
    assert cardinal(LARGEST + 1) == "一" + "零" * 12


def test_digits_and_the_telephone_one() -> None:
    assert digits("2022") == "二零二二"
    assert digits("110", phone=True) == "幺幺零"


def test_decimals() -> None:
    assert decimal("98.24") == "九十八点二四"
    assert decimal("1,234.50") == "一千二百三十四点五零"
