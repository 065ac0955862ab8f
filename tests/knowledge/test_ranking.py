from dataclasses import replace

import numpy as np
import pytest

from knowledge.contract import Entry, Verdict
from knowledge.features import FEATURES, NONE_FEATURES, Compared
from knowledge.index import Index
from knowledge.ranking import (
    TRUST_FEATURES,
    Model,
    certain,
    effective,
    fitted,
    margin,
    model_of,
    prefer,
    scores,
    trust_features,
    verdict,
    widened,
    widened_names,
)

from .conftest import MakeForm

MODEL = Model(np.ones(len(widened_names(FEATURES))), np.zeros(len(widened_names(TRUST_FEATURES))), 0.8, 0.2, 0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Verdict.ABSTAIN),
        ([0.19], Verdict.ABSTAIN),
        ([0.2], Verdict.CHOOSE),
        ([0.1, 0.06, 0.05, 0.0], Verdict.CHOOSE),
        ([0.1, 0.04, 0.04, 0.04], Verdict.ABSTAIN),
        ([0.79, 0.0], Verdict.CHOOSE),
        ([0.8, 0.1], Verdict.ANSWER),
    ],
)
def test_an_answer_needs_a_high_score(values: list[float], expected: Verdict) -> None:
    assert verdict(values, MODEL) is expected


def test_the_candidate_with_the_higher_logit_comes_first_and_scores_lie_between_0_and_1() -> None:
    rows = np.array([[0.1] * len(FEATURES), [0.3] * len(FEATURES)])
    ranked = scores(Compared((4, 7), rows, (0.5,) * len(NONE_FEATURES)), MODEL)
    assert [position for position, _ in ranked] == [7, 4]
    assert 0 < ranked[1][1] < ranked[0][1] < 1


def test_a_question_without_candidates_has_no_scores() -> None:
    assert scores(Compared((), np.zeros((0, len(FEATURES))), (1.0,) * len(NONE_FEATURES)), fitted()) == []


def test_margin_is_the_lead_of_the_first() -> None:
    assert margin([]) == 0
    assert margin([0.7]) == 0.7
    assert margin([0.7, 0.2]) == pytest.approx(0.5)


def test_own_words_are_certain_and_the_others_share_what_is_left() -> None:
    assert certain(2, [(1, 0.8), (2, 0.1)]) == [(2, 0.99), (1, pytest.approx(0.008))]


def test_the_shipped_weights_fit_the_features() -> None:
    model = fitted()
    assert len(model.order) == len(widened_names(FEATURES))
    assert len(model.trust) == len(widened_names(TRUST_FEATURES))
    assert 0 < model.offer < model.choose < model.answer < 1
    with pytest.raises(KeyError):
        model_of({"order": {}, "trust": {}, "thresholds": {}})


def test_trust_is_reckoned_from_the_first_and_its_lead() -> None:
    compared = Compared((4, 7), np.array([[0.1] * len(FEATURES), [0.3] * len(FEATURES)]), (0.5,) * len(NONE_FEATURES))
    values = dict(zip(TRUST_FEATURES, trust_features(compared, [(1, 6.0), (0, 2.0)]), strict=True))
    assert values["words"] == 0.3
    assert values["logit"] == pytest.approx(0.6)
    assert values["chance"] == pytest.approx(1 / (1 + np.exp(-4)))


def test_a_feature_weighs_by_how_few_ways_an_entry_has() -> None:
    row = np.linspace(0.1, 0.9, len(FEATURES))
    weights = np.arange(len(widened_names(FEATURES)), dtype=float)
    few = float(row[FEATURES.index("few")])
    assert widened(row) @ weights == pytest.approx(row @ effective(weights, few))
    assert widened_names(FEATURES)[len(FEATURES) :] == tuple(f"few_{name}" for name in FEATURES if name != "few")
    assert (widened(np.zeros((3, len(FEATURES)))) == 0).all()


@pytest.fixture
def entries(make_form: MakeForm) -> list[Entry]:
    return [
        make_form("A-1", "家里停水了找谁").entry(1),
        replace(make_form("A-2", "今晚全城停水的应急安排").entry(1), urgent=True),
        make_form("A-3", "停水怎么投诉").entry(1),
    ]


def test_an_urgent_script_that_matches_well_comes_first(entries: list[Entry]) -> None:
    index = Index.in_memory(entries)
    assert prefer(index, [(0, 0.9), (1, 0.4), (2, 0.1)])[0] == (1, 0.9)
    assert prefer(index, [(0, 0.9), (1, 0.1), (2, 0.05)])[0] == (0, 0.9)


def test_who_reports_is_sooner_told_where_to_report(entries: list[Entry]) -> None:
    index = Index.in_memory(entries)
    assert prefer(index, [(0, 0.5), (2, 0.45)], "complain")[0][0] == 2
    assert prefer(index, [(0, 0.5), (2, 0.45)], "ask")[0][0] == 0
