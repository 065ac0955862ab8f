"""One form for every spelling of a phone number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.number import normalise_number

MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("13800138000", "13800138000"),
        ("+8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("07592345678", "07592345678"),
        ("0759-2345678", "07592345678"),
        ("(0759) 234 5678", "07592345678"),
        ("+867592345678", "07592345678"),
        ("+8607592345678", "07592345678"),
        ("8607592345678", "07592345678"),
        ("+861012345678", "01012345678"),
        ("+862012345678", "02012345678"),
        ("0898 65881234", "089865881234"),
        ("2345678", "2345678"),
        ("86123456", "86123456"),
        ("95598", "95598"),
        ("1001", "1001"),
        ("4008001234", "4008001234"),
        ("+85223456789", "+85223456789"),
        ("0085223456789", "+85223456789"),
    ],
)
def test_spellings(raw: str, normal: str) -> None:
    assert normalise_number(raw) == normal


@pytest.mark.parametrize(
    "raw", [None, "", "anonymous", "Unavailable", "restricted", "alice", "12", "+", "1" * 30, "1+2"]
)
def test_withheld_or_not_a_number(raw: str | None) -> None:
    assert normalise_number(raw) is None


@given(number=MOBILES, prefix=st.sampled_from(["", "+86", "0086", "86", "+86 ", "0"]), cut=st.integers(1, 10))
def test_every_spelling_of_a_mobile_is_one_number(number: str, prefix: str, cut: int) -> None:
    assert normalise_number(f"{prefix}{number[:cut]}-{number[cut:]}") == number


@given(raw=st.text(alphabet="+0123456789 -", max_size=20))
def test_a_normal_number_stays_as_it_is(raw: str) -> None:
    normal = normalise_number(raw)
    assert normal is None or normalise_number(normal) == normal
