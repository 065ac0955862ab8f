"""What the weights of search are fitted on: an installation's own entries and the answers that were confirmed there."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import (
    Asked,
    Reading,
    ask_all,
    by_title,
    by_words,
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
) -> dict[str, Any]:
    """Weights and thresholds by name, fitted on the ways of asking of ``entries`` and on ``confirmed`` answers.

    Takes a minute or two for a hundred entries; meant for a process of its own. With ``encoder``, the weights for questions
    that are read for their meaning too; ``vectors`` keeps what was read.
    """
    weights: dict[str, Any] = {"words": _weights(entries, confirmed, by_words, with_titles=False)}
    if encoder is not None and vectors is not None:
        patient = Remembering(encoder, vectors)
        read_entries(encoder, vectors, entries)
        weights["meaning"] = _weights(
            entries, confirmed, lambda index: Reader(vectors.of(index), patient), with_titles=True
        )
    return weights


def _weights(
    entries: Sequence[Entry], confirmed: Sequence[Confirmed], read: Reading, *, with_titles: bool
) -> dict[str, dict[str, float]]:
    silent = [(question, None) for question in (*out_of_scope(), *near_misses())]
    titles = list(by_title(entries, _EVERY, read, with_answers=with_titles))
    asked: list[Asked] = [
        *leave_one_out(entries, read=read),
        *leave_one_out(entries, Mishearing(entries).of, read, _EVERY),
        *leave_entry_out(entries, _EVERY, read),
        *ask_all(entries, [*confirmed, *silent], read),
        *(titles if with_titles else ()),
    ]
    return fit(asked, titles)


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
