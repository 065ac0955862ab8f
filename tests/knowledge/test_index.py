from dataclasses import replace

import numpy as np
import pytest

from knowledge.contract import Entry
from knowledge.index import Index, Side, hits, ways_of
from knowledge.part import digest, make

from .conftest import MakeForm


@pytest.fixture
def entries(make_form: MakeForm) -> list[Entry]:
    return [
        make_form("A-1", "身份证丢了怎么补", "补领身份证", "身份证找不到了").entry(1),
        make_form("A-2", "驾驶证丢了怎么补", "驾照遗失").entry(1),
        make_form("A-3", "家里停水找谁", "水龙头没水").entry(1),
    ]


def found(index: Index, question: str) -> list[str]:
    return [index.entry(position).id for position in index.candidates(index.question(question)).tolist()]


def test_the_entry_that_shares_most_comes_first(entries: list[Entry]) -> None:
    index = Index.in_memory(entries)
    assert found(index, "驾照不见了要补")[0] == "A-2"
    assert found(index, "没有水用")[0] == "A-3"


def test_what_shares_nothing_finds_nothing(entries: list[Entry]) -> None:
    assert found(Index.in_memory(entries), "xyz") == []
    assert found(Index.in_memory([]), "身份证") == []


def test_rare_terms_weigh_more_and_unknown_ones_count_as_unknown(entries: list[Entry]) -> None:
    index = Index.in_memory(entries)
    question = index.question("月亮丢失停水")
    weights = dict(zip(question.keys["words"].tolist(), question.weights["words"].tolist(), strict=True))
    common, rare = (weights[index.question(word).keys["words"][0]] for word in ("丢失", "停水"))
    assert rare > common
    assert 0 < question.unknown["words"] < 1
    assert index.question("月亮").unknown["words"] == 1
    assert index.question("").unknown["words"] == 1


def test_terms_are_looked_for_in_each_way_of_asking(entries: list[Entry]) -> None:
    index = Index.in_memory(entries)
    (side,) = index.sides
    seen = hits(side, 0, ways_of(side, np.array([0, 2])), index.question("补身份证"), "words")
    assert seen.present.shape == (5, 2)
    assert seen.first.tolist() == [0, 3]
    assert seen.present[:3].any(axis=0).all()
    assert not seen.present[3:].any()


def test_what_changed_stands_beside_what_did_not(entries: list[Entry], make_form: MakeForm) -> None:
    base = Side(make(entries), [entries[0], None, entries[2]])
    new = make_form("A-2", "行驶证丢了怎么补").entry(2)
    index = Index([base, Side(make([new]), [new], base)])
    assert (
        found(index, "驾照遗失")[:1] != ["A-2"] or index.entry(index.candidates(index.question("驾照遗失"))[0]) is new
    )
    assert found(index, "行驶证丢了")[0] == "A-2"
    assert [entry.version for _, entry in index.entries()] == [1, 1, 2]
    assert index.size == 3
    with pytest.raises(LookupError):
        index.entry(1)
    assert index.asked_as_written("驾照遗失") is None
    assert index.asked_as_written("请问行驶证丢了怎么补？") == 3


def test_a_digest_belongs_to_what_is_searched(entries: list[Entry]) -> None:
    one = entries[0]
    assert digest(one) == digest(replace(one, version=7))
    for change in ({"question": "别的"}, {"similar": ("别的",)}, {"answer": "别的"}, {"id": "B"}):
        assert digest(replace(one, **change)) != digest(one)


def test_two_processes_make_the_same_part_as_one(entries: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.part._MANY", 1)
    one, two = make(entries, processes=1), make(entries, processes=2)
    for name, kind in one.kinds.items():
        assert np.array_equal(kind.terms, two.kinds[name].terms)
        assert np.array_equal(kind.entries, two.kinds[name].entries)
