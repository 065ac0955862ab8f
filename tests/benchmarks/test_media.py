"""What ``bench media`` makes of its findings."""

from typing import Any

from benchmarks.media import rows


def finding(**changed: Any) -> dict[str, Any]:
    gaps = {"p50": 20.0, "p95": 21.0, "p99": 22.0, "worst": 29.0}
    found = {
        "answered": 200,
        "rate_mean": 50.0,
        "rate_worst": 49.9,
        "gap_ms": gaps,
        "received": 100_000,
        "in_time": 100_000,
        "lost": 0,
        "processor_s": 5.0,
        "generator_processor_s": 2.0,
        "window_s": 10.0,
    }
    return found | changed


def verdicts(ours: dict[str, Any], theirs: dict[str, Any]) -> list[bool]:
    return [row.met for row in rows({"hotline": ours, "pyvoip": theirs}, 200) if row.met is not None]


def test_all_targets_are_met_by_half_the_work() -> None:
    assert verdicts(finding(), finding(processor_s=10.0)) == [True, True, True, True]


def test_each_target_can_be_missed() -> None:
    slow = finding(gap_ms={"p50": 20.0, "p95": 21.0, "p99": 31.0, "worst": 90.0})
    assert verdicts(finding(answered=199), finding(processor_s=10.0)) == [False, True, True, True]
    assert verdicts(finding(rate_mean=49.4), finding(processor_s=10.0)) == [True, False, True, True]
    assert verdicts(slow, finding(processor_s=10.0)) == [True, True, False, True]
    assert verdicts(finding(), finding(processor_s=9.9)) == [True, True, True, False]


def test_packets_that_come_too_late_cost_without_counting() -> None:
    assert verdicts(finding(in_time=50_000), finding(processor_s=10.0))[3] is False
