"""From features to scores and a verdict.

A score is the chance that the entry is the right answer: a conditional logit over the candidates and "none of them"
(scores of all candidates add up to less than 1). Its weights are fitted by :mod:`knowledge.calibration`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from knowledge.contract import Verdict
from knowledge.features import FEATURES, NONE_FEATURES, Compared

WEIGHTS_FILE: Final = Path(__file__).parent / "calibration" / "weights.json"

ANSWER_SCORE: Final = 0.6
"""The least score of an entry that is given as the answer.

Asked leave-one-out (1,592 questions), 0.5, 0.55 and 0.6 (with leads of 0.2, 0.25 and 0.3) answer 72.9, 71.6 and 70.2 %
rightly and 5.4, 4.5 and 3.8 % wrongly; the others are offered as a choice or left to a person.
"""
ANSWER_MARGIN: Final = 0.3
"""How far it must be ahead of the next one."""
CHOOSE_SCORE: Final = 0.15
"""The least score of the best of several that are offered."""
OFFER_SCORE: Final = 0.04
"""The least score of an entry that is offered beside the best."""
MOST_OFFERED: Final = 3
CERTAIN: Final = 0.99
"""The score of an entry that is asked for in words that its editors wrote down for it."""


@dataclass(frozen=True, slots=True)
class Model:
    """The weights, in the order of ``FEATURES`` and ``NONE_FEATURES``."""

    entry: tuple[float, ...]
    none: tuple[float, ...]


@cache
def fitted() -> Model:
    """The weights that come with the program."""
    return model_of(json.loads(WEIGHTS_FILE.read_text(encoding="utf-8")))


def model_of(weights: Mapping[str, Mapping[str, float]]) -> Model:
    """Weights by name, as in the file. Raises ``KeyError`` when one is missing."""
    return Model(
        tuple(weights["entry"][name] for name in FEATURES), tuple(weights["none"][name] for name in NONE_FEATURES)
    )


def scores(compared: Compared, model: Model) -> list[tuple[int, float]]:
    """(position in ``Index.indexed``, score 0…1), best first."""
    logits = [_dot(model.entry, row) for row in compared.rows]
    none = _dot(model.none, compared.none)
    top = max([none, *logits])
    powers = [math.exp(logit - top) for logit in logits]
    total = math.exp(none - top) + sum(powers)
    ranked = ((position, power / total) for position, power in zip(compared.positions, powers, strict=True))
    return sorted(ranked, key=lambda pair: (-pair[1], pair[0]))


def certain(position: int, ranked: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """``ranked`` with the entry that was asked for in its own words first; the others share what is left."""
    others = [(other, score * (1 - CERTAIN)) for other, score in ranked if other != position]
    return [(position, CERTAIN), *others]


def margin(values: Sequence[float]) -> float:
    """The first score less the second; scores best first."""
    return values[0] - (values[1] if len(values) > 1 else 0.0) if values else 0.0


def verdict(values: Sequence[float]) -> Verdict:
    """What to do with entries of these scores, best first. A wrong answer costs more than a choice or a person."""
    if not values or values[0] < CHOOSE_SCORE:
        return Verdict.ABSTAIN
    if values[0] >= ANSWER_SCORE and margin(values) >= ANSWER_MARGIN:
        return Verdict.ANSWER
    return Verdict.CHOOSE


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
