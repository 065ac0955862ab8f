"""What ``bench soak`` makes of its looks."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.soak import Look, call_rows, growth_rows

IDLE = Look(0, 0, 40, 60, 0, 130.0, 300.0, 500.0)


def looks(change: Callable[[Look], Look] = lambda look: look, *, mb_a_thousand: float = 0.0) -> list[Look]:
    busy = [
        replace(
            IDLE, calls_made=made, calls=20, tasks=400, files=120, ports=40, node_mb=150 + mb_a_thousand * made / 1000
        )
        for made in range(0, 2001, 50)
    ]
    return [IDLE, *busy, change(replace(IDLE, calls_made=2000, node_mb=150.0))]


def missed(seen: list[Look]) -> list[str]:
    return [row.metric for row in growth_rows(seen) if row.met is False]


def test_nothing_grew() -> None:
    assert missed(looks()) == []
    assert missed(looks(mb_a_thousand=4.9)) == []


@pytest.mark.parametrize(
    ("change", "metric"),
    [
        (lambda look: replace(look, ports=2), "RTP and RTCP ports left open"),
        (lambda look: replace(look, tasks=look.tasks + 3), "tasks more than before"),
        (lambda look: replace(look, files=look.files + 3), "file handles more than before"),
        (lambda look: replace(look, calls=1), "calls left"),
    ],
)
def test_what_is_left_over_is_told(change: Callable[[Look], Look], metric: str) -> None:
    assert missed(looks(change)) == [metric]


def test_memory_that_grows_with_the_calls_is_told_and_a_warm_up_is_not() -> None:
    assert missed(looks(mb_a_thousand=6.0)) == ["node memory a 1,000 calls"]
    warm = [replace(look, node_mb=150.0 if look.calls_made >= 400 else 100 + look.calls_made / 8) for look in looks()]
    assert missed(warm) == []


def test_a_burst_of_calls_is_no_growth_and_a_restart_is_told() -> None:
    seen = looks()
    seen[30] = replace(seen[30], node_mb=400.0)
    assert missed(seen) == []
    seen[-1] = replace(seen[-1], restarts=1)
    assert missed(seen) == ["node and gateway restarts"]


def test_a_call_that_failed_misses_the_target() -> None:
    found = {"answered": 1999, "failed": 1, "thin": 0, "ended_by_far_end": 3, "answer_ms": [], "packets": 9}
    assert [row.metric for row in call_rows(found, 2000) if row.met is False] == ["calls answered", "calls failed"]
