"""Questions that are asked of a knowledge base, with the entry that is the right answer, or none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import yaml

from knowledge.contract import Entry
from knowledge.features import Compared, compare
from knowledge.index import Index
from knowledge.meant import Reader

_FOLDER: Final = Path(__file__).parent
_OUT_OF_SCOPE: Final = _FOLDER / "out_of_scope.txt"
_NEAR: Final = _FOLDER / "near_misses.txt"
_OTHERWISE: Final = _FOLDER / "asked_otherwise.yaml"

_ENTRY_FOLDS: Final = 15
"""In so many rounds all entries are left out once."""

Reading = Callable[[Index], Reader | None]
"""How questions are read that are asked of an index; ``None``: by words alone."""


def by_words(index: Index) -> Reader | None:
    """Nothing is read for its meaning."""
    return None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question compared with the entries of an index. ``right``: position of its entry; ``None``: none answers it.

    ``group``: the entry whose words were asked; all questions of one group fall into the same fold. ``counts``: how much it does in
    the trust.
    """

    question: str
    compared: Compared
    right: int | None
    group: str = ""
    counts: float = 1.0


def leave_one_out(
    entries: Sequence[Entry],
    heard: Callable[[str], str] = str,
    read: Reading = by_words,
    every: int = 1,
    folds: int | None = None,
) -> Iterator[Asked]:
    """Other ways of asking, asked of an index without it (one fold takes one way from each entry).

    ``heard``: what becomes of a question before it is asked. ``every``: of so many ways one is asked. ``folds``: most folds; where
    entries have more ways, a fold takes several at once.
    """
    most = max((len(entry.similar) for entry in entries), default=0)
    folds = min(most, folds or most)
    for fold in range(folds):
        index = Index.in_memory(
            replace(entry, similar=tuple(way for at, way in enumerate(entry.similar) if at % folds != fold))
            for entry in entries
        )
        reader = read(index)
        for position, entry in enumerate(entries):
            for at in range(fold, len(entry.similar), folds):
                if (at * len(entries) + position) % every == 0:
                    yield ask(index, heard(entry.similar[at]), position, entry.id, reader)


def leave_entry_out(entries: Sequence[Entry], every: int = 1, read: Reading = by_words) -> Iterator[Asked]:
    """Ways of asking of each entry, asked of an index without it and a few others: questions of the same fields without an answer.

    ``every``: of so many ways one is asked.
    """
    for fold in range(min(_ENTRY_FOLDS, len(entries))):
        index = Index.in_memory(entry for at, entry in enumerate(entries) if at % _ENTRY_FOLDS != fold)
        reader = read(index)
        for entry in entries[fold::_ENTRY_FOLDS]:
            for way in (entry.question, *entry.similar)[::every]:
                yield ask(index, way, None, entry.id, reader)


def ask(index: Index, question: str, right: int | None, group: str = "", reader: Reader | None = None) -> Asked:
    """Ask one question."""
    return Asked(question, compare(index, index.question(question), reader=reader), right, group or question)


def ask_all(
    entries: Sequence[Entry],
    asked: Iterable[tuple[str, str | None]],
    read: Reading = by_words,
    heard: Callable[[str], str] = str,
) -> Iterator[Asked]:
    """Ask (question, entry id or ``None``) pairs of all ``entries``; unknown ids are left out, and what is written of its entry.

    ``heard``: what becomes of a question before it is asked.
    """
    index = Index.in_memory(entries)
    reader = read(index)
    place = {entry.id: number for number, entry in enumerate(entries)}
    for question, id in asked:
        if id is None:
            yield ask(index, heard(question), None, question, reader)
        elif id in place and question not in entries[place[id]].similar:
            yield ask(index, heard(question), place[id], id, reader)


def out_of_scope() -> tuple[str, ...]:
    """Sentences that no sample entry answers, to fit with."""
    return _lines(_OUT_OF_SCOPE)


def asked_otherwise() -> tuple[tuple[str, str | None], ...]:
    """Questions in words that the sample entries do not use, each with the id of the entry that answers it or none, to fit with."""
    rows = yaml.safe_load(_OTHERWISE.read_text(encoding="utf-8"))
    return tuple((row["q"], row["entry"]) for row in rows)


def near_misses() -> tuple[str, ...]:
    """Questions of the samples' fields that no sample entry answers, to fit with."""
    return _lines(_NEAR)


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
