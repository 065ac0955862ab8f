"""What knowledge search answers."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Verdict(StrEnum):
    ANSWER = "answer"
    CHOOSE = "choose"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Entry:
    """One published version of a knowledge entry. ``speech`` has at most 80 characters."""

    id: str
    version: int
    question: str
    similar: tuple[str, ...]
    answer: str
    speech: str
    unit: str
    field: str
    source: str
    effective_at: date
    sample: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry with its calibrated score, 0…1."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best entries first. ``margin``: score of the first less that of the second."""

    query: str
    verdict: Verdict
    ranked: tuple[Ranked, ...]
    margin: float
    at: datetime
