"""Recognition errors as our own recogniser makes them, for text that nobody has spoken.

:func:`spoil` draws them from what was measured once by ``python -m benchmarks.measure_confusions`` and frozen in
``data/recognition_confusions.json`` before search was tuned: how often characters are replaced, left out and put in, which
for which, how alike the two sound, where in a sentence, how errors follow each other and gather in some sentences.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from benchmarks.sound_alignment import Kind, SoundAlikes

CONFUSIONS: Final = Path(__file__).parent / "data" / "recognition_confusions.json"
HARDER_RATES: Final = (0.10, 0.20)
"""Real callers are recognised worse than synthetic voices: 23.5 % and 38.3 % are published for a small telephone model."""
_SEEN: Final = 2.0
"""So many observations of a character count as much as all that is known of characters that sound like it."""
_MOST: Final = 0.95
"""The largest share of a sentence's characters that is spoiled."""
_DRAWS: Final = 4000

T = TypeVar("T")


@dataclass(frozen=True)
class Confusions:
    """What was measured. Shares are of 1; ``stay``: chance that the character after a wrong one is wrong too;
    ``shape``: of the gamma distribution of sentences' error rates (small: some sentences take most errors).
    """

    rate: float
    left_out: float
    put_in: float
    kinds: Mapping[Kind, float]
    pairs: Mapping[str, Mapping[str, int]]
    insertions: Mapping[str, int]
    positions: Mapping[str, float]
    characters: Mapping[str, int]
    stay: float
    shape: float

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> Self:
        """From what ``measure_confusions`` writes as ``model_of_errors``. Raises ``KeyError`` when it is something else."""
        return cls(**dict(model) | {"kinds": {Kind(name): share for name, share in model["kinds"].items()}})


@cache
def confusions() -> Confusions:
    """The frozen ones."""
    return Confusions.of(_document()["model_of_errors"])


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CONFUSIONS.read_text(encoding="utf-8"))
    return document


def measured_rate() -> float:
    """The character error rate at which the confusions were measured: the default of :func:`spoil`."""
    return confusions().rate


def provenance() -> dict[str, object]:
    """When, with what model and at what error rate the confusions were measured."""
    document = _document()
    return {f"confusions {name}": document[name] for name in ("measured_at", "recogniser", "recogniser_sha256", "cer")}


def spoil(text: str, rng: random.Random, rate: float | None = None) -> str:
    """``text`` as it may be recognised at a character error rate of ``rate`` (0…0.5; default: the measured one).

    Only Chinese characters are touched. The same ``rng`` state gives the same errors.
    """
    return _frozen().spoil(text, rng, rate)


@cache
def _frozen() -> "Spoiler":
    return Spoiler(confusions())


class Spoiler:
    """Draws errors from ``confusions``."""

    def __init__(self, confusions: Confusions) -> None:
        self._of = confusions
        self._alikes = SoundAlikes(confusions.characters)

    def spoil(self, text: str, rng: random.Random, rate: float | None = None) -> str:
        """See :func:`spoil`."""
        wanted = self._of.rate if rate is None else rate
        own = min(_MOST, _scale(self._of.shape, wanted) * rng.gammavariate(self._of.shape, 1 / self._of.shape))
        touched = own * (1 - self._of.put_in)
        enter = min(_MOST, touched * (1 - self._of.stay) / (1 - min(touched, _MOST)))
        stay = max(self._of.stay, enter)
        made: list[str] = []
        wrong = False
        for place, character in enumerate(text):
            if not _is_chinese(character):
                made.append(character)
                continue
            wrong = rng.random() < (stay if wrong else enter * self._of.positions[position(place, len(text))])
            made.append(self._instead(character, rng) if wrong else character)
            if rng.random() < own * self._of.put_in:
                made.append(_one_of(self._of.insertions, rng))
        return "".join(made)

    def _instead(self, character: str, rng: random.Random) -> str:
        if rng.random() < self._of.left_out / (1 - self._of.put_in):
            return ""
        seen = self._of.pairs.get(character, {})
        count = sum(seen.values())
        if rng.random() < count / (count + _SEEN):
            return _one_of(seen, rng)
        return self._sounding_like(character, _one_of(self._of.kinds, rng), rng)

    def _sounding_like(self, character: str, wanted: Kind, rng: random.Random) -> str:
        """A character that sounds like it as ``wanted`` says; as nearly as there are any."""
        alike = self._alikes.of(character)
        return _one_of(alike[wanted if wanted in alike else next(iter(alike))], rng)


def position(place: int, length: int) -> str:
    """Where in a sentence of ``length`` characters: its first two, its last two, or between."""
    if place < 2:
        return "first"
    return "last" if place >= length - 2 else "middle"


@cache
def _scale(shape: float, rate: float) -> float:
    """By what to multiply the gamma draws so that their mean is ``rate`` though none exceeds what can be spoiled."""
    rng = random.Random(1)
    draws = [rng.gammavariate(shape, 1 / shape) for _ in range(_DRAWS)]
    low, high = 0.0, 8 * rate
    for _ in range(40):
        middle = (low + high) / 2
        if sum(min(_MOST, middle * draw) for draw in draws) / _DRAWS < rate:
            low = middle
        else:
            high = middle
    return low


def _one_of(weights: Mapping[T, float], rng: random.Random) -> T:
    names = list(weights)
    return rng.choices(names, cum_weights=list(accumulate(weights.values())))[0]


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff"
