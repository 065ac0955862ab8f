"""The entries most worth comparing, beside what adding everything up the plain way says."""

import numpy as np
import pytest

from knowledge import candidates
from knowledge.candidates import Weighed, best
from knowledge.kinds import Floats

ENTRIES = 400


@pytest.fixture
def damping() -> Floats:
    return np.random.default_rng(3).uniform(0.8, 1.2, ENTRIES).astype(np.float32)


def made(seed: int, longest: int = 300) -> list[Weighed]:
    """Lists of all lengths; the longer, the less they weigh."""
    rng = np.random.default_rng(seed)
    lists = []
    for count in rng.integers(1, longest, rng.integers(1, 30)):
        entries = np.sort(rng.choice(ENTRIES, count, replace=False)).astype(np.int32)
        lists.append((float(rng.uniform(0.5, 2.0) * np.log(2 * ENTRIES / count)), entries))
    return lists


def added_up(lists: list[Weighed], damping: Floats, gone: frozenset[int] = frozenset()) -> dict[int, float]:
    """Every entry's score."""
    score: dict[int, float] = {}
    for weight, entries in lists:
        for entry in entries.tolist():
            score[entry] = score.get(entry, 0.0) + weight
    return {entry: value * float(damping[entry]) for entry, value in score.items() if entry not in gone}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("limits", ["read", "looked up"])
def test_the_best_are_those_that_adding_everything_up_finds(
    seed: int, limits: str, damping: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = made(seed)
    if limits == "looked up":
        monkeypatch.setattr(candidates, "READ", max(len(entries) for _, entries in lists))
        monkeypatch.setattr(candidates, "KEPT", ENTRIES)
        monkeypatch.setattr(candidates, "LOOKED_UP", len(lists))
    found, scores = best(lists, damping, None, 10)
    wanted = added_up(lists, damping)
    got = dict(zip(found.tolist(), scores.tolist(), strict=True))
    assert got == pytest.approx({entry: wanted[entry] for entry in got})
    if limits == "read":
        assert sorted(got.values()) == pytest.approx(sorted(sorted(wanted.values())[-10:]))


def test_what_is_no_longer_in_force_is_not_found(damping: Floats) -> None:
    lists = made(5)
    wanted = added_up(lists, damping)
    gone = frozenset(sorted(wanted, key=lambda entry: -wanted[entry])[:5])
    alive = np.ones(ENTRIES, bool)
    alive[list(gone)] = False
    found, scores = best(lists, damping, alive, 10)
    assert not gone & set(found.tolist())
    assert sorted(scores.tolist()) == pytest.approx(sorted(added_up(lists, damping, gone).values())[-10:])


def test_a_long_list_ranks_what_short_ones_find(damping: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "READ", 5)
    even = np.ones(ENTRIES, np.float32)
    rare, common = np.array([3, 7, 9], np.int32), np.arange(7, 300, dtype=np.int32)
    found, scores = best([(4.0, rare), (0.5, common)], even, None, 10)
    assert dict(zip(found.tolist(), scores.tolist(), strict=True)) == {3: 4.0, 7: 4.5, 9: 4.5}


def test_where_every_list_is_long_the_shortest_is_read(damping: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "READ", 5)
    even = np.ones(ENTRIES, np.float32)
    short, long = np.arange(20, 40, dtype=np.int32), np.arange(30, 300, dtype=np.int32)
    found, scores = best([(1.0, long), (2.0, short)], even, None, 10)
    assert set(found.tolist()) == set(range(30, 40))
    assert set(scores.tolist()) == {3.0}


def test_nothing_is_found_by_nothing(damping: Floats) -> None:
    for lists in ([], [(1.0, np.zeros(0, np.int32))]):
        found, scores = best(lists, damping, None, 10)
        assert len(found) == len(scores) == 0
