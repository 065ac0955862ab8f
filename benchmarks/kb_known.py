"""``kb`` without an option: the sample entries, asked what search may be tuned on.

Leave-one-out: each other way of asking is asked of an index that does not hold it. Held out: ``data/kb_heldout.yaml``.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

from benchmarks.report import Row, at_least, at_most, percentile
from config.clock import LOCAL_ZONE
from knowledge.calibration.held_out import Asked, ask, leave_one_out
from knowledge.contract import Verdict
from knowledge.entries import sample_entries
from knowledge.index import Index
from knowledge.ranking import MOST_OFFERED, fitted, scores, verdict
from knowledge.search import rank

_HELD_OUT = Path(__file__).parent / "data" / "kb_heldout.yaml"
_AT = datetime(2026, 1, 1, tzinfo=LOCAL_ZONE)


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares (0…1) of the questions that one entry answers."""

    top1: float
    top3: float
    answered: float
    wrong: float
    chosen: float
    abstained: float


def rows() -> list[Row]:
    """The figures."""
    entries = [form.entry(1) for form in sample_entries()]
    index = Index.in_memory(entries)
    position = {entry.id: number for number, entry in enumerate(entries)}
    held_out = yaml.safe_load(_HELD_OUT.read_text(encoding="utf-8"))
    known = figures(leave_one_out(entries))
    seen, fresh = (
        figures(ask(index, question, position[id]) for question, id in held_out[name])
        for name in ("paraphrases", "fresh")
    )
    outside = verdicts(ask(index, sentence, None) for sentence in held_out["out_of_scope"])
    asked = [question for name in ("paraphrases", "fresh") for question, _ in held_out[name]]
    took = latencies(index, asked)
    return [
        at_least("leave_one_out_top1", known.top1, "share", 0.8),
        at_least("leave_one_out_top3", known.top3, "share", 0.9),
        at_most("leave_one_out_wrong_answer", known.wrong, "share", 0.05),
        *_rows("leave_one_out", known),
        *_rows("paraphrases", seen, with_tops=True),
        *_rows("fresh", fresh, with_tops=True),
        at_most("out_of_scope_answered", outside[Verdict.ANSWER] / outside.total(), "share", 0.05),
        Row("out_of_scope_offered", round(outside[Verdict.CHOOSE] / outside.total(), 4), "share"),
        at_most("latency_p50", percentile(took, 0.5), "ms", 10),
        at_most("latency_p99", percentile(took, 0.99), "ms", 10),
    ]


def figures(asked: Iterable[Asked]) -> Figures:
    """Of questions that each have one right entry."""
    counts: Counter[str] = Counter()
    for item in asked:
        ranked = scores(item.compared, fitted())
        best = [position for position, _ in ranked]
        decided = verdict([score for _, score in ranked])
        counts["all"] += 1
        counts["top1"] += best[:1] == [item.right]
        counts["top3"] += item.right in best[:MOST_OFFERED]
        counts[decided.value] += 1
        counts["wrong"] += decided is Verdict.ANSWER and best[0] != item.right
    share = {name: round(counts[name] / counts["all"], 4) for name in ("top1", "top3", "wrong", *Verdict)}
    return Figures(
        share["top1"],
        share["top3"],
        share[Verdict.ANSWER],
        share["wrong"],
        share[Verdict.CHOOSE],
        share[Verdict.ABSTAIN],
    )


def verdicts(asked: Iterable[Asked]) -> Counter[Verdict]:
    """How often each verdict was given."""
    return Counter(verdict([score for _, score in scores(item.compared, fitted())]) for item in asked)


def latencies(index: Index, questions: Sequence[str]) -> list[float]:
    """Milliseconds of each whole search, the best of three: what else the machine does is not search's time."""
    rank(index, questions[0], _AT)
    return [round(min(_took(index, question) for _ in range(3)) * 1000, 3) for question in questions]


def _took(index: Index, question: str) -> float:
    started = time.perf_counter()
    rank(index, question, _AT)
    return time.perf_counter() - started


def _rows(name: str, measured: Figures, *, with_tops: bool = False) -> list[Row]:
    tops = (
        [
            Row(f"{name}_top1", measured.top1, "share"),
            Row(f"{name}_top3", measured.top3, "share"),
            Row(f"{name}_wrong_answer", measured.wrong, "share"),
        ]
        if with_tops
        else []
    )
    return [
        *tops,
        Row(f"{name}_answered", measured.answered, "share"),
        Row(f"{name}_offered", measured.chosen, "share"),
        Row(f"{name}_abstained", measured.abstained, "share"),
    ]
