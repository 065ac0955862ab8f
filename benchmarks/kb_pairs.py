"""Retrieval on public sets of question pairs, beside TF-IDF and BM25, clean and with recognition errors.

Sentences that pairs call the same are one cluster; of each cluster the first sentence is indexed and the others are asked.
The pairs are read where shared material lies (:func:`benchmarks.tianhe.folder`); they are not part of this repository.
"""

import csv
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.intervals import bootstrap
from benchmarks.lexical_baselines import Baseline, Bm25, Floats, TfIdf
from benchmarks.recognition_errors import HARDER_RATES, measured_rate, spoil
from benchmarks.report import Row, at_least
from benchmarks.tianhe import folder
from config.errors import HotlineError
from knowledge.contract import Entry
from knowledge.index import Index
from knowledge.meaning import encoder
from knowledge.meant import Reader, Vectors
from knowledge.reading import read_entries
from knowledge.search import order

SETS: Final = {"lcqmc": "lcqmc_dev.txt", "bq": "bq_dev.csv"}
AHEAD_CLEAN: Final = 0.02
AHEAD_SPOILED: Final = 0.05
_SEED: Final = 20261121


class PairsMissing(HotlineError):
    """The set of pairs is not at hand."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(
            "pairs_missing",
            f"没有 {name} 的句对文件 {file.name}：它不随程序附带，请放在 {file.parent}，或用环境变量 HOTLINE_SHARED 指出共享资料的文件夹",
        )


@dataclass(frozen=True, slots=True)
class Retrieval:
    """``indexed``: one sentence a cluster; ``asked``: the others, each with the number of its cluster."""

    indexed: tuple[str, ...]
    asked: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Of each question: 1 where the right sentence came first, else 0; and 1 ÷ its place, 0 where it was not found."""

    top1: tuple[float, ...]
    reciprocal: tuple[float, ...]


def read_pairs(name: str) -> list[tuple[str, str, bool]]:
    """The pairs of one of ``SETS``: two sentences, and whether they mean the same. Raises :class:`PairsMissing`."""
    file = folder() / "data" / "pairs" / SETS[name]
    if not file.is_file():
        raise PairsMissing(name, file)
    with file.open(encoding="utf-8-sig", newline="") as handle:
        if file.suffix == ".csv":
            return [(row["sentence1"], row["sentence2"], row["label"].strip() == "1") for row in csv.DictReader(handle)]
        rows = (line.rstrip("\r\n").split("\t") for line in handle)
        return [(row[0], row[1], row[2].strip() == "1") for row in rows if len(row) == 3]


def clustered(pairs: Iterable[tuple[str, str, bool]]) -> Retrieval:
    """Sentences joined by pairs of the same meaning, in the order of the file."""
    parent: dict[str, str] = {}

    def root(sentence: str) -> str:
        parent.setdefault(sentence, sentence)
        while parent[sentence] != sentence:
            parent[sentence] = parent[parent[sentence]]
            sentence = parent[sentence]
        return sentence

    for one, other, same in pairs:
        one, other = one.strip(), other.strip()
        if same and one and other and one != other:
            first, second = root(one), root(other)
            parent[second] = first
    clusters: dict[str, list[str]] = {}
    for sentence in parent:
        clusters.setdefault(root(sentence), []).append(sentence)
    members = list(clusters.values())
    return Retrieval(
        tuple(one[0] for one in members),
        tuple((sentence, number) for number, one in enumerate(members) for sentence in one[1:]),
    )


def rows(name: str) -> list[Row]:
    """The figures of one set. Raises :class:`PairsMissing`."""
    sets = clustered(read_pairs(name))
    entries = list(map(_entry, range(len(sets.indexed)), sets.indexed))
    index = Index.in_memory(entries)
    reader = _reader(index, entries)
    rankers: dict[str, Callable[[str, int], int | None]] = {
        "search": lambda question, right: _place_in(index, question, right, reader),
        "tf-idf": _by_score(TfIdf(sets.indexed)),
        "bm25": _by_score(Bm25(sets.indexed)),
    }
    found = [Row("sentences indexed", len(sets.indexed), "count"), Row("questions asked", len(sets.asked), "count")]
    groups = [right for _, right in sets.asked]
    for rate in (0.0, measured_rate(), *HARDER_RATES):
        rng = random.Random(_SEED)
        asked = [(spoil(question, rng, rate) if rate else question, right) for question, right in sets.asked]
        results = {ranker: measured(place, asked) for ranker, place in rankers.items()}
        title = f"errors {rate:.3f}" if rate else "clean"
        found += compared(title, results, groups, AHEAD_SPOILED if rate else AHEAD_CLEAN)
    return found


def measured(place: Callable[[str, int], int | None], asked: Iterable[tuple[str, int]]) -> Found:
    """Ask everything; ``place`` tells the place (from 1) of the right sentence, ``None`` for not found."""
    places = [place(question, right) for question, right in asked]
    return Found(
        tuple(float(one == 1) for one in places),
        tuple(1 / one if one else 0.0 for one in places),
    )


def compared(title: str, results: Mapping[str, Found], groups: Sequence[int], ahead: float) -> list[Row]:
    """Each ranker's figures with their intervals, and by how much search is ahead of each of the others."""
    found: list[Row] = []
    for name, result in results.items():
        found += _with_interval(f"{title} {name} top-1", result.top1, groups)
        found += _with_interval(f"{title} {name} MRR", result.reciprocal, groups)
    ours = results["search"]
    for name, result in results.items():
        if name == "search":
            continue
        for figure, mine, theirs in (("top-1", ours.top1, result.top1), ("MRR", ours.reciprocal, result.reciprocal)):
            lead = [one - other for one, other in zip(mine, theirs, strict=True)]
            found += _with_interval(f"{title} {figure} ahead of {name}", lead, groups, ahead)
    return found


def place_of(scores: Sequence[float] | Floats, right: int) -> int | None:
    """The place of ``right`` by falling score, equal scores in their order; ``None`` when it scored nothing."""
    values = np.asarray(scores)
    own = values[right]
    if own <= 0:
        return None
    return int((values > own).sum() + (values[:right] == own).sum()) + 1


def _with_interval(
    title: str, values: Sequence[float], groups: Sequence[int], target: float | None = None
) -> list[Row]:
    mean = round(sum(values) / len(values), 4)
    interval = bootstrap(values, groups)
    return [
        Row(title, mean, "share") if target is None else at_least(title, mean, "share", target),
        Row(f"{title} 95% low", round(interval.low, 4), "share"),
        Row(f"{title} 95% high", round(interval.high, 4), "share"),
    ]


def _by_score(baseline: Baseline) -> Callable[[str, int], int | None]:
    return lambda question, right: place_of(baseline.scores(question), right)


def _reader(index: Index, entries: Sequence[Entry]) -> Reader | None:
    """The sentences indexed, read for their meaning as a knowledge base is; ``None`` where that cannot be done."""
    model = encoder()
    if model is None:
        return None
    vectors = Vectors([])
    read_entries(model, vectors, entries, _tell)
    return Reader(vectors.of(index), model, wait_s=60)


def _tell(done: int, all_: int) -> None:
    if done % 500 == 0 or done == all_:
        sys.stderr.write(f"读懂 {done}/{all_}\n")


def _place_in(index: Index, question: str, right: int, reader: Reader | None) -> int | None:
    positions = [position for position, _ in order(index, question, reader=reader).ranked]
    return positions.index(right) + 1 if right in positions else None


def _entry(number: int, sentence: str) -> Entry:
    """A sentence as an entry that has nothing but its question."""
    return Entry(
        id=f"{number:06}",
        version=1,
        question=sentence,
        similar=(),
        answer="",
        speech="",
        unit="",
        field="",
        source="",
        effective_at=date(2020, 1, 1),
        sample=False,
    )
