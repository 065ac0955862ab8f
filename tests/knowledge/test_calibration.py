"""The fit, on few entries; ``./hotline bench kb`` measures the whole."""

from knowledge.calibration.fit import MOST_WRONG, cross_validated, fit
from knowledge.calibration.held_out import Asked, ask, leave_entry_out, leave_one_out, near_misses, out_of_scope
from knowledge.calibration.misheard import Mishearing
from knowledge.entries import sample_entries
from knowledge.index import Index
from knowledge.ranking import model_of, scores
from knowledge.text import sound_of

ENTRIES = [form.entry(1) for form in sample_entries()[::12]]


def test_each_other_way_of_asking_is_asked_once_of_an_index_without_it() -> None:
    asked = list(leave_one_out(ENTRIES))
    assert sorted(item.question for item in asked) == sorted(way for entry in ENTRIES for way in entry.similar)


def test_a_question_has_no_answer_in_an_index_without_its_entry() -> None:
    for item in leave_entry_out(ENTRIES, 3):
        assert item.right is None
        assert len(item.compared.positions) < len(ENTRIES)


def test_the_fit_tells_what_is_answered_from_what_is_not() -> None:
    index = Index.in_memory(ENTRIES)
    silent = [ask(index, sentence, None) for sentence in out_of_scope()]
    asked = [*leave_one_out(ENTRIES), *silent]
    model = model_of({"words": fit(asked)})

    def best(item: Asked) -> tuple[int | None, float]:
        ranked = scores(item.compared, model)
        return ranked[0] if ranked else (None, 0.0)

    answered = [item for item in asked if best(item)[1] >= model.answer]
    wrong = [item for item in answered if best(item)[0] != item.right]
    assert len(answered) > 0.4 * (len(asked) - len(silent))
    assert len(wrong) <= 2 * MOST_WRONG * len(asked)


def test_a_question_is_scored_without_having_been_fitted_on() -> None:
    asked = [item for item in leave_one_out(ENTRIES) if item.compared.positions]
    values = cross_validated(asked)
    assert len(values) == len(asked)
    assert ((values > 0) & (values < 1)).all()


def test_what_is_misheard_sounds_the_same() -> None:
    mishearing = Mishearing(ENTRIES)
    for entry in ENTRIES:
        heard = mishearing.of(entry.question)
        assert heard != entry.question
        assert [sound_of(one) for one in heard] == [sound_of(one) for one in entry.question]


def test_what_no_entry_answers_is_no_way_of_asking() -> None:
    ways = {way for entry in sample_entries() for way in (entry.question, *entry.similar)}
    assert not ways & {*out_of_scope(), *near_misses()}
