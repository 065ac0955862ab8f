"""From features to scores and a verdict.

Two small models, both fitted by :mod:`knowledge.calibration`: a conditional logit orders the candidates, and a logistic
regression on the first of them and its lead says how likely it is the right answer. That chance is the score of the first;
the others have theirs in proportion.

What a feature is worth depends on how well an entry is tended: one with sixty ways of asking is told by the nearest of them, one
with its own question alone by its answer too. So each feature has a second weight, by which it counts the more the fewer ways the
entry has (:func:`widened`).
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from knowledge.contract import Verdict
from knowledge.features import FEATURES, MEANING_FEATURES, NONE_FEATURES, Array, Compared
from knowledge.index import Index

WEIGHTS_FILE: Final = Path(__file__).parent / "calibration" / "weights.json"

MOST_OFFERED: Final = 3
CERTAIN: Final = 0.99
"""The score of an entry that is asked for in words that its editors wrote down for it."""
TRUST_FEATURES: Final = (*FEATURES, *NONE_FEATURES, "logit", "chance", "lead", "second_logit")
"""Of the first candidate: its own features, those of the question, its logit (scaled), its share among the candidates, the
difference of its logit to the second's (scaled), and the second's."""
MEANING_TRUST_FEATURES: Final = (*FEATURES, *MEANING_FEATURES, *TRUST_FEATURES[len(FEATURES) :], "meaning_lead")
"""The same where it was compared by meaning too; at the end by how much it is nearer in meaning than any other candidate."""
FEW: Final = "few"
_SCALE: Final = 10.0
_REPORTING: Final = re.compile(r"举报|投诉|维权|报修|怎么处理|太吵|扰民|跑路|被骗|拖欠")
_REPORTING_ACTS: Final = frozenset({"complain", "report"})
_URGENT_SCORE: Final = 0.3
"""The least score of an urgent script that is put before the others."""
_ACT_FACTOR: Final = 1.25


@dataclass(frozen=True, slots=True)
class Model:
    """``order`` as ``FEATURES``, ``trust`` as ``TRUST_FEATURES``, both widened; the least scores for an answer and an offer.

    ``meaning``: the weights for questions that were compared by meaning too, with more features; ``None``: it is these.
    """

    order: Array
    trust: Array
    answer: float
    choose: float
    offer: float
    meaning: "Model | None" = None

    @property
    def choose_first(self) -> float:
        """Where several are offered, the least score of the first: not three of them each a little."""
        return self.choose / 2

    def of(self, *, by_meaning: bool) -> "Model":
        """The weights for a question compared by words alone, or by meaning too (then :attr:`meaning` must be there)."""
        if not by_meaning:
            return self
        if self.meaning is None:
            raise ValueError("weights for words alone")
        return self.meaning


@cache
def fitted() -> Model:
    """The weights that come with the program."""
    return model_of(json.loads(WEIGHTS_FILE.read_text(encoding="utf-8")))


def model_of(weights: Mapping[str, Any]) -> Model:
    """Weights by name, as in the file. Raises ``KeyError`` when one is missing."""
    words = _model(weights["words"], FEATURES, TRUST_FEATURES)
    if "meaning" not in weights:
        return words
    return replace(words, meaning=_model(weights["meaning"], (*FEATURES, *MEANING_FEATURES), MEANING_TRUST_FEATURES))


def _model(weights: Mapping[str, Any], features: Sequence[str], trusted: Sequence[str]) -> Model:
    return Model(
        np.array([weights["order"][name] for name in widened_names(features)], np.float64),
        np.array([weights["trust"][name] for name in widened_names(trusted)], np.float64),
        float(weights["thresholds"]["answer"]),
        float(weights["thresholds"]["choose"]),
        float(weights["thresholds"]["offer"]),
    )


def widened_names(features: Sequence[str]) -> tuple[str, ...]:
    """What the columns of :func:`widened` are: ``features``, and after them those that count by how few ways there are."""
    return (*features, *(f"{FEW}_{name}" for name in features if name != FEW))


def widened(rows: Array) -> Array:
    """``rows``, of features with ``few`` among them, and after them all others times ``few``."""
    place = FEATURES.index(FEW)
    few = rows[..., place : place + 1]
    return np.concatenate((rows, np.delete(rows, place, axis=-1) * few), axis=-1)


def effective(weights: Array, few: float) -> Array:
    """What each feature weighs for an entry with ``few``: its own weight and, times ``few``, its second one."""
    place = FEATURES.index(FEW)
    size = (len(weights) + 1) // 2
    return np.asarray(weights[:size] + few * np.insert(weights[size:], place, 0.0))


def ordered(compared: Compared, order: Array) -> list[tuple[int, float]]:
    """(row, logit), best first."""
    logits = widened(compared.rows) @ order
    places = np.lexsort((np.array(compared.positions), -logits))
    return [(int(place), float(logits[place])) for place in places]


def trust_features(compared: Compared, ranked: Sequence[tuple[int, float]]) -> Array:
    """What the trust in the first of ``ranked`` (at least one) is reckoned from."""
    logits = np.array([logit for _, logit in ranked])
    powers = np.exp(logits - logits[0])
    second = logits[1] if len(logits) > 1 else 0.0
    row, first = ranked[0]
    lead = first - second
    return np.array(
        [
            *compared.rows[row],
            *compared.none,
            first / _SCALE,
            1 / powers.sum(),
            math.tanh(lead / _SCALE * 3),
            second / _SCALE,
            *_meaning_lead(compared, row),
        ]
    )


def trust_names(compared: Compared) -> tuple[str, ...]:
    """What :func:`trust_features` are."""
    return MEANING_TRUST_FEATURES if compared.by_meaning else TRUST_FEATURES


def _meaning_lead(compared: Compared, row: int) -> list[float]:
    """By how much a candidate is nearer, by way of asking and answer together, than the nearest other; nothing where only words were compared."""
    if not compared.by_meaning:
        return []
    near = compared.rows[:, compared.names.index("meaning")] + compared.rows[:, compared.names.index("meaning_answer")]
    others = np.delete(near, row)
    return [float(near[row] - others.max()) if len(others) else float(near[row])]


def scores(compared: Compared, model: Model) -> list[tuple[int, float]]:
    """(position, score 0…1), best first."""
    if not compared.positions:
        return []
    model = model.of(by_meaning=compared.by_meaning)
    ranked = ordered(compared, model.order)
    trust = 1 / (1 + math.exp(-float(np.clip(widened(trust_features(compared, ranked)) @ model.trust, -30, 30))))
    best = ranked[0][1]
    return [(compared.positions[row], trust * math.exp(logit - best)) for row, logit in ranked]


def certain(position: int, ranked: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """``ranked`` with the entry that was asked for in its own words first; the others share what is left."""
    others = [(other, score * (1 - CERTAIN)) for other, score in ranked if other != position]
    return [(position, CERTAIN), *others]


def margin(values: Sequence[float]) -> float:
    """The first score less the second; scores best first."""
    return values[0] - (values[1] if len(values) > 1 else 0.0) if values else 0.0


def verdict(values: Sequence[float], model: Model | None = None) -> Verdict:
    """What to do with entries of these scores, best first. A wrong answer costs more than a choice or a person.

    A choice is offered when it is likely enough that one of those offered is right.
    """
    model = model or fitted()
    if not values or values[0] < model.choose_first or sum(values[:MOST_OFFERED]) < model.choose:
        return Verdict.ABSTAIN
    return Verdict.ANSWER if values[0] >= model.answer else Verdict.CHOOSE


def prefer(index: Index, ranked: Sequence[tuple[int, float]], act: str = "") -> list[tuple[int, float]]:
    """``ranked`` with urgent scripts that match well first, and what can be reported favoured when something is."""
    if act in _REPORTING_ACTS:
        hinted = (
            (
                position,
                min(CERTAIN, score * _ACT_FACTOR) if _REPORTING.search(index.entry(position).question) else score,
            )
            for position, score in ranked
        )
        ranked = sorted(hinted, key=lambda pair: (-pair[1], pair[0]))
    urgent = [pair for pair in ranked if pair[0] in index.urgent and pair[1] >= _URGENT_SCORE]
    if not urgent:
        return list(ranked)
    lead = max(score for _, score in ranked)
    first = [(position, max(score, lead)) for position, score in urgent]
    return first + [pair for pair in ranked if pair not in urgent]
