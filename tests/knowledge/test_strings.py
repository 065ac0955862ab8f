import numpy as np
import pytest

from knowledge.details import Details, details_of, read_details, written_details
from knowledge.strings import Strings, packed


def test_texts_come_back_as_they_were() -> None:
    texts = ["身份证", "", "a证𠀀b", "停水"]
    held = packed(texts)
    assert len(held) == len(texts)
    assert [held[number] for number in range(len(held))] == texts
    assert len(packed([])) == 0


def test_a_text_is_read_from_arrays_of_bytes() -> None:
    held = packed(["身份证", "停水"])
    again = Strings(np.frombuffer(held.units.tobytes(), np.uint16), held.starts.copy())
    assert again[1] == "停水"


@pytest.mark.parametrize("text", ["六十岁两万元怎么办", "赤坎区和霞山区哪个近", "七十周岁住廉江市良垌镇", "没有"])
def test_numbers_and_places_are_kept_as_a_text(text: str) -> None:
    details = details_of(text)
    assert read_details(written_details(details)) == details


def test_no_numbers_and_places_take_no_room() -> None:
    assert written_details(Details(frozenset(), frozenset())) == ""
