"""Pairs made into a retrieval set, and what is reckoned from places."""

from pathlib import Path

import pytest

from benchmarks import kb_pairs
from benchmarks.kb_pairs import Found, PairsMissing, clustered, compared, measured, place_of, read_pairs


def test_sentences_joined_by_pairs_are_one_cluster() -> None:
    sets = clustered([
        ("甲一", "甲二", True), ("乙一", "乙二", True), ("甲二", "甲三", True), ("甲一", "乙一", False), ("丙", "丙", True),
    ])  # fmt: skip
    assert sets.indexed == ("甲一", "乙一")
    assert sets.asked == (("甲二", 0), ("甲三", 0), ("乙二", 1))


def test_clusters_that_meet_later_become_one() -> None:
    sets = clustered([("一", "二", True), ("三", "四", True), ("二", "四", True)])
    assert len(sets.indexed) == 1
    assert {right for _, right in sets.asked} == {0}
    assert len(sets.asked) == 3


def test_places() -> None:
    assert place_of([0.1, 0.9, 0.5], 1) == 1
    assert place_of([0.1, 0.9, 0.5], 0) == 3
    assert place_of([0.5, 0.5, 0.5], 2) == 3
    assert place_of([0.5, 0.0], 1) is None


def test_figures_of_places() -> None:
    places = {"a": 1, "b": 4, "c": None}
    found = measured(lambda question, _: places[question], [("a", 0), ("b", 1), ("c", 2)])
    assert found == Found((1.0, 0.0, 0.0), (1.0, 0.25, 0.0))


def test_a_lead_has_its_own_interval_and_target() -> None:
    ours, theirs = Found((1.0,) * 40, (1.0,) * 40), Found((1.0, 0.0) * 20, (1.0, 0.5) * 20)
    rows = {row.metric: row for row in compared("clean", {"search": ours, "bm25": theirs}, range(40), 0.3)}
    lead = rows["clean top-1 ahead of bm25"]
    assert (lead.value, lead.met) == (0.5, True)
    assert rows["clean MRR ahead of bm25"].met is False
    assert rows["clean top-1 ahead of bm25 95% low"].value < 0.5 < rows["clean top-1 ahead of bm25 95% high"].value


def test_both_forms_of_file_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kb_pairs, "folder", lambda: tmp_path)
    (tmp_path / "data" / "pairs").mkdir(parents=True)
    (tmp_path / "data" / "pairs" / "bq_dev.csv").write_text(
        "\ufeffsentence1,sentence2,label\n怎么还款,如何还款,1\n", encoding="utf-8"
    )
    (tmp_path / "data" / "pairs" / "lcqmc_dev.txt").write_text("水是什么\t什么是水\t1\n甲\t乙\t0\n", encoding="utf-8")
    assert read_pairs("bq") == [("怎么还款", "如何还款", True)]
    assert read_pairs("lcqmc") == [("水是什么", "什么是水", True), ("甲", "乙", False)]


def test_absent_pairs_are_named_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kb_pairs, "folder", lambda: tmp_path)
    with pytest.raises(PairsMissing, match="HOTLINE_SHARED"):
        read_pairs("lcqmc")
