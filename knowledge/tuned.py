"""The weights of search that were fitted on this installation, kept in its data folder beside those that are shipped.

``search-weights.json``: ``{"format", "features", "made_at", "entries", "ways", "confirmed", "weights": {"words", "meaning"}}``; one
of the two may be lacking, then the shipped ones count for it. No text of any question.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from structlog import get_logger

from config.settings import Settings
from knowledge.features import FEATURES, MEANING_FEATURES
from knowledge.meaning import MODEL
from knowledge.ranking import MEANING_TRUST_FEATURES, TRUST_FEATURES, WEIGHTS_FILE, Model, model_of
from store.files import replace_file

log = get_logger("knowledge")

PARTS: Final = ("words", "meaning")
"""Weights for questions compared by words alone, and for those compared by meaning too."""
_FORMAT: Final = 1
_MOST_BYTES: Final = 1024 * 1024


class _Unusable(Exception):
    """The file is damaged, or of other features; says which."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What weights were fitted on: when, on how many entries, ways of asking and confirmed answers."""

    made_at: datetime
    entries: int
    ways: int
    confirmed: int


class TunedWeights:
    """The file, and whether it changed since it was last looked at; one for each process that searches."""

    def __init__(self, settings: Settings) -> None:
        self.file: Final = settings.data_dir / "search-weights.json"
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        """Whether the file came, went or was replaced since this was last asked; one ``stat``."""
        try:
            found = self.file.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:
            seen = None
        changed, self._seen = seen != self._seen, seen
        return changed

    def parts(self) -> dict[str, Any]:
        """The weights in the file, by part; none where it is not there or cannot be used, which is logged."""
        try:
            return _read(self.file)
        except FileNotFoundError:
            return {}
        except (_Unusable, OSError) as error:
            log.warning("tuned_weights_passed_over", reason=str(error) or type(error).__name__)
            return {}

    def weights(self) -> dict[str, Any]:
        """The weights in use here, by part: those in the file, else those shipped."""
        return shipped_weights() | self.parts()

    def model(self) -> Model | None:
        """The model for :meth:`knowledge.search.Search.use_model`; ``None``: the one that is shipped."""
        parts = self.parts()
        return model_of(shipped_weights() | parts) if parts else None

    def write(self, parts: dict[str, Any], origin: Origin) -> None:
        """Replace the file, whole or not at all."""
        document = {
            "format": _FORMAT,
            "features": _features(),
            "made_at": origin.made_at.isoformat(),
            "entries": origin.entries,
            "ways": origin.ways,
            "confirmed": origin.confirmed,
            "weights": parts,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.file, json.dumps(document, indent=2).encode())

    def remove(self) -> bool:
        """Go back to the shipped weights; returns whether there were others."""
        there = self.file.exists()
        self.file.unlink(missing_ok=True)
        return there


def shipped_weights() -> dict[str, Any]:
    """The weights that come with the program, by part."""
    found: dict[str, Any] = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return found


def _read(file: Path) -> dict[str, Any]:
    with file.open("rb") as handle:
        content = handle.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise _Unusable("too large")
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT or document["features"] != _features():
            raise _Unusable("of other features")
        parts = {name: document["weights"][name] for name in PARTS if name in document["weights"]}
        model = model_of(shipped_weights() | parts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _Unusable("damaged") from error
    if not all(_sound(one) for one in (model, model.meaning) if one is not None):
        raise _Unusable("damaged")
    return parts


def _sound(model: Model) -> bool:
    """Whether all weights are numbers, and the thresholds scores."""
    finite = bool(np.isfinite(model.order).all() and np.isfinite(model.trust).all())
    return finite and all(0 < least < 1 for least in (model.offer, model.choose, model.answer))


def _features() -> str:
    """What the weights are for, as a digest: the same numbers mean nothing to other features or another encoder."""
    names = (*FEATURES, "", *MEANING_FEATURES, "", *TRUST_FEATURES, "", *MEANING_TRUST_FEATURES, "", MODEL)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
