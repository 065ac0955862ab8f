"""What the weights of search are fitted on: an installation's own entries and the answers that were confirmed there."""

from collections.abc import Sequence
from typing import Final

from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import (
    Asked,
    ask_all,
    by_title,
    leave_entry_out,
    leave_one_out,
    near_misses,
    out_of_scope,
)
from knowledge.calibration.misheard import Mishearing
from knowledge.contract import Entry
from knowledge.ranking import Model, model_of

_EVERY: Final = 4
"""Of an entry's ways of asking, one in so many is asked of a base without the entry, or misheard, or of titles alone."""

Confirmed = tuple[str, str]
"""A question and the id of the entry that was confirmed to answer it."""


def fitted_weights(entries: Sequence[Entry], confirmed: Sequence[Confirmed] = ()) -> dict[str, dict[str, float]]:
    """Weights and thresholds by name, fitted on the ways of asking of ``entries`` and on ``confirmed`` answers.

    Takes a minute or two for a hundred entries; meant for a process of its own.
    """
    silent = [(question, None) for question in (*out_of_scope(), *near_misses())]
    asked: list[Asked] = [
        *leave_one_out(entries),
        *list(leave_one_out(entries, Mishearing(entries).of))[::_EVERY],
        *leave_entry_out(entries, _EVERY),
        *ask_all(entries, [*confirmed, *silent]),
    ]
    return fit(asked, list(by_title(entries, _EVERY)))


def train(entries: Sequence[Entry], confirmed: Sequence[Confirmed] = ()) -> Model:
    """A model for :meth:`knowledge.search.Search.use_model`; see :func:`fitted_weights`."""
    return model_of(fitted_weights(entries, confirmed))
