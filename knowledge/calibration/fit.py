"""The conditional logit's weights, by gradient ascent on its likelihood."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from knowledge.calibration.held_out import Asked
from knowledge.features import FEATURES, NONE_FEATURES
from knowledge.index import CANDIDATES

OUT_OF_SCOPE_SHARE: Final = 0.25
"""Of all that is said to the hotline, what no entry answers, for the weight of such sentences."""
_PENALTY: Final = 1.0
"""L2, over the whole likelihood."""
_STEPS: Final = 600
_RATE: Final = 0.1

Floats = npt.NDArray[np.float64]


def fit(asked: Sequence[Asked]) -> dict[str, dict[str, float]]:
    """Weights by name, rounded, for ``weights.json``."""
    rows, there, none, target = _arrays(asked)
    outside = np.array([item.right is None for item in asked])
    share = OUT_OF_SCOPE_SHARE if outside.any() and not outside.all() else outside.mean()
    importance = np.where(outside, share / max(1, outside.sum()), (1 - share) / max(1, (~outside).sum())) * len(asked)
    weights = np.zeros(len(FEATURES) + len(NONE_FEATURES))
    first = np.zeros_like(weights)
    second = np.zeros_like(weights)
    for step in range(1, _STEPS + 1):
        gradient = _gradient(weights, rows, there, none, target, importance)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weights -= _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    values = [round(float(value), 3) for value in weights]
    return {
        "entry": dict(zip(FEATURES, values[: len(FEATURES)], strict=True)),
        "none": dict(zip(NONE_FEATURES, values[len(FEATURES) :], strict=True)),
    }


def _gradient(
    weights: Floats, rows: Floats, there: npt.NDArray[np.bool_], none: Floats, target: Floats, importance: Floats
) -> Floats:
    """Of the penalised negative log-likelihood, per question."""
    entry, silent = weights[: len(FEATURES)], weights[len(FEATURES) :]
    logits = np.concatenate([np.where(there, rows @ entry, -np.inf), (none @ silent)[:, None]], axis=1)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = (powers / powers.sum(axis=1, keepdims=True) - target) * importance[:, None]
    of_entry = np.einsum("qc,qcf->f", error[:, :-1], rows)
    result: Floats = (np.concatenate([of_entry, none.T @ error[:, -1]]) + _PENALTY * weights) / len(rows)
    return result


def _arrays(asked: Sequence[Asked]) -> tuple[Floats, npt.NDArray[np.bool_], Floats, Floats]:
    """Features (question × candidate × feature), which candidates exist, features of none, and what is right."""
    rows = np.zeros((len(asked), CANDIDATES, len(FEATURES)))
    there = np.zeros((len(asked), CANDIDATES), dtype=bool)
    none = np.zeros((len(asked), len(NONE_FEATURES)))
    target: Any = np.zeros((len(asked), CANDIDATES + 1))
    for number, item in enumerate(asked):
        count = len(item.compared.positions)
        if count:
            rows[number, :count] = item.compared.rows
        there[number, :count] = True
        none[number] = item.compared.none
        found = item.right in item.compared.positions
        target[number, item.compared.positions.index(item.right) if item.right is not None and found else -1] = 1
    return rows, there, none, target
