"""What the weights of search are fitted on: an installation's own entries and the answers that were confirmed there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

import numpy as np

from knowledge.calibration.bases import ask_near, ask_small, less_tended, sentences
from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import (
    Asked,
    Reading,
    ask_all,
    by_words,
    leave_entry_out,
    leave_one_out,
    near_misses,
    out_of_scope,
)
from knowledge.calibration.misheard import BADLY, Mishearing
from knowledge.contract import Entry
from knowledge.kinds import Floats, word_key
from knowledge.meaning import QUESTION, Encoder, centred
from knowledge.meant import Reader, Vectors
from knowledge.reading import read_entries

_EVERY: Final = 3
"""Of an entry's ways of asking one in so many is asked; half as many are misheard, or asked of a base without the entry."""
_FOLDS: Final = 12
"""In so many rounds each way of asking is asked of a base without it."""
OWN_WORDS: Final = 0.3
"""How much a question counts in the trust that is in its entry's editors' own words, unless it is short."""
UNUSUAL: Final = 0.3
"""How much a question counts in the trust that was asked of a base of single sentences, or of a few entries."""
PLAIN: Final = 10
"""Characters of a question that is short."""

Confirmed = tuple[str, str | None]
"""A question and the id of the entry that was confirmed to answer it; ``None``: nothing does."""


def fitted_weights(
    entries: Sequence[Entry],
    confirmed: Sequence[Confirmed] = (),
    encoder: Encoder | None = None,
    vectors: Vectors | None = None,
) -> dict[str, Any]:
    """Weights and thresholds by name, fitted on the ways of asking of ``entries`` and on ``confirmed`` answers.

    Takes a minute or two for a hundred entries; meant for a process of its own. With ``encoder``, the weights for questions
    that are read for their meaning too; ``vectors``: what is known already; nothing is added to it.
    """
    weights: dict[str, Any] = {"words": _weights(entries, confirmed, by_words)}
    if encoder is not None and vectors is not None:
        scratch = vectors.scratch()
        patient = Remembering(encoder, scratch)
        for base in (entries, *less_tended(entries), sentences(entries).base):
            read_entries(encoder, scratch, base)
        weights["meaning"] = _weights(entries, confirmed, lambda index: Reader(scratch.of(index), patient))
    return weights


def _weights(entries: Sequence[Entry], confirmed: Sequence[Confirmed], read: Reading) -> dict[str, dict[str, float]]:
    mishearing = Mishearing(entries)
    hear, hear_badly = cache(mishearing.of), cache(partial(mishearing.of, share=BADLY))
    silent = [(question, None) for question in (*out_of_scope(), *near_misses())]
    asked_of = [*confirmed, *silent]
    ways = [(way, entry.id) for entry in entries for way in entry.similar]
    asked = [
        *ask_all(entries, asked_of, read),
        *ask_all(entries, confirmed, read, hear),
        *_in_own_words(leave_one_out(entries, read=read, every=_EVERY, folds=_FOLDS)),
        *_in_own_words(leave_one_out(entries, hear, read, 2 * _EVERY, _FOLDS)),
        *_in_own_words(leave_entry_out(entries, 2 * _EVERY, read)),
    ]
    single = sentences(entries)
    unusual = [
        *ask_near(single, read),
        *ask_near(single, read, hear),
        *ask_near(single, read, hear_badly),
        *ask_all(single.base, silent, read),
        *ask_small(entries, asked_of, read),
    ]
    elsewhere = [replace(item, counts=UNUSUAL) for item in unusual]
    for base in less_tended(entries):
        elsewhere += ask_all(base, asked_of, read)
        elsewhere += ask_all(base, confirmed, read, hear)
        elsewhere += _in_own_words(ask_all(base, ways[::_EVERY], read))
        elsewhere += _in_own_words(ask_all(base, ways[:: 2 * _EVERY], read, hear))
    return fit(asked, elsewhere)


def _in_own_words(asked: Iterable[Asked]) -> Iterator[Asked]:
    """Questions that their entries' editors wrote: they say less of what citizens ask than what these asked themselves, but for the
    short and plain ones, which are most of what is asked.
    """
    return (replace(item, counts=1.0 if len(item.question) <= PLAIN else OWN_WORDS) for item in asked)


class Remembering:
    """An encoder that keeps every question that it read, and waits for its turn."""

    def __init__(self, encoder: Encoder, vectors: Vectors) -> None:
        self._encoder = encoder
        self._vectors = vectors
        self._kept: dict[str, Floats] = {}

    def question(self, plain: str, wait_s: float) -> Floats | None:
        """The centred vector of a normalised question."""
        if plain not in self._kept:
            rows, known = self._vectors.questions.rows(np.array([word_key(plain)], np.uint64))
            if not known[0]:
                rows = self._encoder.vector(QUESTION, plain)[None]
            self._kept[plain] = centred(QUESTION, rows)[0]
        return self._kept[plain]
