"""What the weights of search are fitted on: an installation's own entries and the answers that were confirmed there."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import (
    Reading,
    ask_all,
    by_title,
    counting,
    leave_entry_out,
    leave_one_out,
    near_misses,
    out_of_scope,
)
from knowledge.calibration.misheard import Mishearing
from knowledge.contract import Entry
from knowledge.kinds import Floats, word_key
from knowledge.meaning import QUESTION, Encoder, centred
from knowledge.meant import Reader, Vectors
from knowledge.ranking import Model, model_of
from knowledge.reading import read_entries

_EVERY: Final = 4
"""Of an entry's ways of asking, one in so many is asked of a base without the entry, or misheard, or of titles alone."""

Confirmed = tuple[str, str]
"""A question and the id of the entry that was confirmed to answer it."""


def fitted_weights(
    entries: Sequence[Entry],
    confirmed: Sequence[Confirmed] = (),
    encoder: Encoder | None = None,
    vectors: Vectors | None = None,
    told: Callable[[str], None] = lambda part: None,
) -> dict[str, Any]:
    """Weights and thresholds by name, fitted on the ways of asking of ``entries`` and on ``confirmed`` answers.

    Takes a minute or two for a hundred entries; meant for a process of its own. With ``encoder``, the weights for questions
    that are read for their meaning too; ``vectors`` keeps what was read. ``told``: which part, ``words`` or ``meaning``, is next.
    """
    told("words")
    weights: dict[str, Any] = {"words": _by_words(entries, confirmed)}
    if encoder is not None and vectors is not None:
        told("meaning")
        patient = Remembering(encoder, vectors)
        read_entries(encoder, vectors, [*entries, *(replace(entry, similar=()) for entry in entries)])
        weights["meaning"] = _by_meaning(entries, confirmed, lambda index: Reader(vectors.of(index), patient))
    return weights


def _by_words(entries: Sequence[Entry], confirmed: Sequence[Confirmed]) -> dict[str, dict[str, float]]:
    asked = [
        *leave_one_out(entries),
        *leave_one_out(entries, Mishearing(entries).of, every=_EVERY),
        *leave_entry_out(entries, _EVERY),
        *ask_all(entries, [*confirmed, *((question, None) for question in (*out_of_scope(), *near_misses()))]),
    ]
    return fit(asked, list(by_title(entries, _EVERY)))


def _by_meaning(entries: Sequence[Entry], confirmed: Sequence[Confirmed], read: Reading) -> dict[str, dict[str, float]]:
    """As much is asked in words that an entry does not use as in words like its own, and most of what nothing answers is near."""
    near, strange = [(question, None) for question in near_misses()], [(question, None) for question in out_of_scope()]
    return fit(
        [
            *counting(leave_one_out(entries, read=read), 0.27),
            *counting(leave_one_out(entries, Mishearing(entries).of, read, _EVERY), 0.07),
            *counting(by_title(entries, 2, read, with_answers=True), 0.33),
            *counting(leave_entry_out(entries, _EVERY, read), 0.08),
            *counting(ask_all(entries, near, read), 0.2),
            *counting(ask_all(entries, strange, read), 0.05),
            *ask_all(entries, confirmed, read),
        ]
    )


class Remembering:
    """An encoder that keeps every question that it read, and waits for its turn."""

    def __init__(self, encoder: Encoder, vectors: Vectors) -> None:
        self._encoder = encoder
        self._vectors = vectors

    def question(self, plain: str, wait_s: float) -> Floats | None:
        """The centred vector of a normalised question."""
        key = np.array([word_key(plain)], np.uint64)
        rows, known = self._vectors.questions.rows(key)
        if not known[0]:
            rows = self._encoder.vector(QUESTION, plain)[None]
            self._vectors.questions.keep(key, rows)
        found: Floats = centred(QUESTION, rows)[0]
        return found


def train(
    entries: Sequence[Entry],
    confirmed: Sequence[Confirmed] = (),
    encoder: Encoder | None = None,
    vectors: Vectors | None = None,
) -> Model:
    """A model for :meth:`knowledge.search.Search.use_model`; see :func:`fitted_weights`."""
    return model_of(fitted_weights(entries, confirmed, encoder, vectors))
