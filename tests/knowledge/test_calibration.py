"""The fit, on few entries; ``./hotline bench kb`` measures the whole."""

from collections import Counter
from itertools import pairwise

import pytest

from knowledge.calibration.bases import MOST_SENTENCES, ask_near, ask_small, less_tended, sentences
from knowledge.calibration.fit import MOST_WRONG, cross_validated, fit, fit_order, fit_trust
from knowledge.calibration.held_out import (
    Asked,
    ask,
    asked_otherwise,
    leave_entry_out,
    leave_one_out,
    near_misses,
    out_of_scope,
)
from knowledge.calibration.misheard import BADLY, SHARE, Mishearing
from knowledge.entries import sample_entries
from knowledge.features import FEATURES
from knowledge.index import Index
from knowledge.ranking import TRUST_FEATURES, effective, model_of, scores
from knowledge.text import normalise, sound_of

ENTRIES = [form.entry(1) for form in sample_entries()[::12]]


def test_each_other_way_of_asking_is_asked_once_of_an_index_without_it() -> None:
    asked = list(leave_one_out(ENTRIES))
    assert sorted(item.question for item in asked) == sorted(way for entry in ENTRIES for way in entry.similar)


def test_ways_may_be_left_out_several_at_once() -> None:
    asked = list(leave_one_out(ENTRIES[:4], folds=3))
    assert sorted(item.question for item in asked) == sorted(way for entry in ENTRIES[:4] for way in entry.similar)
    for item in asked:
        assert item.right is not None
        few = item.compared.rows[item.compared.positions.index(item.right)][FEATURES.index("few")]
        left = len(ENTRIES[item.right].similar) * 2 / 3
        assert 1 / few == pytest.approx(1 + left, abs=1)


def test_what_is_asked_otherwise_stands_in_no_entry_and_in_no_list_of_near_misses() -> None:
    ids = {form.id for form in sample_entries()}
    written = {way for form in sample_entries() for way in (form.question, *form.similar)}
    asked = asked_otherwise()
    assert {id for _, id in asked if id} == ids
    assert len({question for question, _ in asked}) == len(asked)
    assert not {question for question, _ in asked} & (written | {*near_misses(), *out_of_scope()})


def test_less_tended_bases_keep_their_entries_and_lose_ways_then_answers() -> None:
    few, titles, bare = less_tended(ENTRIES)
    for entry, fewer, title, alone in zip(ENTRIES, few, titles, bare, strict=True):
        assert 0 < len(fewer.similar) < len(entry.similar) / 4
        assert set(fewer.similar) < set(entry.similar)
        assert (title.similar, title.answer) == ((), entry.answer)
        assert (alone.similar, alone.answer, alone.question) == ((), "", entry.question)


def test_sentences_are_asked_for_in_others_near_them() -> None:
    held = sentences(ENTRIES)
    ways = {entry.id: {entry.question, *entry.similar} for entry in ENTRIES}
    kept = [entry.question for entry in held.base]
    assert len(kept) > 10 * len(ENTRIES)
    assert max(Counter(held.owners).values()) <= MOST_SENTENCES
    assert len(held.near) > 5 * len(ENTRIES)
    assert not {question for question, _ in held.near} & set(kept)
    for question, place in held.near:
        assert {question, kept[place]} <= ways[held.owners[place]]
        assert set(pairwise(normalise(question))) & set(pairwise(normalise(kept[place])))


def test_other_sentences_of_the_same_entry_are_no_wrong_answers() -> None:
    held = sentences(ENTRIES)
    asked = list(ask_near(held))
    assert len(asked) == len(held.near)
    for item in asked:
        assert item.right is not None
        owners = [held.owners[place] for place in item.compared.positions]
        assert owners.count(held.owners[item.right]) == (item.right in item.compared.positions)
        assert len(item.compared.rows) == len(owners)
    found = [item for item in asked if item.right in item.compared.positions]
    assert len(found) > 0.9 * len(asked)


def test_small_bases_are_asked_for_what_they_have_and_what_they_have_not() -> None:
    confirmed = [("怎么弄呢", entry.id) for entry in ENTRIES] + [("天为什么是蓝的", None)]
    asked = list(ask_small(ENTRIES, confirmed))
    answerable = [item for item in asked if item.right is not None]
    assert 0.2 * len(asked) < len(answerable) < 0.8 * len(asked)
    assert {len(item.compared.positions) for item in asked} >= {0, 1, 2, 3}
    assert {"怎么弄呢", "天为什么是蓝的"} < {item.question for item in asked}
    assert all(item.right is None for item in asked if item.question == "天为什么是蓝的")
    again = list(ask_small(ENTRIES, confirmed))
    assert [item.question for item in again] == [item.question for item in asked]


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


def test_likeness_never_lowers_the_trust_and_what_is_missing_never_raises_it() -> None:
    index = Index.in_memory(ENTRIES)
    asked = [*leave_one_out(ENTRIES, every=3), *(ask(index, sentence, None) for sentence in near_misses()[::9])]
    kept = [item for item in asked if item.compared.positions]
    trust = fit_trust(kept, fit_order(kept))
    for few in (0.0, 0.5, 1.0):
        weights = dict(zip(TRUST_FEATURES, effective(trust, few), strict=True))
        assert all(weights[name] >= -1e-9 for name in ("words", "grams", "sounds", "word_cover", "evidence", "logit"))
        assert all(weights[name] <= 1e-9 for name in ("missing", "missing_everywhere", "detail_other", "thin"))


def test_a_question_is_scored_without_having_been_fitted_on() -> None:
    asked = [item for item in leave_one_out(ENTRIES) if item.compared.positions]
    values, right = cross_validated(asked, (), fit_order(asked))
    assert len(values) == len(right) == len(asked)
    assert ((values > 0) & (values < 1)).all()
    assert 0.5 < right.mean() < 1
    assert values[right == 1].mean() > values[right == 0].mean()


def test_what_is_misheard_sounds_the_same() -> None:
    mishearing = Mishearing(ENTRIES)
    for entry in ENTRIES:
        heard = mishearing.of(entry.question)
        assert heard != entry.question
        assert [sound_of(one) for one in heard] == [sound_of(one) for one in entry.question]


def test_on_a_bad_line_more_is_misheard() -> None:
    def wrong(share: float) -> int:
        mishearing = Mishearing(ENTRIES)
        return sum(
            a != b for one in ENTRIES for a, b in zip(one.question, mishearing.of(one.question, share), strict=True)
        )

    assert wrong(BADLY) > 1.5 * wrong(SHARE)


def test_what_no_entry_answers_is_no_way_of_asking() -> None:
    ways = {way for entry in sample_entries() for way in (entry.question, *entry.similar)}
    assert not ways & {*out_of_scope(), *near_misses()}
