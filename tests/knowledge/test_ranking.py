import pytest

from knowledge.contract import Verdict
from knowledge.features import FEATURES, NONE_FEATURES, Compared
from knowledge.ranking import ANSWER_MARGIN, ANSWER_SCORE, CHOOSE_SCORE, Model, fitted, margin, scores, verdict


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], Verdict.ABSTAIN),
        ([CHOOSE_SCORE - 0.01], Verdict.ABSTAIN),
        ([CHOOSE_SCORE], Verdict.CHOOSE),
        ([ANSWER_SCORE - 0.01, 0.0], Verdict.CHOOSE),
        ([ANSWER_SCORE], Verdict.ANSWER),
        ([ANSWER_SCORE, ANSWER_SCORE - ANSWER_MARGIN - 0.01], Verdict.ANSWER),
        ([ANSWER_SCORE, ANSWER_SCORE - ANSWER_MARGIN + 0.01], Verdict.CHOOSE),
    ],
)
def test_an_answer_needs_a_high_score_and_a_lead(values: list[float], expected: Verdict) -> None:
    assert verdict(values) is expected


def test_scores_are_chances_of_the_entries_and_of_none() -> None:
    model = Model((1.0,) * len(FEATURES), (1.0,) * len(NONE_FEATURES))
    rows = ((0.1,) * len(FEATURES), (0.9,) * len(FEATURES))
    ranked = scores(Compared((4, 7), rows, (0.5,) * len(NONE_FEATURES)), model)
    assert [position for position, _ in ranked] == [7, 4]
    assert 0 < sum(score for _, score in ranked) < 1


def test_a_question_without_candidates_has_no_scores() -> None:
    assert scores(Compared((), (), (1.0, 1.0, 1.0, 1.0)), fitted()) == []


def test_margin_is_the_lead_of_the_first() -> None:
    assert margin([]) == 0
    assert margin([0.7]) == 0.7
    assert margin([0.7, 0.2]) == pytest.approx(0.5)


def test_the_shipped_weights_fit_the_features() -> None:
    assert len(fitted().entry) == len(FEATURES)
    assert len(fitted().none) == len(NONE_FEATURES)
