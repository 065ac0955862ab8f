"""The sample entries themselves."""

from collections import Counter

from knowledge.entries import EntryForm, sample_entries

ENTRIES = sample_entries()
FIELDS = {
    "社保",
    "户籍与身份证",
    "医疗医保",
    "公积金",
    "教育入学",
    "物业",
    "噪音",
    "供水供电供气",
    "交通",
    "市场监管",
    "劳动",
    "民政",
}


def test_there_are_enough_in_every_field_that_the_sources_name() -> None:
    assert len(ENTRIES) >= 130
    assert {entry.field for entry in ENTRIES} >= FIELDS


def test_ids_and_ways_of_asking_are_used_once() -> None:
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    ways = Counter(way for entry in ENTRIES for way in (entry.question, *entry.similar))
    assert [way for way, times in ways.items() if times > 1] == []


def wrong_with(form: EntryForm) -> list[str]:
    checks = {
        "is no sample": form.sample and form.version == 1,
        "too few ways of asking": len(form.similar) >= 5,
        "answer too short or long": 100 <= len(form.answer) <= 300,
        "digits to be read out": not any(character.isdigit() for character in form.speech),
        "no source": bool(form.source),
    }
    return [f"{form.id}: {what}" for what, good in checks.items() if not good]


def test_every_sample_says_what_it_is_and_can_be_spoken() -> None:
    assert [what for form in ENTRIES for what in wrong_with(form)] == []
