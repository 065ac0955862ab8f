"""Intervals against values known from elsewhere."""

import numpy as np
import pytest

from benchmarks.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (12, 600, 0.01148, 0.03463)],
)
def test_wilson(hits: int, of: int, low: float, high: float) -> None:
    found = wilson(hits, of)
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)


def test_nothing_asked_has_no_interval() -> None:
    with pytest.raises(ValueError, match="nothing"):
        wilson(0, 0)


def test_the_bootstrap_of_independent_values_is_the_normal_interval() -> None:
    values = [1.0] * 300 + [0.0] * 700
    found = bootstrap(values, range(1000))
    reach = 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert found.low == pytest.approx(0.3 - reach, abs=0.005)
    assert found.high == pytest.approx(0.3 + reach, abs=0.005)
    assert bootstrap(values, range(1000)) == found


def test_values_of_one_group_are_drawn_together() -> None:
    values = [1.0] * 30 + [0.0] * 70
    apart = bootstrap(values, range(100))
    together = bootstrap(values, [number // 10 for number in range(100)])
    assert together.high - together.low > 2 * (apart.high - apart.low)
