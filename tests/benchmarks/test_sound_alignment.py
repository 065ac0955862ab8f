"""What was said beside what was heard."""

import pytest

from benchmarks.sound_alignment import Kind, Pair, SoundAlikes, align, kind


@pytest.mark.parametrize(
    ("said", "heard", "expected"),
    [
        ("身", "深", Kind.HOMOPHONE),
        ("领", "零", Kind.TONE),
        ("身", "生", Kind.NEAR),
        ("南", "兰", Kind.NEAR),
        ("正", "生", Kind.FINAL),
        ("证", "这", Kind.INITIAL),
        ("水", "大", Kind.OTHER),
    ],
)
def test_how_two_characters_sound_beside_each_other(said: str, heard: str, expected: Kind) -> None:
    assert kind(said, heard) is expected
    assert kind(heard, said) is expected


def test_the_reading_that_is_most_alike_counts() -> None:
    assert kind("行", "航") is Kind.HOMOPHONE
    assert kind("行", "形") is Kind.HOMOPHONE


def test_an_alignment_has_the_fewest_errors_and_prefers_sounds() -> None:
    assert align("补领", "补零") == (Pair("补", "补", 0), Pair("领", "零", 1))
    assert [(one.said, one.heard) for one in align("去补身份证", "去身分证")] == [
        ("去", "去"), ("补", ""), ("身", "身"), ("份", "分"), ("证", "证"),
    ]  # fmt: skip
    assert align("领大", "零") == (Pair("领", "零", 0), Pair("大", "", 1))


def test_empty_sides() -> None:
    assert align("", "啊") == (Pair("", "啊", -1),)
    assert align("啊", "") == (Pair("啊", "", 0),)
    assert align("", "") == ()


def test_groups_agree_with_the_kind_of_each_pair() -> None:
    alikes = SoundAlikes(dict.fromkeys("身深神什生分份怎曾正证这补不步部领令零林凌另来了行航", 1.0))
    for said in "身领证行":
        groups = alikes.of(said)
        assert sum(len(group) for group in groups.values()) == 25
        assert all(kind(said, other) is one for one, group in groups.items() for other in group)
        assert list(groups) == sorted(groups, key=list(Kind).index)
