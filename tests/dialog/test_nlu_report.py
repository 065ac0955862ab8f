"""Accuracy, F1, confusions and changes, on sets small enough to reckon by hand."""

import json

import pytest

from dialog.nlu_report import Change, Confusion, compare, report, wilson

DUE = ["ask", "ask", "ask", "complain", "complain", "bye"]
FOUND = ["ask", "ask", "complain", "complain", "ask", "nlu_fallback"]


def test_figures_of_each_label() -> None:
    labels = {label.label: label for label in report(DUE, FOUND).labels}
    ask, fallback = labels["ask"], labels["nlu_fallback"]
    assert (ask.precision, ask.recall, ask.support, ask.given) == (2 / 3, 2 / 3, 3, 3)
    assert labels["complain"].f1 == 0.5
    assert (labels["bye"].precision, labels["bye"].recall, labels["bye"].f1) == (0.0, 0.0, 0.0)
    assert (fallback.support, fallback.given) == (0, 1)


def test_the_mean_is_over_labels_that_are_due() -> None:
    assert report(DUE, FOUND).macro_f1 == pytest.approx((2 / 3 + 0.5 + 0.0) / 3)


def test_accuracy_comes_with_its_interval() -> None:
    accuracy = report(DUE, FOUND).accuracy
    assert (accuracy.part, accuracy.whole, accuracy.value) == (3, 6, 0.5)
    assert (accuracy.low, accuracy.high) == pytest.approx((0.1876, 0.8124), abs=1e-4)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(0, 200, 0.0, 0.01885), (10, 200, 0.02738, 0.08958), (5, 5, 0.56552, 1.0)],
)
def test_wilson(part: int, whole: int, low: float, high: float) -> None:
    share = wilson(part, whole)
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(("part", "whole"), [(0, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(part, whole)


def test_the_worst_confusion_comes_first() -> None:
    due = ["a", "a", "b", "b", "b", "c"]
    found = ["b", "a", "c", "c", "b", "c"]
    assert report(due, found).confusions == (Confusion("b", "c", 2), Confusion("a", "b", 1))
    assert report(due, due).confusions == ()


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        report(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no share"):
        report([], [])


def test_what_changes_between_two_models() -> None:
    compared = compare(["t1", "t2", "t3", "t4"], ["a", "b", "c", "a"], ["a", "a", "a", "a"], ["b", "b", "b", "a"])
    assert compared.changes == (
        Change("t1", "a", "a", "b", "broken"),
        Change("t2", "b", "a", "b", "fixed"),
        Change("t3", "c", "a", "b", "other"),
    )
    assert (compared.before.accuracy.part, compared.after.accuracy.part) == (2, 2)


def test_it_can_be_sent() -> None:
    document = json.loads(json.dumps(compare(["x", "y"], ["a", "b"], ["a", "a"], ["a", "b"]).to_json(worst=1)))
    assert (document["fixed"], document["broken"]) == (1, 0)
    assert document["after"]["accuracy"]["value"] == 1.0
    assert document["before"]["confusions"] == [{"expected": "b", "found": "a", "count": 1}]
    assert document["before"]["labels"][0] | {"precision": 0.5, "recall": 1.0} == document["before"]["labels"][0]
