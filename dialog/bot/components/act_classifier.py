"""Tells the dialogue acts apart by words, character runs and what the sentence means."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
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
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression

from components import sentence_vectors

_PUNCTUATION: Final = re.compile(r"[\s，。！？、；：…,.!?;:~～]+")
_WORD_RUNS: Final = (1, 2)
_CHARACTER_RUNS: Final = (1, 2, 3)
NEAREST: Final = "nearest_examples"
"""Name of what :meth:`ActClassifier.process` tells of the neighbours."""
_NEIGHBOURS: Final = 5
_TOLERANCE: Final = 1e-2
"""Of the solver: a tighter one trains three times as long for the same acts."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class ActClassifier(GraphComponent, IntentClassifier):
    """One logistic regression an act over TF-IDF of words and characters, and the markers of ``data/nlu/patterns.yml``.

    Runs of one and two words and of one to three characters, with the beginning and the end of the utterance as signs of
    their own, so that 「吗」 at the end is another feature than inside. Each of the three kinds of features has a vector of
    length 1. Acts weigh the same however many examples they have (``balanced``). Rasa's own pair of CountVectorsFeaturizer
    and LogisticRegressionClassifier trains ten times as long for the same accuracy.

    A second set of regressions sees the sentence's vector too (:mod:`components.sentence_vectors`; those of the examples lie
    in the file ``vectors``), in as many of its ``directions`` as tell most: 128 of 384 train twice as fast and judge as
    well. It judges wherever vectors can be made; the first set judges where they cannot.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"C": 20.0, "balanced": True, "vectors": "vectors/examples.npz", "directions": 128}

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
                learned = _Learned(_Features(**known["features"]), known["acts"], dict(arrays))
        return cls(config, model_storage, resource, learned)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the examples; there must be two acts or more."""
        examples = [one for one in training_data.intent_examples if one.get(INTENT) and one.get(TEXT)]
        patterns = [pattern["pattern"] for pattern in training_data.regex_features]
        features = _Features.of(examples, patterns)
        matrix = vstack([features.row(example) for example in examples]).tocsr()
        due = [example.get(INTENT) for example in examples]
        acts = sorted(set(due))
        arrays = self._regress(matrix, due, acts)
        rows = sentence_vectors.vectors([one.get(TEXT) for one in examples], Path(self._config["vectors"]))
        if rows is not None:
            meanings = {"centre": rows.mean(axis=0), "directions": _directions(rows, self._config["directions"])}
            whole = hstack([matrix, csr_matrix(_meant(rows, **meanings))]).tocsr()
            arrays |= {f"meant_{name}": array for name, array in self._regress(whole, due, acts).items()} | meanings
            arrays["examples"] = _meant(rows, **meanings).astype(np.float16)
            arrays["examples_acts"] = np.array([acts.index(act) for act in due], np.uint8)
        self._learned = _Learned(features, acts, arrays)
        self._persist(self._learned)
        return self._resource

    def _regress(self, matrix: csr_matrix, due: Sequence[str], acts: Sequence[str]) -> dict[str, Any]:
        """A regression an act on the rows of ``matrix``: ``weights`` with a row an act, and ``bias``."""
        weights, bias = [], []
        for act in acts:
            model = LogisticRegression(
                C=self._config["C"],
                solver="liblinear",
                class_weight="balanced" if self._config["balanced"] else None,
                random_state=0,
                tol=_TOLERANCE,
            ).fit(matrix, np.array(due) == act)
            weights.append(model.coef_[0])
            bias.append(model.intercept_[0])
        return {"weights": np.array(weights, dtype=np.float32), "bias": np.array(bias)}

    def process(self, messages: list[Message]) -> list[Message]:
        """Set each message's act and the ranking of all acts; confidences add up to 1.

        Where there are vectors, :data:`NEAREST` too: by act, how near the nearest examples are (cosines, nearest first).
        """
        for message in messages:
            if self._learned is None or not message.get(TEXT):
                continue
            meant = self._learned.meant(message, Path(self._config["vectors"]))
            ranking = [
                {INTENT_NAME_KEY: act, PREDICTED_CONFIDENCE_KEY: chance}
                for act, chance in self._learned.rank(message, meant)
            ]
            if meant is not None:
                message.set(NEAREST, self._learned.nearest(meant))
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages

    def _persist(self, learned: "_Learned") -> None:
        with self._storage.write_to(self._resource) as folder:
            known = {"features": learned.features.to_json(), "acts": learned.acts}
            (folder / "features.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
            np.savez_compressed(folder / "weights.npz", **learned.arrays)


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
    """What was learned. The regressions ``weights`` (a row an act) and ``bias`` by words and characters; where there were vectors to learn
    from, ``meant_weights`` and ``meant_bias`` with :func:`_meant` as the last columns, its ``centre`` and ``directions``, and
    the ``examples`` themselves, each with its act's number in ``examples_acts``.
    """

    def __init__(self, features: _Features, acts: list[str], arrays: dict[str, Any]) -> None:
        self.features, self.acts, self.arrays = features, acts, arrays

    def meant(self, message: Message, kept: Path) -> Any | None:
        """The message's place among the examples; ``None`` where it has no vector or there was none to learn from."""
        if "centre" not in self.arrays:
            return None
        vector = sentence_vectors.vector(sentence_vectors.plain(message.get(TEXT)), kept)
        return None if vector is None else _meant(vector[None], self.arrays["centre"], self.arrays["directions"])[0]

    def rank(self, message: Message, meant: Any | None) -> list[tuple[str, float]]:
        """Every act with its share of the chances, the likeliest first."""
        row, arrays = self.features.row(message), self.arrays
        if meant is None:
            logits = arrays["weights"][:, row.indices] @ row.data + arrays["bias"]
        else:
            weights = arrays["meant_weights"]
            logits = weights[:, row.indices] @ row.data + weights[:, row.shape[1] :] @ meant + arrays["meant_bias"]
        chances = 1 / (1 + np.exp(-logits))
        chances /= chances.sum()
        return sorted(zip(self.acts, map(float, chances), strict=True), key=lambda pair: (-pair[1], pair[0]))

    def nearest(self, meant: Any) -> dict[str, list[float]]:
        """By act, the cosines of the examples nearest to ``meant``, at most :data:`_NEIGHBOURS` of them."""
        near = self.arrays["examples"].astype(np.float32) @ meant.astype(np.float32)
        of = self.arrays["examples_acts"]
        return {
            act: sorted(map(float, near[of == number]), reverse=True)[:_NEIGHBOURS]
            for number, act in enumerate(self.acts)
        }


def _meant(rows: Any, centre: Any, directions: Any) -> Any:
    """What sentences say beside what all have in common, of length 1 at most; of rows of zeros nothing."""
    return _centred(rows, centre) @ directions


def _centred(rows: Any, centre: Any) -> Any:
    moved = np.where(rows.any(axis=1, keepdims=True), rows - centre, 0)
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)


def _directions(rows: Any, count: int) -> Any:
    """The ``count`` directions, a column each, in which the centred rows differ most."""
    moved = _centred(rows, rows.mean(axis=0))
    return np.linalg.eigh(moved.T @ moved)[1][:, ::-1][:, :count].astype(np.float32)


def _runs(message: Message) -> tuple[list[str], list[str]]:
    """Runs of words and of characters, the edges of the utterance (^ and $) among them, punctuation left out."""
    tokens: list[Token] = message.get(TEXT_TOKENS) or []
    words = [bare for token in tokens if (bare := _PUNCTUATION.sub("", token.text.lower()))]
    letters = [*_PUNCTUATION.sub("", message.get(TEXT).lower())]
    return _cut(["^", *words, "$"], _WORD_RUNS, " "), _cut(["^", *letters, "$"], _CHARACTER_RUNS, "")


def _cut(parts: list[str], lengths: tuple[int, ...], joint: str) -> list[str]:
    return [joint.join(parts[at : at + length]) for length in lengths for at in range(len(parts) - length + 1)]
