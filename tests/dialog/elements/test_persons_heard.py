"""A surname that was heard has no spelling: the commonest of its sound is taken, and the words heard stay the source."""

from datetime import UTC, datetime

import pytest

from config.rulebook import load_rulebook
from dialog.contract import Said, Utterance
from dialog.elements.extract import Extractor, merge

EXTRACTOR = Extractor(load_rulebook("zhanjiang"))
AT = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(("heard", "name"), [("我姓汪", "王"), ("我姓章", "张"), ("我姓成", "程"), ("我姓陈", "陈")])
def test_a_spoken_surname(heard: str, name: str) -> None:
    said = Utterance(heard, Said.SPEECH, 0.9)
    person = EXTRACTOR.extract(heard, turn_id="t", at=AT, said=said).person
    assert person.value is not None
    assert person.value["caller_name"] == name
    assert "".join(span.text for span in person.source) in heard
    assert ("derived" in person.value) == (name not in heard)


def test_what_was_derived_is_still_said_after_the_party_was_known() -> None:
    first = EXTRACTOR.extract(
        "楼下烧烤店油烟很大", turn_id="t1", at=AT, said=Utterance("楼下烧烤店油烟很大", Said.SPEECH)
    )
    then = EXTRACTOR.extract("我姓汪", turn_id="t2", at=AT, said=Utterance("我姓汪", Said.SPEECH))
    person = merge(first, then, asked=None).person
    assert person.value is not None
    assert person.value["caller_name"] == "王"
    assert person.value["derived"] == [{"field": "caller_name", "value": "王", "from": "surname_sound"}]


def test_a_typed_surname_stays_as_it_was_typed() -> None:
    person = EXTRACTOR.extract("我姓汪", turn_id="t", at=AT).person
    assert person.value is not None
    assert person.value["caller_name"] == "汪"
