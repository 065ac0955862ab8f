"""A trigram language model with back-off, as a finite-state acceptor: what citizens and the hotline's bot are likely to say."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TextIO

START: Final = "<s>"
END: Final = "</s>"
DISCOUNT: Final = 0.7
"""Taken off every count and given to the shorter history (absolute discounting, Kneser-Ney continuation counts)."""

History = tuple[str, ...]


class LanguageModel:
    """Interpolated Kneser-Ney trigram over ``sentences``; its unigram is mixed with ``general`` word weights.

    ``general`` holds every word of the vocabulary; ``general_share`` of the unigram's probability is spread by it.
    A pair or triple is kept if it is worth it: its count times the gain in log probability over the shorter history exceeds
    ``pruning``; the rest is left to the back-off. ``openness`` is the part of every probability that the shorter history gets on
    top: text drawn from templates is more regular than people are.
    """

    def __init__(
        self,
        sentences: Iterable[Sequence[str]],
        general: Mapping[str, float],
        *,
        general_share: float = 0.2,
        pruning: float = 3.0,
        openness: float = 0.5,
    ) -> None:
        self._openness = openness
        counts = _counted(sentences)
        self._probability: dict[History, dict[str, float]] = {(): _unigram(counts, general, general_share)}
        self._back_off: dict[History, float] = {}
        for order in (1, 2):
            self._add(order, counts, pruning)

    def _add(self, order: int, counts: "dict[History, Counter[str]]", pruning: float) -> None:
        before: dict[History, Counter[str]] = defaultdict(Counter)
        for history, following in counts.items():
            if len(history) == order + 1:
                for word in following:
                    before[history[1:]][word] += 1
        for history, following in counts.items():
            if len(history) != order or history[1:] not in self._probability:
                continue
            weights = (
                following if order == 2 or history[0] == START else {w: before[history][w] or 1 for w in following}
            )
            self._add_history(history, weights, following, pruning)

    def _add_history(
        self, history: History, weights: Mapping[str, int], counts: Mapping[str, int], pruning: float
    ) -> None:
        total = sum(weights.values())
        held_back = DISCOUNT * len(weights) / total
        held_back += self._openness * (1 - held_back)
        kept, shorter_mass = {}, 0.0
        for word, weight in weights.items():
            shorter = self.probability(word, history[1:])
            probability = (1 - self._openness) * (weight - DISCOUNT) / total + held_back * shorter
            if counts[word] * (math.log(probability) - math.log(shorter)) > pruning:
                kept[word] = probability
                shorter_mass += shorter
        if kept:
            self._probability[history] = kept
            self._back_off[history] = max(1e-6, 1 - sum(kept.values())) / max(1e-6, 1 - shorter_mass)

    def probability(self, word: str, history: History) -> float:
        """P(word | history), backing off where the pair or triple was not seen."""
        weight = 1.0
        while history:
            following = self._probability.get(history)
            if following is not None:
                if word in following:
                    return weight * following[word]
                weight *= self._back_off[history]
            history = history[1:]
        return weight * self._probability[()].get(word, 0.0)

    def size(self) -> tuple[int, int, int]:
        """Number of unigrams, bigrams and trigrams."""
        by_order = Counter({0: 0, 1: 0, 2: 0})
        for history, following in self._probability.items():
            by_order[len(history)] += len(following)
        return by_order[0], by_order[1], by_order[2]

    def _longest(self, history: History) -> History:
        while history and history not in self._probability:
            history = history[1:]
        return history

    def write(self, sink: TextIO, word_ids: Mapping[str, int]) -> None:
        """The acceptor in OpenFst's text form; back-off arcs read nothing (label 0)."""
        states = {history: number for number, history in enumerate(self._probability, 1)}
        start = states[self._longest((START,))]
        sink.write(f"0\t{start}\t0\t0\t0\n")
        for history, following in self._probability.items():
            source = states[history]
            for word, probability in following.items():
                cost = -math.log(max(probability, 1e-12))
                if word == END:
                    sink.write(f"{source}\t{cost:.4f}\n")
                else:
                    target = states[self._longest((*history, word)[-2:])]
                    sink.write(f"{source}\t{target}\t{word_ids[word]}\t{word_ids[word]}\t{cost:.4f}\n")
            if history:
                target = states[self._longest(history[1:])]
                sink.write(f"{source}\t{target}\t0\t0\t{-math.log(self._back_off[history]):.4f}\n")


def _counted(sentences: Iterable[Sequence[str]]) -> "dict[History, Counter[str]]":
    counts: dict[History, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        padded = [START, *sentence, END]
        for index in range(1, len(padded)):
            for order in range(min(3, index + 1)):
                counts[tuple(padded[index - order : index])][padded[index]] += 1
    return counts


def _unigram(
    counts: "dict[History, Counter[str]]", general: Mapping[str, float], general_share: float
) -> dict[str, float]:
    own = counts[()]
    own_total, general_total = sum(own.values()), sum(general.values())
    return {
        word: (1 - general_share) * own.get(word, 0) / own_total
        + general_share * general.get(word, 0.0) / general_total
        for word in own.keys() | general.keys()
    }
