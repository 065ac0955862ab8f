"""Templates and slots → sentences. ``(a|b|)`` chooses, ``{slot}`` fills in; see ``text/templates.txt`` and ``text/slots.txt``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

_DEEPEST: Final = 12
_INNERMOST: Final = re.compile(r"\(([^()]*)\)")
_SLOT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Group:
    """Templates of one kind and their share of all sentences."""

    name: str
    weight: float
    templates: tuple[str, ...]


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]


def read_slots(file: Path) -> dict[str, tuple[str, ...]]:
    """``name: value|value`` a line."""
    slots = {}
    for line in _lines(file):
        name, _, values = line.partition(":")
        slots[name.strip()] = tuple(values.strip().split("|"))
    return slots


def read_templates(file: Path) -> list[Group]:
    """Groups headed by ``[name weight]``, one template a line."""
    groups: list[tuple[str, float, list[str]]] = []
    for line in _lines(file):
        if heading := re.fullmatch(r"\[(\w+) ([\d.]+)\]", line):
            groups.append((heading[1], float(heading[2]), []))
        else:
            groups[-1][2].append(line.strip())
    return [Group(name, weight, tuple(templates)) for name, weight, templates in groups]


class Grammar:
    """Draws sentences. ``made`` slots are called, the others chosen from."""

    def __init__(
        self, slots: Mapping[str, tuple[str, ...]], made: Mapping[str, Callable[[Random], str]], draw: Random
    ) -> None:
        self._slots, self._made, self._draw = slots, made, draw

    def _fill(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in self._made:
            return self._made[name](self._draw)
        return self._draw.choice(self._slots[name])

    def sentence(self, template: str) -> str:
        """One sentence of ``template``. Raises ``KeyError`` for an unknown slot, ``RecursionError`` for an endless one."""
        while (chosen := _INNERMOST.sub(lambda match: self._draw.choice(match[1].split("|")), template)) != template:
            template = chosen
        for _ in range(_DEEPEST):
            filled = _SLOT.sub(self._fill, template)
            if filled == template:
                return filled
            template = filled
        raise RecursionError(template)
