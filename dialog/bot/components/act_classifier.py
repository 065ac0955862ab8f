"""Tells the dialogue acts apart by words and character runs."""

import json
import re
from typing import Any, Final

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.constants import (
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
    TEXT_TOKENS,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

_PUNCTUATION: Final = re.compile(r"[\s，。！？、；：…,.!?;:~～]+")
_WORD_RUNS: Final = (1, 2)
_CHARACTER_RUNS: Final = (1, 2, 3)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ActClassifier(GraphComponent, IntentClassifier):
    """One logistic regression an act over TF-IDF of words and characters, and the markers of ``data/nlu/patterns.yml``.

    Runs of one and two words and of one to three characters, with the beginning and the end of the utterance as signs of
    their own, so that 「吗」 at the end is another feature than inside. Each of the three kinds of features has a vector of
    length 1. Acts weigh the same however many examples they have (``balanced``). Rasa's own pair of CountVectorsFeaturizer
    and LogisticRegressionClassifier trains ten times as long for the same accuracy.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"C": 20.0, "balanced": True}

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        learned: "_Learned | None" = None,
    ) -> None:
        self._config, self._storage, self._resource = config, model_storage, resource
        self._learned = learned

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "ActClassifier":
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> "ActClassifier":
        with model_storage.read_from(resource) as folder:
            known = json.loads((folder / "features.json").read_text(encoding="utf-8"))
            with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
                learned = _Learned(_Features(**known["features"]), known["acts"], arrays["weights"], arrays["bias"])
        return cls(config, model_storage, resource, learned)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples; there must be two acts or more."""
        examples = [one for one in training_data.intent_examples if one.get(INTENT) and one.get(TEXT)]
        patterns = [pattern["pattern"] for pattern in training_data.regex_features]
        features = _Features.of(examples, patterns)
        matrix = vstack([features.row(example) for example in examples]).tocsr()
        acts = sorted({example.get(INTENT) for example in examples})
        due = np.array([example.get(INTENT) for example in examples])
        weights, bias = [], []
        for act in acts:
            model = LogisticRegression(
                C=self._config["C"],
                solver="liblinear",
                class_weight="balanced" if self._config["balanced"] else None,
                random_state=0,
            ).fit(matrix, due == act)
            weights.append(model.coef_[0])
            bias.append(model.intercept_[0])
        self._learned = _Learned(features, acts, np.array(weights, dtype=np.float32), np.array(bias))
        self._persist(self._learned)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set each message's act and the ranking of all acts; confidences add up to 1."""
        for message in messages:
            if self._learned is None or not message.get(TEXT):
                continue
            ranking = [
                {INTENT_NAME_KEY: act, PREDICTED_CONFIDENCE_KEY: chance} for act, chance in self._learned.rank(message)
            ]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages

    def _persist(self, learned: "_Learned") -> None:
        with self._storage.write_to(self._resource) as folder:
            known = {"features": learned.features.to_json(), "acts": learned.acts}
            (folder / "features.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
            np.savez_compressed(folder / "weights.npz", weights=learned.weights, bias=learned.bias)


class _Features:
    """From a message to its row. ``places``: of each run of words and of characters, its column; ``idf``: its weight."""

    def __init__(self, patterns: list[str], places: list[dict[str, int]], idf: list[float]) -> None:
        self._patterns, self._places, self._idf = patterns, places, idf
        self._compiled = [re.compile(pattern) for pattern in patterns]
        self._weights = np.array(idf)

    @classmethod
    def of(cls, messages: list[Message], patterns: list[str]) -> "_Features":
        """The features that occur in ``messages``, weighed by how rare they are."""
        places: list[dict[str, int]] = [{}, {}]
        counts: list[int] = []
        for message in messages:
            for known, runs in zip(places, _runs(message), strict=True):
                for run in dict.fromkeys(runs):
                    if run not in known:
                        known[run] = len(counts)
                        counts.append(0)
                    counts[known[run]] += 1
        idf = np.log((1 + len(messages)) / (1 + np.array(counts))) + 1
        return cls(patterns, places, idf.tolist())

    def to_json(self) -> dict[str, Any]:
        return {"patterns": self._patterns, "places": self._places, "idf": self._idf}

    def row(self, message: Message) -> csr_matrix:
        """One row: two TF-IDF vectors of length 1 (logarithmic counts), then the markers."""
        columns, values = [], []
        for known, runs in zip(self._places, _runs(message), strict=True):
            counts: dict[int, int] = {}
            for run in runs:
                if run in known:
                    counts[known[run]] = counts.get(known[run], 0) + 1
            found = np.fromiter(counts, dtype=int, count=len(counts))
            weighed = (1 + np.log(np.fromiter(counts.values(), dtype=float, count=len(counts)))) * self._weights[found]
            length = float(np.linalg.norm(weighed))
            columns.append(found)
            values.append(weighed / length if length else weighed)
        text = message.get(TEXT)
        marked = [len(self._idf) + number for number, one in enumerate(self._compiled) if one.search(text)]
        columns.append(np.array(marked, dtype=int))
        values.append(np.ones(len(marked)))
        at, value = np.concatenate(columns), np.concatenate(values)
        return csr_matrix((value, at, [0, len(at)]), shape=(1, len(self._idf) + len(self._compiled)))


class _Learned:
    """The regressions; ``weights`` has a row an act."""

    def __init__(self, features: _Features, acts: list[str], weights: Any, bias: Any) -> None:
        self.features, self.acts, self.weights, self.bias = features, acts, weights, bias

    def rank(self, message: Message) -> list[tuple[str, float]]:
        """Every act with its share of the chances, the likeliest first."""
        row = self.features.row(message)
        logits = self.weights[:, row.indices] @ row.data + self.bias
        chances = 1 / (1 + np.exp(-logits))
        chances /= chances.sum()
        return sorted(zip(self.acts, map(float, chances), strict=True), key=lambda pair: (-pair[1], pair[0]))


def _runs(message: Message) -> tuple[list[str], list[str]]:
    """Runs of words and of characters, the edges of the utterance (^ and $) among them, punctuation left out."""
    tokens: list[Token] = message.get(TEXT_TOKENS) or []
    words = [bare for token in tokens if (bare := _PUNCTUATION.sub("", token.text.lower()))]
    letters = [*_PUNCTUATION.sub("", message.get(TEXT).lower())]
    return _cut(["^", *words, "$"], _WORD_RUNS, " "), _cut(["^", *letters, "$"], _CHARACTER_RUNS, "")


def _cut(parts: list[str], lengths: tuple[int, ...], joint: str) -> list[str]:
    return [joint.join(parts[at : at + length]) for length in lengths for at in range(len(parts) - length + 1)]
