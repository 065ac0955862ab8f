"""Syllables, their parts, and the spellings both builds of espeak-ng read as Mandarin."""

import pytest

from asr_models.phonetics import (
    espeak_spelling,
    is_syllable,
    readings,
    split_syllable,
    syllables,
    with_third_tone_sandhi,
)


@pytest.mark.parametrize(
    ("syllable", "parts"),
    [
        ("zhong1", ("zh", "ong")),
        ("shi4", ("sh", "iii")),
        ("si4", ("s", "ii")),
        ("qu4", ("q", "v")),
        ("jun1", ("j", "vn")),
        ("dun4", ("d", "uen")),
        ("liu2", ("l", "iou")),
        ("gui4", ("g", "uei")),
        ("nve4", ("n", "ve")),
        ("yuan2", (None, "van")),
        ("you3", (None, "iou")),
        ("weng1", (None, "ong")),
        ("er2", (None, "er")),
        ("xiong2", ("x", "iong")),
        ("n2", (None, "en")),
    ],
)
def test_a_syllable_is_an_initial_and_a_final(syllable: str, parts: tuple[str | None, str]) -> None:
    assert split_syllable(syllable) == parts


@pytest.mark.parametrize("no_syllable", ["bla3", "x", "qiang4ng", ""])
def test_what_is_no_syllable_is_said(no_syllable: str) -> None:
    assert not is_syllable(no_syllable)


def test_text_becomes_toned_syllables() -> None:
    assert syllables("银行的女士") == ("yin2", "hang2", "de5", "nv3", "shi4")
    assert syllables("A座3号") == ("zuo4", "hao4")
    assert readings("行")[0] == "xing"
    assert "hang" in readings("行")


def test_third_tones_change_before_each_other() -> None:
    assert with_third_tone_sandhi(("ni3", "hao3", "ma5")) == ("ni2", "hao3", "ma5")


def test_spellings_that_the_voice_would_read_as_english() -> None:
    assert espeak_spelling("qiong2") == "qong2"
    assert espeak_spelling("lü4") == "lv4"
    assert espeak_spelling("zhong1") == "zhong1"
