"""Fitting the weights of search on this installation's own entries and confirmed answers, and comparing them with those in use.

A quarter of the entries, chosen by their ids and so always the same ones, is never fitted on: the ways of asking of these, and
what was confirmed to be answered by them, are what both weights are measured with. What was measured is what is taken.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from config.errors import HotlineError
from knowledge.calibration.held_out import Asked, Reading, ask, ask_all, by_words
from knowledge.calibration.training import Confirmed, Remembering, fitted_weights
from knowledge.contract import Entry, Verdict
from knowledge.index import Index
from knowledge.meaning import Encoder, encoder
from knowledge.meant import Reader, Vectors
from knowledge.ranking import Model, model_of, scores, verdict
from knowledge.reading import SAMPLE_VECTORS, read_entries

LEAST_ENTRIES: Final = 20
"""Entries with other ways of asking; with fewer, and fewer ways, nothing can be fitted that would hold for the next question."""
LEAST_WAYS: Final = 60
MOST_FITTED: Final = 200
"""Entries that are fitted on; a larger base is sampled. With as many ways as are taken of each about ten minutes of a core."""
MOST_WAYS: Final = 30
"""Ways of asking of one entry that are fitted on. With a third of it, weights for entries of seventy ways came out worse."""
MOST_HELD_OUT: Final = 70
"""Entries that are compared with."""
MOST_BASE: Final = 2000
"""Entries among which the questions of a comparison look for theirs."""
MOST_CONFIRMED: Final = 2000
"""Confirmed answers that are fitted on, the newest."""
MOST_UNREAD: Final = 2000
"""Sentences that are read for their meaning beforehand, about a minute; where more are unread, words alone are tuned."""
_ASKED_OF_EACH: Final = 6
_ONE_IN: Final = 4
_LEVEL: Final = 1.64
"""Standard deviations that are more than noise: one chance in twenty."""

Told = Callable[[str, int, int], None]
"""Hears (step, done, all): ``read``, ``fit``, ``compare``; 0 of 0 where it cannot be counted."""


@dataclass(frozen=True, slots=True)
class Material:
    """``entries`` are fitted on, with ``confirmed``; ``held_out`` and ``held_confirmed`` are asked, in ``base``, to compare."""

    entries: tuple[Entry, ...]
    confirmed: tuple[Confirmed, ...]
    held_out: tuple[Entry, ...]
    held_confirmed: tuple[Confirmed, ...]
    base: tuple[Entry, ...]
    sampled: bool

    @property
    def ways(self) -> int:
        """How many ways of asking are fitted on."""
        return sum(len(entry.similar) for entry in self.entries)


@dataclass(frozen=True, slots=True)
class Measured:
    """How weights did with questions that they were not fitted on: how many were asked, how many of them have an answer, and of
    how many the right entry came first, was answered, or something wrong was.
    """

    asked: int
    answerable: int
    first: int
    right: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Part:
    """New weights for questions by ``words`` or by ``meaning`` too, and how they and those in use did. ``worse``: why, or empty."""

    name: str
    weights: dict[str, Any]
    present: Measured
    tuned: Measured
    worse: str


def gathered(entries: Sequence[Entry], confirmed: Sequence[Confirmed]) -> Material:
    """What is fitted on and what is held out. ``confirmed``: newest first; of entries that are no more, or asked in words that
    their entry has already, they teach nothing and are left out.

    Raises :class:`HotlineError` ``too_few_ways`` when there is too little to fit on.
    """
    tended = [entry for entry in entries if entry.similar]
    ways = sum(len(entry.similar) for entry in tended)
    if len(tended) < LEAST_ENTRIES or ways < LEAST_WAYS:
        raise HotlineError(
            "too_few_ways",
            f"有其他问法的条目只有 {len(tended)} 条、共 {ways} 种问法；至少要 {LEAST_ENTRIES} 条、{LEAST_WAYS} 种，"
            "配出来的权重才靠得住。请先在知识库页面给常问的条目补上市民的问法",
        )
    known = _telling(entries, confirmed)
    asked = {id for _, id in known}
    tended.sort(key=lambda entry: (entry.id not in asked, _number(entry.id)))
    held_out = [entry for entry in tended if _is_held_out(entry.id)][:MOST_HELD_OUT]
    fitted_on = [entry for entry in tended if not _is_held_out(entry.id)][:MOST_FITTED]
    if not held_out or not fitted_on:
        raise HotlineError("too_few_ways", "条目太少，分不出一份用来比较；请先给更多条目补上市民的问法")
    chosen = {entry.id for entry in (*fitted_on, *held_out)}
    others = sorted((entry for entry in entries if entry.id not in chosen), key=lambda entry: _number(entry.id))
    base = (*fitted_on, *held_out, *others[: MOST_BASE - len(chosen)])
    ids = {entry.id for entry in fitted_on}
    held_ids = {entry.id for entry in base if _is_held_out(entry.id)}
    return Material(
        tuple(replace(entry, similar=entry.similar[:MOST_WAYS]) for entry in fitted_on),
        tuple(pair for pair in known if pair[1] in ids)[:MOST_CONFIRMED],
        tuple(held_out),
        tuple(pair for pair in known if pair[1] in held_ids)[:MOST_CONFIRMED],
        base,
        len(chosen) < len(tended) or len(base) < len(entries),
    )


def tuned(
    material: Material,
    present: dict[str, Any],
    folder: Path | None,
    told: Told = lambda step, done, all_: None,
) -> tuple[Part, ...]:
    """New weights, by part, and how they compare with ``present``. Takes minutes of a core.

    ``folder``: where vectors are kept; ``None``: by words alone, as where sentences cannot be read or too many are not yet.
    """
    vectors, reader = _read(material, folder, told)
    told("fit", 0, 0)
    fitted = fitted_weights(material.entries, material.confirmed, reader, vectors)
    parts = [_part("words", fitted["words"], present, list(_questions(material, by_words, told)))]
    if reader is not None and vectors is not None:
        patient = Remembering(reader, vectors)

        def read(index: Index) -> Reader:
            return Reader(vectors.of(index), patient)

        parts.append(_part("meaning", fitted["meaning"], present, list(_questions(material, read, told))))
    return tuple(parts)


def _read(material: Material, folder: Path | None, told: Told) -> tuple[Vectors | None, Encoder | None]:
    """Vectors of everything that is compared, and their reader; ``None`` where it goes by words alone."""
    model = encoder() if folder is not None else None
    if folder is None or model is None:
        return None, None
    vectors = Vectors([folder, SAMPLE_VECTORS])
    if sum(1 for _ in vectors.missing(material.base)) > MOST_UNREAD:
        return None, None
    read_entries(model, vectors, material.base, lambda done, all_: told("read", done, all_))
    return vectors, model


def _questions(material: Material, read: Reading, told: Told) -> Iterator[Asked]:
    """A few ways of each entry held out, asked of a base without that way, and of one without the entry; what was confirmed."""
    base, held = material.base, {entry.id: _spread(entry.similar) for entry in material.held_out}
    steps = max(map(len, held.values())) + 2
    for fold in range(steps - 2):
        told("compare", fold, steps)
        left = {id: ways[fold] for id, ways in held.items() if fold < len(ways)}
        index = Index.in_memory(
            replace(entry, similar=tuple(way for way in entry.similar if way != left.get(entry.id))) for entry in base
        )
        reader = read(index)
        for position, entry in enumerate(base):
            if entry.id in left:
                yield ask(index, left[entry.id], position, entry.id, reader)
    told("compare", steps - 2, steps)
    without = Index.in_memory(entry for entry in base if entry.id not in held)
    reader = read(without)
    for id, ways in held.items():
        for way in ways[::2]:
            yield ask(without, way, None, id, reader)
    told("compare", steps - 1, steps)
    yield from ask_all(base, material.held_confirmed, read)


def _part(name: str, weights: dict[str, Any], present: dict[str, Any], questions: Sequence[Asked]) -> Part:
    old = [_outcome(item, model_of(present)) for item in questions]
    new = [_outcome(item, model_of(present | {name: weights})) for item in questions]
    answerable = sum(1 for item in questions if item.right is not None)
    before, after = (_measured(outcomes, answerable) for outcomes in (old, new))
    return Part(name, weights, before, after, reason_against(old, new))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one question: whether the right entry came first, whether it was answered, and whether something wrong was."""

    first: bool
    right: bool
    wrong: bool


def _outcome(item: Asked, model: Model) -> Outcome:
    ranked = scores(item.compared, model)
    if not ranked:
        return Outcome(first=False, right=False, wrong=False)
    first = ranked[0][0] == item.right
    found = verdict([score for _, score in ranked], model.of(by_meaning=item.compared.by_meaning))
    answered = found is Verdict.ANSWER
    return Outcome(first, first and answered, answered and not first)


def _measured(outcomes: Sequence[Outcome], answerable: int) -> Measured:
    return Measured(
        len(outcomes),
        answerable,
        sum(one.first for one in outcomes),
        sum(one.right for one in outcomes),
        sum(one.wrong for one in outcomes),
    )


def reason_against(old: Sequence[Outcome], new: Sequence[Outcome]) -> str:
    """Why the new weights are worse, in Chinese; empty when they are not.

    The right entry must come first as often. More wrong answers, or fewer right ones without fewer wrong ones, count where they
    are beyond noise.
    """
    if sum(one.first for one in new) < sum(one.first for one in old):
        return "排第一的对的少了"
    if _beyond_noise([one.wrong for one in old], [one.wrong for one in new]):
        return "答错的多了"
    fewer_right = _beyond_noise([one.right for one in new], [one.right for one in old])
    if fewer_right and not _beyond_noise([one.wrong for one in new], [one.wrong for one in old]):
        return "答对的少了，答错的没有少"
    return ""


def _beyond_noise(before: Sequence[bool], after: Sequence[bool]) -> bool:
    """Whether more of the same questions are so than before, by more than chance (McNemar, one-sided)."""
    come = sum(now and not then for then, now in zip(before, after, strict=True))
    gone = sum(then and not now for then, now in zip(before, after, strict=True))
    return come - gone > _LEVEL * math.sqrt(come + gone)


def _telling(entries: Sequence[Entry], confirmed: Sequence[Confirmed]) -> list[Confirmed]:
    """Confirmed answers, each once, of ``entries``, not asked as an entry has it written."""
    ways = {entry.id: {way.strip() for way in (entry.question, *entry.similar)} for entry in entries}
    found = dict.fromkeys((question.strip(), id) for question, id in confirmed)
    return [(question, id) for question, id in found if question and id in ways and question not in ways[id]]


def _spread(ways: Sequence[str]) -> list[str]:
    """A few of them, from all over."""
    return list(ways[:: max(1, len(ways) // _ASKED_OF_EACH)][:_ASKED_OF_EACH])


def _is_held_out(id: str) -> bool:
    return _number(f"held out {id}") % _ONE_IN == 0


def _number(text: str) -> int:
    return crc32(text.encode())
