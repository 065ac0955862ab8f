"""Fit the weights of search on the sample knowledge base and write them down."""

import json

from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import (
    Asked,
    ask_all,
    leave_entry_out,
    leave_one_out,
    near_misses,
    out_of_scope,
    paraphrases,
)
from knowledge.contract import Entry
from knowledge.entries import sample_entries
from knowledge.ranking import WEIGHTS_FILE

_EVERY: int = 4
"""Of an entry's ways of asking, one in so many is asked of a base without the entry."""


def asked_of_samples() -> list[Asked]:
    """All that the shipped weights are fitted on."""
    entries: list[Entry] = [form.entry(1) for form in sample_entries()]
    silent = [(question, None) for question in (*out_of_scope(), *near_misses())]
    return [
        *leave_one_out(entries),
        *leave_entry_out(entries, _EVERY),
        *ask_all(entries, [*paraphrases(), *silent]),
    ]


def main() -> None:
    """Write ``weights.json``."""
    WEIGHTS_FILE.write_text(json.dumps(fit(asked_of_samples()), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
