"""Fit the weights of search on the sample knowledge base and write them down."""

import json

from knowledge.calibration.training import fitted_weights
from knowledge.entries import sample_entries
from knowledge.ranking import WEIGHTS_FILE


def main() -> None:
    """Write ``weights.json``."""
    weights = fitted_weights([form.entry(1) for form in sample_entries()])
    WEIGHTS_FILE.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
