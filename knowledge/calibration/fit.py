"""The weights of search, by gradient descent, and its thresholds, by cross-validation."""

from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from knowledge.calibration.held_out import Asked
from knowledge.features import FEATURES, Array
from knowledge.ranking import FEW, ordered, trust_features, trust_names, widened, widened_names

MOST_WRONG: Final = 0.02
"""Of all that is asked, the share that may be answered wrongly."""
AIM: Final = 0.012
"""The share that the threshold is set for: what is asked of a base is harder than what it was fitted on."""
CHOOSE: Final = 0.28
"""The least sum of the scores of those that are offered: below it the right one is seldom among them."""
_UNANSWERABLE: Final = 1 / 3
"""Of what is asked, the share that no entry answers."""
_FOLDS: Final = 5
_AT_MOST: Final = {"detail_other": -3.0, "few_detail_other": 0.0}
"""Weights that are not left to the samples: few of them name a number or a place, and an answer for another is wrong."""
_AGAINST: Final = frozenset(
    {"missing", "missing_everywhere", "detail_other", "unknown_words", "unknown_grams", "thin", "second_logit"}
)
_EITHER: Final = frozenset({"bias", FEW})
"""Of what the trust is reckoned from, what speaks against an answer, and what for neither; all else speaks for it. Left to itself the
fit learns that many of the same words make an answer less likely, for those who wrote the questions in other words had to avoid them
and those who wrote what nothing answers had not."""
_ORDER_PENALTY: Final = 0.5
_TRUST_PENALTY: Final = 2.0
_STEPS: Final = 500
_RATE: Final = 0.1


def fit(asked: Sequence[Asked], elsewhere: Sequence[Asked] = ()) -> dict[str, dict[str, float]]:
    """Weights and thresholds by name, rounded, for ``weights.json``; all of them compared by the same features.

    ``elsewhere``: what was asked of bases that are less tended. It teaches the weights too, but not the thresholds, which are for
    bases as they are meant to be.
    """
    kept, others = ([item for item in items if item.compared.positions] for items in (asked, elsewhere))
    order = fit_order([*kept, *others])
    held_out = cross_validated(kept, others, order)
    trust = fit_trust([*kept, *others], order)
    return {
        "order": _named(widened_names(kept[0].compared.names), order),
        "trust": _named(widened_names(trust_names(kept[0].compared)), trust),
        "thresholds": thresholds(kept, *held_out),
    }


def fit_order(asked: Sequence[Asked]) -> Array:
    """Weights of a conditional logit over the candidates of the questions whose entry is among them."""
    found = [item for item in asked if item.right is not None and item.right in item.compared.positions]
    if not found:
        return np.ones(len(widened_names(asked[0].compared.names)))
    rows = np.concatenate([widened(item.compared.rows) for item in found]).astype(np.float32)
    counts = np.array([len(item.compared.positions) for item in found])
    first = np.cumsum(counts) - counts
    target = np.zeros(len(rows), np.float32)
    target[first + [item.compared.positions.index(item.right or 0) for item in found]] = 1

    def gradient(weights: Array) -> Array:
        logits = rows @ weights.astype(np.float32)
        powers = np.exp(logits - np.repeat(np.maximum.reduceat(logits, first), counts))
        error = powers / np.repeat(np.add.reduceat(powers, first), counts) - target
        return np.asarray((rows.T @ error + _ORDER_PENALTY * weights) / len(found))

    return _descended(gradient, rows.shape[1])


def fit_trust(asked: Sequence[Asked], order: Array) -> Array:
    """Weights of a logistic regression: is the first of the candidates the right answer?"""
    rows, right = _trusted(asked, order)
    importance = _importance(asked)

    def gradient(weights: Array) -> Array:
        chance = _chance(rows, weights)
        return np.asarray((rows.T @ ((chance - right) * importance) + _TRUST_PENALTY * weights) / len(rows))

    return _descended(gradient, rows.shape[1], _signs(trust_names(asked[0].compared)))


def cross_validated(
    asked: Sequence[Asked], elsewhere: Sequence[Asked], order: Array
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each question of ``asked`` the score of its first candidate, by trust that was fitted without it and its entry, and
    whether that candidate is right (1 or 0).
    """
    result, right = np.zeros(len(asked)), np.zeros(len(asked))
    folds = np.array([_fold(item) for item in asked])
    for fold in range(_FOLDS):
        left = [item for item, its in zip(asked, folds, strict=True) if its == fold]
        kept = [item for item in (*asked, *elsewhere) if _fold(item) != fold]
        if left and kept:
            rows, right[folds == fold] = _trusted(left, order)
            result[folds == fold] = _chance(rows, fit_trust(kept, order))
    return result, right


def thresholds(
    asked: Sequence[Asked], held_out: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> dict[str, float]:
    """The least scores of an answer (wrong ones ≤ :data:`AIM` of all), of a choice and of one that is offered.

    ``held_out``, ``right``: as :func:`cross_validated` gives them.
    """
    importance = _importance(asked)
    by_score = np.argsort(-held_out, kind="stable")
    wrong = np.cumsum((importance * (1 - right))[by_score]) / importance.sum()
    allowed = np.flatnonzero(wrong <= AIM)
    answer = float(held_out[by_score[allowed[-1]]]) if len(allowed) else 0.99
    return {"answer": round(min(answer, 0.95), 3), "choose": CHOOSE, "offer": 0.01}


def _fold(item: Asked) -> int:
    return crc32(item.group.encode()) % _FOLDS


def _chance(rows: Array, weights: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30))))


def _importance(asked: Sequence[Asked]) -> npt.NDArray[np.float64]:
    """Weights with which answerable and unanswerable questions count in the proportion that is asked."""
    counts = np.array([item.counts for item in asked])
    outside = np.array([item.right is None for item in asked])
    share = _UNANSWERABLE if outside.any() and not outside.all() else float(outside.mean())
    sums = np.where(outside, counts[outside].sum(), counts[~outside].sum())
    weights = counts * np.where(outside, share, 1 - share) / np.maximum(sums, 1e-9) * len(asked)
    return np.asarray(weights, np.float64)


def _trusted(asked: Sequence[Asked], order: Array) -> tuple[Array, Array]:
    rows = np.zeros((len(asked), len(trust_names(asked[0].compared))))
    right = np.zeros(len(asked))
    for number, item in enumerate(asked):
        ranked = ordered(item.compared, order)
        rows[number] = trust_features(item.compared, ranked)
        right[number] = item.compared.positions[ranked[0][0]] == item.right
    return widened(rows), right


def _signs(names: Sequence[str]) -> Array:
    """Of each feature whether more of it may only raise the trust (1), only lower it (-1), or both (0)."""
    return np.array([0 if name in _EITHER else -1 if name in _AGAINST else 1 for name in names])


def _descended(gradient: Any, size: int, signs: Array | None = None) -> Array:
    """Adam from zero. ``signs``: of the first half of the weights, which way each may go, however few ways an entry has."""
    weights, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    for step in range(1, _STEPS + 1):
        slope = gradient(weights)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        weights -= _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        if signs is not None:
            _hold(weights, signs)
    return weights


def _hold(weights: Array, signs: Array) -> None:
    """Bring weights back to their sides, for ``few`` of 0 and of 1, and so for all between."""
    own, by_few = weights[: len(signs)], weights[len(signs) :]
    own[(own * signs) < 0] = 0
    place = FEATURES.index(FEW)
    beside = np.delete(own, place)
    over = (beside + by_few) * np.delete(signs, place) < 0
    by_few[over] = -beside[over]


def _named(names: Sequence[str], values: Array) -> dict[str, float]:
    pairs = zip(names, values, strict=True)
    return {name: round(min(float(value), _AT_MOST.get(name, float("inf"))), 3) for name, value in pairs}
