"""Fit the weights of search on the sample knowledge base and write them down."""

import json

from knowledge.calibration.fit import fit
from knowledge.calibration.held_out import ask, leave_one_out, out_of_scope
from knowledge.entries import sample_entries
from knowledge.index import Index
from knowledge.ranking import WEIGHTS_FILE


def main() -> None:
    """Write ``weights.json``."""
    entries = [form.entry(1) for form in sample_entries()]
    index = Index.in_memory(entries)
    asked = [*leave_one_out(entries), *(ask(index, sentence, None) for sentence in out_of_scope())]
    WEIGHTS_FILE.write_text(json.dumps(fit(asked), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
