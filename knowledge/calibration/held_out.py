"""Questions that are asked of a knowledge base, with the entry that is the right answer, or none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from knowledge.contract import Entry
from knowledge.features import Compared, compare
from knowledge.index import Index
from knowledge.meant import Reader

_FOLDER: Final = Path(__file__).parent
_OUT_OF_SCOPE: Final = _FOLDER / "out_of_scope.txt"
_NEAR: Final = _FOLDER / "near_misses.txt"


Reading = Callable[[Index], Reader | None]
"""How questions are read that are asked of an index; ``None``: by words alone."""


def by_words(index: Index) -> Reader | None:
    """Nothing is read for its meaning."""
    return None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question compared with the entries of an index. ``right``: position of its entry; ``None``: none answers it.

    ``group``: the entry whose words were asked; all questions of one group fall into the same fold.
    """

    question: str
    compared: Compared
    right: int | None
    group: str = ""


def leave_one_out(
    entries: Sequence[Entry], heard: Callable[[str], str] = str, read: Reading = by_words, every: int = 1
) -> Iterator[Asked]:
    """Other ways of asking, asked of an index without it (one fold takes one way from each entry).

    ``heard``: what becomes of a question before it is asked. ``every``: of so many ways one is asked.
    """
    for fold in range(max((len(entry.similar) for entry in entries), default=0)):
        index = Index.in_memory(
            replace(entry, similar=entry.similar[:fold] + entry.similar[fold + 1 :]) for entry in entries
        )
        reader = read(index)
        for position, entry in enumerate(entries):
            if fold < len(entry.similar) and (fold * len(entries) + position) % every == 0:
                yield ask(index, heard(entry.similar[fold]), position, entry.id, reader)


def by_title(
    entries: Sequence[Entry], every: int = 1, read: Reading = by_words, *, with_answers: bool = False
) -> Iterator[Asked]:
    """Ways of asking, asked of an index that has only the entries' own questions: bases that nobody has tended yet.

    ``every``: of so many ways one is asked. ``with_answers``: the entries have their answers too.
    """
    index = Index.in_memory(
        replace(entry, similar=(), answer=entry.answer if with_answers else "") for entry in entries
    )
    reader = read(index)
    for position, entry in enumerate(entries):
        for way in entry.similar[::every]:
            yield ask(index, way, position, entry.id, reader)


def leave_entry_out(entries: Sequence[Entry], every: int = 1, read: Reading = by_words) -> Iterator[Asked]:
    """Ways of asking of each entry, asked of an index without the entry: questions of the same fields without an answer.

    ``every``: of so many ways one is asked.
    """
    for entry in entries:
        index = Index.in_memory(other for other in entries if other is not entry)
        reader = read(index)
        for way in (entry.question, *entry.similar)[::every]:
            yield ask(index, way, None, entry.id, reader)


def ask(index: Index, question: str, right: int | None, group: str = "", reader: Reader | None = None) -> Asked:
    """Ask one question."""
    return Asked(question, compare(index, index.question(question), reader=reader), right, group or question)


def ask_all(
    entries: Sequence[Entry], asked: Iterable[tuple[str, str | None]], read: Reading = by_words
) -> Iterator[Asked]:
    """Ask (question, entry id or ``None``) pairs of all ``entries``; unknown ids are left out."""
    index = Index.in_memory(entries)
    reader = read(index)
    position = {entry.id: number for number, entry in enumerate(entries)}
    for question, id in asked:
        if id is None or id in position:
            yield ask(index, question, None if id is None else position[id], id or question, reader)


def out_of_scope() -> tuple[str, ...]:
    """Sentences that no sample entry answers, to fit with."""
    return _lines(_OUT_OF_SCOPE)


def near_misses() -> tuple[str, ...]:
    """Questions of the samples' fields that no sample entry answers, to fit with."""
    return _lines(_NEAR)


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
