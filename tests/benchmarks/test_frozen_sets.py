"""The frozen evaluation sets: what they say they are, and no wording that anything was trained on."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import ROOT
from knowledge.calibration.held_out import asked_otherwise, near_misses
from knowledge.entries import sample_entries

DATA = ROOT / "benchmarks" / "data"
NLU = ROOT / "dialog" / "bot" / "data" / "nlu"
OUT_OF_SCOPE = ROOT / "knowledge" / "calibration" / "out_of_scope.txt"
SETS = {
    "kb_answerable": 400,
    "kb_unanswerable": 200,
    "nlu_utterances": 300,
    "nlu_out_of_scope": 200,
}
RUN = 6
"""So many characters in a row are somebody else's wording."""


def load(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    return rows


def words_of(row: dict[str, Any]) -> str:
    return str(row.get("q") or row["text"])


def bare(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z\u3400-\u9fff]", "", text)


def runs(text: str) -> Iterator[str]:
    """Every run of :data:`RUN` characters; a shorter text is one run."""
    text = bare(text)
    yield from (text[at : at + RUN] for at in range(max(1, len(text) - RUN + 1)))


def examples(folder: Path) -> Iterator[str]:
    """Every training sentence of the bot, without its marks."""
    for file in sorted(folder.glob("*.yml")):
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            for line in str(block.get("examples", "")).splitlines():
                yield re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\{[^}]*\})", r"\1", line.lstrip(" -"))


@pytest.mark.parametrize("name", SETS)
def test_as_many_as_promised_and_none_twice(name: str) -> None:
    texts = [bare(words_of(row)) for row in load(name)]
    assert len(texts) == SETS[name]
    assert [text for text, count in Counter(texts).items() if count > 1] == []


@pytest.mark.parametrize("name", ["kb_answerable", "kb_unanswerable"])
def test_questions_use_other_words_than_the_entries(name: str) -> None:
    entries = sample_entries()
    known = {entry.id for entry in entries}
    asked = {run for entry in entries for text in (entry.question, *entry.similar) for run in runs(text)}
    for row in load(name):
        assert row.get("entry", row.get("near")) in known
        assert not asked & set(runs(row["q"])), row["q"]


@pytest.mark.parametrize("name", ["kb_answerable", "kb_unanswerable"])
def test_questions_are_none_that_the_search_was_fitted_on(name: str) -> None:
    fitted = {run for text in (*near_misses(), *(text for text, _ in asked_otherwise())) for run in runs(text)}
    for row in load(name):
        assert not fitted & set(runs(row["q"])), row["q"]


def test_every_entry_is_asked_for() -> None:
    assert {row["entry"] for row in load("kb_answerable")} == {entry.id for entry in sample_entries()}


@pytest.mark.parametrize("name", ["nlu_utterances", "nlu_out_of_scope"])
def test_utterances_are_none_that_the_bot_or_the_search_was_fitted_on(name: str) -> None:
    fitted = [*examples(NLU), *OUT_OF_SCOPE.read_text(encoding="utf-8").splitlines()]
    trained = {run for text in fitted for run in runs(text) if text.strip()}
    for row in load(name):
        assert not trained & set(runs(row["text"])), row["text"]


def test_acts_are_those_of_the_bot_and_topics_those_of_the_base() -> None:
    acts = {
        str(block["intent"])
        for file in NLU.glob("*.yml")
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
        if "intent" in block
    }
    topics = {file.stem for file in (ROOT / "knowledge" / "sample").glob("*.yaml")} | {""}
    rows = load("nlu_utterances")
    assert {row["act"] for row in rows} <= acts
    assert {row["topic"] for row in rows} == topics
