"""What changed between two contents of an entry, field by field and line by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from config.clock import local
from knowledge.contract import Attachment
from knowledge.entries import NAMES

_LINES_COMPARED: Final = 2000
"""Longer texts are shown as taken out and put in whole: comparing costs their product."""
_LEFT_OUT: Final = frozenset({"id", "version", "sample"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a field. ``op``: same, add or del."""

    op: str
    text: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that changed; ``before`` and ``after`` as they are shown."""

    name: str
    label: str
    before: str
    after: str
    lines: tuple[Line, ...]


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[FieldChange, ...]:
    """The fields in which two contents differ, in the order of the editor."""
    changes = []
    for name, label in NAMES.items():
        old, new = shown(before.get(name)), shown(after.get(name))
        if name not in _LEFT_OUT and old != new:
            changes.append(FieldChange(name, label, old, new, tuple(_lines(old, new))))
    return tuple(changes)


def shown(value: object) -> str:
    """A value as a person reads it: one line for each item of a list."""
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case list() | tuple():
            return "\n".join(shown(item) for item in value)
        case {"name": name} | Attachment(name=name):
            return str(name)
        case datetime():
            return f"{local(value):%Y-%m-%d %H:%M}"
        case _:
            return str(value)


def _lines(before: str, after: str) -> Iterator[Line]:
    old, new = before.split("\n") if before else [], after.split("\n") if after else []
    if max(len(old), len(new)) > _LINES_COMPARED:
        yield from (Line("del", text) for text in old)
        yield from (Line("add", text) for text in new)
        return
    for op, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new).get_opcodes():
        if op == "equal":
            yield from (Line("same", text) for text in old[old_from:old_to])
            continue
        yield from (Line("del", text) for text in old[old_from:old_to])
        yield from (Line("add", text) for text in new[new_from:new_to])
