"""Questions asked of an index that does not hold them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from knowledge.contract import Entry
from knowledge.features import Compared, compare
from knowledge.index import Index
from knowledge.text import analyse

_OUT_OF_SCOPE: Final = Path(__file__).parent / "out_of_scope.txt"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question compared with the entries of ``index``. ``right``: position of its entry; ``None``: none answers it."""

    question: str
    compared: Compared
    right: int | None


def leave_one_out(entries: Sequence[Entry]) -> Iterator[Asked]:
    """Every other way of asking, asked of an index without it (one fold takes one way from each entry)."""
    for fold in range(max(len(entry.similar) for entry in entries)):
        index = Index.in_memory(
            replace(entry, similar=entry.similar[:fold] + entry.similar[fold + 1 :]) for entry in entries
        )
        for position, entry in enumerate(entries):
            if fold < len(entry.similar):
                yield ask(index, entry.similar[fold], position)


def ask(index: Index, question: str, right: int | None) -> Asked:
    """Ask one question."""
    return Asked(question, compare(index, analyse(question)), right)


def out_of_scope() -> tuple[str, ...]:
    """Sentences that no sample entry answers, to fit with."""
    lines = _OUT_OF_SCOPE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
