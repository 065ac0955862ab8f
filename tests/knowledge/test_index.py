import os
from pathlib import Path

import pytest

from knowledge.contract import Entry
from knowledge.index import Index, Weights, fingerprint
from knowledge.text import analyse

from .conftest import MakeForm


@pytest.fixture
def entries(make_form: MakeForm) -> list[Entry]:
    return [
        make_form("A-1", "身份证丢了怎么补", "补领身份证", "身份证找不到了").entry(1),
        make_form("A-2", "驾驶证丢了怎么补", "驾照遗失").entry(1),
        make_form("A-3", "家里停水找谁", "水龙头没水").entry(1),
    ]


def found(index: Index, question: str) -> list[str]:
    return [index.indexed[position].entry.id for position in index.candidates(analyse(question))]


def test_the_entry_that_shares_most_comes_first(entries: list[Entry]) -> None:
    index = Index.in_memory(entries)
    assert found(index, "驾照不见了要补")[0] == "A-2"
    assert found(index, "没有水用")[0] == "A-3"


def test_what_shares_nothing_finds_nothing(entries: list[Entry]) -> None:
    assert found(Index.in_memory(entries), "xyz") == []
    assert found(Index.in_memory([]), "身份证") == []


def test_it_is_opened_again_and_answers_the_same(tmp_path: Path, entries: list[Entry]) -> None:
    built = Index.open(tmp_path, entries)
    (folder,) = tmp_path.iterdir()
    made_at = folder.stat().st_ino
    opened = Index.open(tmp_path, entries)
    assert folder.stat().st_ino == made_at
    for question in ("身份证掉了", "停水", "驾照"):
        assert found(opened, question) == found(built, question)
    assert opened.ways == built.ways


@pytest.mark.parametrize("damage", ["terms", "engine", "empty"])
def test_a_damaged_index_is_made_anew(tmp_path: Path, entries: list[Entry], damage: str) -> None:
    Index.open(tmp_path, entries)
    (folder,) = tmp_path.iterdir()
    for file in list(folder.iterdir()):
        if damage == "empty" or (damage == "terms") == (file.name == "terms.json"):
            file.write_bytes(os.urandom(200)) if damage != "empty" else file.unlink()
    assert found(Index.open(tmp_path, entries), "停水")[0] == "A-3"
    assert found(Index.open(tmp_path, entries), "停水")[0] == "A-3"


def test_other_entries_are_another_index(tmp_path: Path, entries: list[Entry], make_form: MakeForm) -> None:
    Index.open(tmp_path, entries)
    changed = [*entries[:2], make_form("A-3", "家里停电找谁").entry(2)]
    assert fingerprint(changed) != fingerprint(entries)
    assert found(Index.open(tmp_path, changed), "停电")[0] == "A-3"
    assert len(list(tmp_path.iterdir())) == 2


def test_rare_terms_weigh_more_and_unknown_ones_count_as_unknown() -> None:
    weights = Weights([frozenset({"公积金", "提取"}), frozenset({"公积金", "贷款"}), frozenset({"公积金"})])
    common, rare = weights.vector(["公积金"]), weights.vector(["提取"])
    assert rare.total > common.total
    assert weights.likeness(rare, rare) == pytest.approx(1)
    assert weights.likeness(rare, common) == 0
    assert weights.share(weights.vector(["公积金", "提取"]), frozenset({"提取"})) > 0.5
    assert weights.unknown_share(["月亮"]) == 1
    assert 0 < weights.unknown_share(["月亮", "提取"]) < 1
    assert weights.unknown_share([]) == 1
