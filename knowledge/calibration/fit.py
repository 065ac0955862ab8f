"""The weights of search, by gradient descent, and its thresholds, by cross-validation."""

from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from knowledge.calibration.held_out import Asked
from knowledge.features import Array
from knowledge.ranking import ordered, trust_features, trust_names

MOST_WRONG: Final = 0.02
"""Of all that is asked, the share that may be answered wrongly."""
AIM: Final = 0.012
"""The share that the threshold is set for: what is asked of a base is harder than what it was fitted on."""
CHOOSE: Final = 0.15
"""The least score of the best of several that are offered: below it the right one is seldom among three."""
_UNANSWERABLE: Final = 1 / 3
"""Of what is asked, the share that no entry answers."""
_FOLDS: Final = 5
_AT_MOST: Final = {"detail_other": -3.0}
"""Weights that are not left to the samples: few of them name a number or a place, and an answer for another is wrong."""
_ORDER_PENALTY: Final = 0.5
_TRUST_PENALTY: Final = 2.0
_STEPS: Final = 500
_RATE: Final = 0.1


def fit(asked: Sequence[Asked], ordering: Sequence[Asked] = ()) -> dict[str, dict[str, float]]:
    """Weights and thresholds by name, rounded, for ``weights.json``; all of them compared by the same features.

    ``ordering``: questions that teach which entry is nearer, not when to trust it.
    """
    order = fit_order([*asked, *ordering])
    kept = [item for item in asked if item.compared.positions]
    held_out = cross_validated(kept)
    trust = fit_trust(kept, order)
    return {
        "order": _named(kept[0].compared.names, order),
        "trust": _named(trust_names(kept[0].compared), trust),
        "thresholds": thresholds(kept, held_out),
    }


def fit_order(asked: Sequence[Asked]) -> Array:
    """Weights of a conditional logit over the candidates of the questions whose entry is among them."""
    found = [item for item in asked if item.right is not None and item.right in item.compared.positions]
    most = max((len(item.compared.positions) for item in found), default=0)
    features = asked[0].compared.rows.shape[1]
    rows = np.zeros((len(found), most, features))
    there = np.zeros((len(found), most), dtype=bool)
    target = np.zeros((len(found), most))
    for number, item in enumerate(found):
        count = len(item.compared.positions)
        rows[number, :count] = item.compared.rows
        there[number, :count] = True
        target[number, item.compared.positions.index(item.right or 0)] = 1

    def gradient(weights: Array) -> Array:
        logits = np.where(there, rows @ weights, -np.inf)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = powers / powers.sum(axis=1, keepdims=True) - target
        return np.asarray((np.einsum("qc,qcf->f", error, rows) + _ORDER_PENALTY * weights) / len(rows))

    return _descended(gradient, features) if found else np.ones(features)


def fit_trust(asked: Sequence[Asked], order: Array) -> Array:
    """Weights of a logistic regression: is the first of the candidates the right answer?"""
    rows, right = _trusted(asked, order)
    importance = _importance(asked)

    def gradient(weights: Array) -> Array:
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        return np.asarray((rows.T @ ((chance - right) * importance) + _TRUST_PENALTY * weights) / len(rows))

    return _descended(gradient, rows.shape[1])


def cross_validated(asked: Sequence[Asked]) -> npt.NDArray[np.float64]:
    """Of each question the score of its first candidate, by weights that were fitted without it and its entry."""
    folds = np.array([crc32(item.group.encode()) % _FOLDS for item in asked])
    result = np.zeros(len(asked))
    for fold in range(_FOLDS):
        kept = [item for item, its in zip(asked, folds, strict=True) if its != fold]
        left = [item for item, its in zip(asked, folds, strict=True) if its == fold]
        if not left:
            continue
        order = fit_order(kept)
        rows, _ = _trusted(left, order)
        result[folds == fold] = 1 / (1 + np.exp(-np.clip(rows @ fit_trust(kept, order), -30, 30)))
    return result


def thresholds(asked: Sequence[Asked], held_out: npt.NDArray[np.float64]) -> dict[str, float]:
    """The least scores of an answer (wrong ones ≤ :data:`AIM` of all), of a choice and of one that is offered."""
    order = fit_order(asked)
    _, right = _trusted(asked, order)
    importance = _importance(asked)
    by_score = np.argsort(-held_out, kind="stable")
    wrong = np.cumsum((importance * (1 - right))[by_score]) / importance.sum()
    allowed = np.flatnonzero(wrong <= AIM)
    answer = float(held_out[by_score[allowed[-1]]]) if len(allowed) else 0.99
    return {"answer": round(min(answer, 0.95), 3), "choose": CHOOSE, "offer": 0.01}


def _importance(asked: Sequence[Asked]) -> npt.NDArray[np.float64]:
    """Weights with which answerable and unanswerable questions count in the proportion that is asked."""
    outside = np.array([item.right is None for item in asked])
    share = _UNANSWERABLE if outside.any() and not outside.all() else float(outside.mean())
    weights = np.where(outside, share / max(1, outside.sum()), (1 - share) / max(1, (~outside).sum())) * len(asked)
    return np.asarray(weights, np.float64)


def _trusted(asked: Sequence[Asked], order: Array) -> tuple[Array, Array]:
    rows = np.zeros((len(asked), len(trust_names(asked[0].compared))))
    right = np.zeros(len(asked))
    for number, item in enumerate(asked):
        ranked = ordered(item.compared, order)
        rows[number] = trust_features(item.compared, ranked)
        right[number] = item.compared.positions[ranked[0][0]] == item.right
    return rows, right


def _descended(gradient: Any, size: int) -> Array:
    """Adam from zero."""
    weights, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, _STEPS + 1):
        slope = gradient(weights)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        weights -= _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights


def _named(names: Sequence[str], values: Array) -> dict[str, float]:
    pairs = zip(names, values, strict=True)
    return {name: round(min(float(value), _AT_MOST.get(name, float("inf"))), 3) for name, value in pairs}
