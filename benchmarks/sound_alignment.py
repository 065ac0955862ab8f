"""What was said beside what was heard, character by character, and how alike the characters sound."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product
from typing import Final

from asr_models.phonetics import split_syllable, toned_readings


class Kind(StrEnum):
    """How the character that was heard sounds beside the one that was said; the first that holds."""

    HOMOPHONE = "homophone"
    TONE = "tone"
    NEAR = "near"
    FINAL = "final"
    INITIAL = "initial"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Pair:
    """One step of an alignment. Empty ``said``: put in; empty ``heard``: left out; both and unequal: replaced.

    ``at``: place of the character in what was said; of one put in, of the character before it, −1 for none.
    """

    said: str
    heard: str
    at: int

    @property
    def wrong(self) -> bool:
        return self.said != self.heard


_INITIALS: Final = {"zh": "z", "ch": "c", "sh": "s", "n": "l"}
_FINALS: Final = {"ang": "an", "eng": "en", "ing": "in", "iang": "ian", "uang": "uan"}
_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class _Sound:
    toned: str
    base: str
    initial: str | None
    final: str

    @property
    def near(self) -> tuple[str, str]:
        initial = self.initial or ""
        return _INITIALS.get(initial, initial), _FINALS.get(self.final, self.final)


@cache
def _sounds(character: str) -> tuple[_Sound, ...]:
    return tuple(_Sound(toned, toned[:-1], *split_syllable(toned)) for toned in toned_readings(character))


@cache
def kind(said: str, heard: str) -> Kind:
    """How two unequal characters sound beside each other, at their most alike readings."""
    found = Kind.OTHER
    for one, other in product(_sounds(said), _sounds(heard)):
        if one.toned == other.toned:
            return Kind.HOMOPHONE
        if one.base == other.base:
            this = Kind.TONE
        elif one.near == other.near:
            this = Kind.NEAR
        elif one.final == other.final:
            this = Kind.FINAL
        elif one.initial is not None and one.initial == other.initial:
            this = Kind.INITIAL
        else:
            continue
        found = min(found, this, key=_RANK.__getitem__)
    return found


class SoundAlikes:
    """A set of characters by how they sound beside any one. ``characters``: with their weights."""

    def __init__(self, characters: Mapping[str, float]) -> None:
        self._weights = characters
        self._known: dict[str, dict[Kind, dict[str, float]]] = {}
        self._by: dict[Kind, dict[object, set[str]]] = {one: {} for one in Kind}
        for character in characters:
            for sound in _sounds(character):
                for one, key in _keys(sound):
                    self._by[one].setdefault(key, set()).add(character)

    def of(self, said: str) -> Mapping[Kind, Mapping[str, float]]:
        """The other characters with their weights by :func:`kind`, the most alike first; no kind without any."""
        if said not in self._known:
            left = set(self._weights) - {said}
            groups: dict[Kind, set[str]] = {}
            keys = [pair for sound in _sounds(said) for pair in _keys(sound)]
            for one in Kind:
                alike = left if one is Kind.OTHER else set[str]()
                for _, key in (pair for pair in keys if pair[0] is one):
                    alike |= self._by[one].get(key, set()) & left
                groups[one] = alike
                left = left - alike
            self._known[said] = {
                one: {character: self._weights[character] for character in sorted(group)}
                for one, group in groups.items()
                if group
            }
        return self._known[said]


def _keys(sound: _Sound) -> list[tuple[Kind, object]]:
    """By what the characters that sound alike in each way are found."""
    found: list[tuple[Kind, object]] = [
        (Kind.HOMOPHONE, sound.toned),
        (Kind.TONE, sound.base),
        (Kind.NEAR, sound.near),
        (Kind.FINAL, sound.final),
    ]
    return found if sound.initial is None else [*found, (Kind.INITIAL, sound.initial)]


def align(said: str, heard: str) -> tuple[Pair, ...]:
    """The fewest insertions, deletions and replacements; of several ways that whose replacements sound most alike."""
    rows = [[(place, 0) for place in range(len(heard) + 1)]]
    for expected in said:
        above = rows[-1]
        row = [(above[0][0] + 1, 0)]
        for place, got in enumerate(heard):
            wrong, distance = above[place]
            replaced = (wrong, distance) if expected == got else (wrong + 1, distance + _RANK[kind(expected, got)])
            row.append(min(replaced, _step(above[place + 1]), _step(row[place])))
        rows.append(row)
    return tuple(reversed(list(_back(rows, said, heard))))


def _step(cell: tuple[int, int]) -> tuple[int, int]:
    return cell[0] + 1, cell[1]


def _back(rows: list[list[tuple[int, int]]], said: str, heard: str) -> Iterator[Pair]:
    """From the end of both to their beginnings."""
    i, j = len(said), len(heard)
    while i or j:
        cell = rows[i][j]
        if i and cell == _step(rows[i - 1][j]):
            i -= 1
            yield Pair(said[i], "", i)
        elif j and cell == _step(rows[i][j - 1]):
            j -= 1
            yield Pair("", heard[j], i - 1)
        else:
            i, j = i - 1, j - 1
            yield Pair(said[i], heard[j], i)
