"""Bases that nobody has tended as well as the one that is fitted on, or that hold less: what weights must serve too.

The figures that a feature takes depend on the base. In one of two entries whatever is asked is likeliest for one of them; in one of
thousands of single sentences the right one differs from others by a character. Weights that never saw such bases misjudge them.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

from knowledge.calibration.held_out import Asked, Reading, ask, by_words
from knowledge.contract import Entry
from knowledge.index import Index
from knowledge.text import analyse

FEWER: Final = 6
"""Of an entry's ways of asking, one in so many is left where it is less tended."""
SIZES: Final = ((1, 48), (2, 32), (4, 20), (8, 12), (16, 8), (40, 4))
"""Entries of a small base, and how many bases of that size are asked."""
_SEED: Final = 20261121
_MOST_OUTSIDE: Final = 20
"""Questions that a small base is asked about entries that it does not have."""
_ONE_IN: Final = 3
"""Of an entry's ways of asking one in so many is kept as a sentence of its own; the others are asked where they are near one."""
MOST_SENTENCES: Final = 25
"""Sentences of an entry that are kept."""
NEAR: Final = 0.35
"""Share of the pairs of characters that two sentences have in common (cosine) from which on they are near."""


def less_tended(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    """``entries`` with a few of their other ways of asking, without any, and without an answer either."""
    for shaped in (_fewer, _without_ways, _bare):
        yield tuple(shaped(entry, at) for at, entry in enumerate(entries))


def ask_small(
    entries: Sequence[Entry], asked: Sequence[tuple[str, str | None]], read: Reading = by_words
) -> Iterator[Asked]:
    """Ask bases of few of ``entries``, as tended or less, for what they have and for what others have.

    ``asked``: (question, entry id or ``None``), asked beside the entries' own ways, which are left out of the base.
    """
    chance = random.Random(_SEED)  # noqa: S311 no secret is made of it
    otherwise: dict[str | None, list[str]] = {}
    for question, id in asked:
        otherwise.setdefault(id, []).append(question)
    shapes = (_as_it_is, _fewer, _without_ways, _bare)
    for size, rounds in SIZES:
        for number in range(rounds if len(entries) > size else 0):
            chosen = chance.sample(range(len(entries)), size)
            yield from _ask_few(entries, chosen, shapes[number % len(shapes)], otherwise, read, chance)


def _ask_few(
    entries: Sequence[Entry],
    chosen: Sequence[int],
    shaped: Callable[[Entry, int], Entry],
    otherwise: Mapping[str | None, Sequence[str]],
    read: Reading,
    chance: random.Random,
) -> Iterator[Asked]:
    base, within = [], []
    for place, number in enumerate(chosen):
        entry = entries[number]
        if entry.similar:
            left = chance.choice(entry.similar)
            entry = replace(entry, similar=tuple(way for way in entry.similar if way != left))
            within.append((left, place))
        if entry.id in otherwise:
            within.append((chance.choice(otherwise[entry.id]), place))
        base.append(shaped(entry, number))
    index = Index.in_memory(base)
    reader = read(index)
    for question, place in within:
        yield ask(index, question, place, base[place].id, reader)
    others = sorted(set(range(len(entries))) - set(chosen))
    for number in chance.sample(others, min(len(others), _MOST_OUTSIDE, 2 * len(base))):
        way = chance.choice((entries[number].question, *entries[number].similar))
        yield ask(index, way, None, entries[number].id, reader)
    unanswered = otherwise.get(None, ())
    for question in chance.sample(unanswered, min(len(unanswered), _MOST_OUTSIDE, 1 + len(base))):
        yield ask(index, question, None, question, reader)


@dataclass(frozen=True, slots=True)
class Sentences:
    """Single sentences as entries of their own, the entry that each is of, and questions near them with the sentence's place."""

    base: tuple[Entry, ...]
    owners: tuple[str, ...]
    near: tuple[tuple[str, int], ...]


def sentences(entries: Sequence[Entry]) -> Sentences:
    """A third of each entry's ways of asking, and those of the others that are near one of them."""
    base: list[Entry] = []
    owners: list[str] = []
    near: list[tuple[str, int]] = []
    for entry in entries:
        ways = list(dict.fromkeys((entry.question, *entry.similar)))
        kept = ways[::_ONE_IN][:MOST_SENTENCES]
        grams = [frozenset(analyse(way).grams) for way in kept]
        for way in ways:
            place, nearness = _nearest(frozenset(analyse(way).grams), grams)
            if nearness >= NEAR and way not in kept:
                near.append((way, len(base) + place))
        owners += [entry.id] * len(kept)
        base += [
            replace(entry, id=f"{entry.id}#{number}", question=way, similar=(), answer="", speech="")
            for number, way in enumerate(kept)
        ]
    return Sentences(tuple(base), tuple(owners), tuple(near))


def ask_near(held: Sentences, read: Reading = by_words, heard: Callable[[str], str] = str) -> Iterator[Asked]:
    """Ask each question for the sentence that it is near. Other sentences of that entry, which would be right as well, are left out."""
    index = Index.in_memory(held.base)
    reader = read(index)
    for question, place in held.near:
        item = ask(index, heard(question), place, held.owners[place], reader)
        rows = [
            row
            for row, position in enumerate(item.compared.positions)
            if position == place or held.owners[position] != held.owners[place]
        ]
        positions = tuple(item.compared.positions[row] for row in rows)
        yield replace(item, compared=replace(item.compared, positions=positions, rows=item.compared.rows[rows]))


def _nearest(grams: frozenset[str], others: Sequence[frozenset[str]]) -> tuple[int, float]:
    shares = [len(grams & its) / sqrt(max(1, len(grams) * len(its))) for its in others]
    place = max(range(len(shares)), key=shares.__getitem__)
    return place, shares[place]


def _as_it_is(entry: Entry, at: int) -> Entry:
    return entry


def _fewer(entry: Entry, at: int) -> Entry:
    return replace(entry, similar=entry.similar[at % FEWER :: FEWER])


def _without_ways(entry: Entry, at: int) -> Entry:
    return replace(entry, similar=())


def _bare(entry: Entry, at: int) -> Entry:
    return replace(entry, similar=(), answer="", speech="")
