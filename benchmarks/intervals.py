"""How far a measured share or mean can be trusted: Wilson's interval, and the bootstrap over groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dialog.nlu_report import wilson_bounds

ROUNDS: Final = 2000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """95 %: from ``low`` to ``high``."""

    low: float
    high: float


def wilson(hits: float, of: int) -> Interval:
    """Wilson's 95 % interval of the share ``hits`` ÷ ``of``. Raises ``ValueError`` when ``of`` is not positive."""
    if of <= 0:
        raise ValueError("nothing was asked")
    return Interval(*wilson_bounds(hits, of))


def bootstrap(values: Sequence[float], groups: Sequence[int], *, rounds: int = ROUNDS, seed: int = 1) -> Interval:
    """95 % percentile interval of the mean of ``values``, drawing whole groups (numbered from 0) with replacement.

    Values of one group depend on each other (questions of one cluster), so they are drawn together.
    """
    numbers = np.asarray(groups)
    sums = np.bincount(numbers, weights=np.asarray(values, dtype=float))
    counts = np.bincount(numbers).astype(float)
    present = counts > 0
    sums, counts = sums[present], counts[present]
    rng = np.random.default_rng(seed)
    means: Floats = np.empty(rounds)
    for number in range(rounds):
        drawn = rng.integers(0, len(counts), len(counts))
        means[number] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(low), float(high))
