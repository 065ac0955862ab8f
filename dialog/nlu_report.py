"""How well labels were told apart: the figures of one classifier on a labelled set, and what differs between two.

Pure: works for acts and topics alike, on a fixed set as on the parts of a cross-validation.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

Z_95: Final = 1.959963984540054
"""The normal distribution's two-sided 95 % point."""


@dataclass(frozen=True, slots=True)
class Share:
    """``part`` of ``whole`` with its 95 % Wilson score interval, all as 0…1."""

    part: int
    whole: int
    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: how often it was right to give it (precision), how often it was found (recall). ``support``: how often due."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    given: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """``count`` times ``found`` was given where ``expected`` was due."""

    expected: str
    found: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """Figures over one labelled set. ``confusions``: the wrong pairs only, the most frequent first.

    ``macro_f1`` is the mean over the labels that are due at least once; a label that is only given (「not understood」)
    costs the due ones their recall and has no F1 of its own to be averaged.
    """

    accuracy: Share
    macro_f1: float
    labels: tuple[LabelFigures, ...]
    confusions: tuple[Confusion, ...]

    def to_json(self, worst: int | None = None) -> dict[str, Any]:
        """For pages and commands; ``worst`` limits the confusions."""
        return {
            "total": self.accuracy.whole,
            "accuracy": self.accuracy.to_json(),
            "macro_f1": self.macro_f1,
            "labels": [asdict(label) for label in self.labels],
            "confusions": [asdict(confusion) for confusion in self.confusions[:worst]],
        }


@dataclass(frozen=True, slots=True)
class Change:
    """An utterance that two models judge differently. ``effect``: ``fixed`` | ``broken`` | ``other`` (both wrong)."""

    text: str
    expected: str
    before: str
    after: str
    effect: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate beside the live model on the same set."""

    before: Report
    after: Report
    changes: tuple[Change, ...]

    def to_json(self, worst: int | None = None) -> dict[str, Any]:
        effects = Counter(change.effect for change in self.changes)
        return {
            "before": self.before.to_json(worst),
            "after": self.after.to_json(worst),
            "fixed": effects["fixed"],
            "broken": effects["broken"],
            "changes": [asdict(change) for change in self.changes],
        }


def wilson(part: int, whole: int) -> Share:
    """``part`` of ``whole`` with the Wilson score interval. Raises :class:`ValueError` when it is no share."""
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"{part} of {whole} is no share")
    return Share(part, whole, part / whole, *wilson_bounds(part, whole))


def wilson_bounds(part: float, whole: int) -> tuple[float, float]:
    """The Wilson score interval's two ends, 0…1; ``part`` may be a mean of several runs. ``whole`` is positive."""
    share, z2 = part / whole, Z_95**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = Z_95 / (1 + z2 / whole) * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def report(expected: Sequence[str], found: Sequence[str]) -> Report:
    """The figures for ``found`` where ``expected`` was due, one for one.

    Raises :class:`ValueError` for an empty set or lists of different lengths.
    """
    pairs = Counter(zip(expected, found, strict=True))
    due, given = Counter(expected), Counter(found)
    labels = tuple(_figures(label, pairs[label, label], due[label], given[label]) for label in sorted(due | given))
    measured = [label.f1 for label in labels if label.support]
    wrong = sorted(
        (Confusion(*pair, count) for pair, count in pairs.items() if pair[0] != pair[1]),
        key=lambda confusion: (-confusion.count, confusion.expected, confusion.found),
    )
    accuracy = wilson(sum(pairs[label, label] for label in due), len(expected))
    return Report(accuracy, sum(measured) / len(measured), labels, tuple(wrong))


def compare(texts: Sequence[str], expected: Sequence[str], before: Sequence[str], after: Sequence[str]) -> Comparison:
    """What the labels ``after`` change against ``before`` on ``texts``. Raises :class:`ValueError` as :func:`report`."""
    changes = tuple(
        Change(text, due, old, new, _effect(due, old, new))
        for text, due, old, new in zip(texts, expected, before, after, strict=True)
        if old != new
    )
    return Comparison(report(expected, before), report(expected, after), changes)


def _figures(label: str, right: int, due: int, given: int) -> LabelFigures:
    precision, recall = right / given if given else 0.0, right / due if due else 0.0
    f1 = 2 * right / (due + given)
    return LabelFigures(label, precision, recall, f1, due, given)


def _effect(due: str, old: str, new: str) -> str:
    if new == due:
        return "fixed"
    return "broken" if old == due else "other"
