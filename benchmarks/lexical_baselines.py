"""What search is compared with: TF-IDF over characters and pairs of them, and plain BM25 over jieba's words.

Both see the text normalised as search sees it (half-width, lower-case, numbers in characters, no punctuation), which helps them.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Final, Protocol

import jieba
import numpy as np
import numpy.typing as npt

from config.settings import default_data_dir
from knowledge.text import normalise

K1: Final = 1.2
B: Final = 0.75

Floats = npt.NDArray[np.float64]


class Baseline(Protocol):
    """Scores all texts it was made of against a question."""

    def scores(self, question: str) -> Floats: ...


def one_and_two_grams(text: str) -> list[str]:
    """The characters of the normalised text and its pairs of neighbours."""
    plain = normalise(text)
    return [*plain, *(first + second for first, second in pairwise(plain))]


def jieba_words(text: str) -> list[str]:
    """The words of the normalised text, by jieba with its own dictionary and its guesses at unknown words."""
    return [str(word) for word in _plain_jieba().lcut(normalise(text))]


@cache
def _plain_jieba() -> jieba.Tokenizer:
    jieba.setLogLevel(logging.WARNING)
    segmenter = jieba.Tokenizer()
    folder = default_data_dir() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    segmenter.tmp_dir = str(folder)
    segmenter.initialize()
    return segmenter


class _Postings:
    """Term → the texts that have it, and its weight in each."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._made: dict[str, tuple[list[int], list[float]]] = {}
        self._arrays: dict[str, tuple[npt.NDArray[np.int64], Floats]] = {}

    def add(self, term: str, text: int, weight: float) -> None:
        texts, weights = self._made.setdefault(term, ([], []))
        texts.append(text)
        weights.append(weight)

    def sum(self, asked: dict[str, float]) -> Floats:
        """Of each text the weights of the terms asked, each times how much it is asked."""
        total: Floats = np.zeros(self._size)
        for term, weight in asked.items():
            if term not in self._arrays:
                if term not in self._made:
                    continue
                texts, weights = self._made[term]
                self._arrays[term] = np.array(texts), np.array(weights)
            places, values = self._arrays[term]
            total[places] += weight * values
        return total


class TfIdf:
    """Cosine of TF-IDF vectors, as is usual: raw counts, idf = ln((1 + n) / (1 + df)) + 1, length 1."""

    def __init__(self, texts: Sequence[str], terms: Callable[[str], list[str]] = one_and_two_grams) -> None:
        self._terms = terms
        counted = [Counter(terms(text)) for text in texts]
        documents = Counter(term for counts in counted for term in counts)
        self._idf = {term: math.log((1 + len(texts)) / (1 + count)) + 1 for term, count in documents.items()}
        self._postings = _Postings(len(texts))
        for number, counts in enumerate(counted):
            for term, weight in self._vector(counts).items():
                self._postings.add(term, number, weight)

    def _vector(self, counts: Counter[str]) -> dict[str, float]:
        weights = {term: count * self._idf[term] for term, count in counts.items() if term in self._idf}
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {term: weight / length for term, weight in weights.items()}

    def scores(self, question: str) -> Floats:
        """Cosine with each text, 0…1."""
        return self._postings.sum(self._vector(Counter(self._terms(question))))


class Bm25:
    """Okapi BM25 with idf = ln(1 + (n − df + ½) / (df + ½)), k1 = 1.2, b = 0.75."""

    def __init__(self, texts: Sequence[str], terms: Callable[[str], list[str]] = jieba_words) -> None:
        self._terms = terms
        counted = [Counter(terms(text)) for text in texts]
        documents = Counter(term for counts in counted for term in counts)
        size = len(texts)
        average = sum(counts.total() for counts in counted) / max(1, size)
        self._postings = _Postings(size)
        for number, counts in enumerate(counted):
            norm = K1 * (1 - B + B * counts.total() / average) if average else K1
            for term, count in counts.items():
                idf = math.log(1 + (size - documents[term] + 0.5) / (documents[term] + 0.5))
                self._postings.add(term, number, idf * count * (K1 + 1) / (count + norm))

    def scores(self, question: str) -> Floats:
        """One score a text, from 0 up."""
        return self._postings.sum({term: float(count) for term, count in Counter(self._terms(question)).items()})
