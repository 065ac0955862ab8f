"""The fit, on few entries; ``./hotline bench kb_search`` measures the whole."""

from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import ask, leave_one_out, out_of_scope
from knowledge.entries import sample_entries
from knowledge.index import Index
from knowledge.ranking import model_of, scores

ENTRIES = [form.entry(1) for form in sample_entries()[::12]]


def test_each_other_way_of_asking_is_asked_once_of_an_index_without_it() -> None:
    asked = list(leave_one_out(ENTRIES))
    assert sorted(item.question for item in asked) == sorted(way for entry in ENTRIES for way in entry.similar)


def test_the_fit_tells_what_is_answered_from_what_is_not() -> None:
    index = Index.in_memory(ENTRIES)
    silent = [ask(index, sentence, None) for sentence in out_of_scope()]
    asked = [*leave_one_out(ENTRIES), *silent]
    model = model_of(fit(asked))
    right = [dict(scores(item.compared, model)).get(item.right, 0.0) for item in asked if item.right is not None]
    wrong = [max((score for _, score in scores(item.compared, model)), default=0.0) for item in silent]
    assert sum(right) / len(right) > 0.6
    assert sum(wrong) / len(wrong) < 0.3
