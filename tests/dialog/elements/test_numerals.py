"""Numbers as they are said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialog.elements.numerals import parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("十", 10),
        ("二十三", 23),
        ("两", 2),
        ("一百零五", 105),
        ("二零二五", 2025),
        ("三四", 3),
        ("15", 15),
        ("1.5", 1.5),
        ("零", 0),
    ],
)
def test_values(text: str, value: float) -> None:
    assert parse_number(text) == value


@given(st.text(max_size=8))
def test_other_text_is_no_number_and_never_fails(text: str) -> None:
    value = parse_number(text)
    assert value is None or value >= 0 or text.strip().startswith("-") or value != value
