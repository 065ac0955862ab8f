"""Training of the dialogue acts as its maintainers ask for it: what can be asked, and what is told about it.

The bot and its training stay in ``dialog/``; ``gateway/`` gives a :class:`Trainer` to whoever needs one. What
maintainers teach it with (labels, examples) is in :mod:`knowledge.labels`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from config.errors import HotlineError


class TrainingError(HotlineError):
    """Training cannot do what was asked.

    ``code``: ``forbidden`` | ``second_person`` | ``busy`` | ``nothing_new`` | ``not_found`` | ``not_ready`` |
    ``no_previous`` | ``swap_failed`` | ``invalid``. ``status`` is the HTTP status that goes with it; ``model``: which
    model has learned all there is (``nothing_new``).
    """

    def __init__(self, code: str, message: str, model: str = "") -> None:
        super().__init__(code, message)
        self.model: Final = model
        self.status: Final = _HTTP_STATUS.get(code, 409)


_HTTP_STATUS: Final = {"forbidden": 403, "not_found": 404, "invalid": 422, "swap_failed": 503}


class Person(Protocol):
    """Who asks: ``knowledge.contract.Actor`` and ``store.accounts.Account`` both fit. ``role``: of ``store.accounts``."""

    @property
    def id(self) -> str: ...

    @property
    def role(self) -> str: ...


class ModelStatus(StrEnum):
    TRAINING = "training"
    CANDIDATE = "candidate"
    LIVE = "live"
    RETIRED = "retired"
    FAILED = "failed"


MODEL_STATUS_LABELS: Final = {
    ModelStatus.TRAINING: "训练中",
    ModelStatus.CANDIDATE: "待上线",
    ModelStatus.LIVE: "在线",
    ModelStatus.RETIRED: "已下线",
    ModelStatus.FAILED: "未成功",
}


@dataclass(frozen=True, slots=True)
class Model:
    """One trained model. ``id``: fingerprint of all it is made from; ``examples``: how many were added to the bot's own;
    ``seconds``: of training and measuring; ``error``: why it failed, in Chinese; ``by`` empty: shipped with the program.
    ``headline``: accuracy and macro-F1 on the fixed set, 0…1, where it was measured.
    """

    id: str
    status: ModelStatus
    created_at: datetime
    by: str
    seconds: float | None = None
    examples: int = 0
    error: str = ""
    promoted_by: str = ""
    promoted_at: datetime | None = None
    headline: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": self.status.value,
            "status_label": MODEL_STATUS_LABELS[self.status],
            "created_at": self.created_at.isoformat(),
            "by": self.by,
            "seconds": self.seconds,
            "examples": self.examples,
            "error": self.error,
            "promoted_by": self.promoted_by,
            "promoted_at": self.promoted_at.isoformat() if self.promoted_at else None,
            **self.headline,
        }


@dataclass(frozen=True, slots=True)
class Running:
    """The training under way. ``step``: its name in Chinese; ``progress``: 0…1, never less than before."""

    id: str
    step: str
    progress: float
    started_at: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "step": self.step,
            "progress": round(self.progress, 3),
            "started_at": self.started_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Changing:
    """A model being put into service, or one that could not be. ``error``: why, in Chinese; empty while it is ``running``."""

    id: str
    by: str
    started_at: datetime
    running: bool
    error: str

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "by": self.by,
            "started_at": self.started_at.isoformat(),
            "running": self.running,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Overview:
    """All there is to know at a glance. ``models``: the newest first, the live one among them; ``changing``: the change of
    the model in service that is under way, or the last one if it failed.
    """

    models: Sequence[Model]
    running: Running | None
    changing: Changing | None = None

    @property
    def live(self) -> Model | None:
        return next((model for model in self.models if model.status is ModelStatus.LIVE), None)

    @property
    def candidates(self) -> list[Model]:
        return [model for model in self.models if model.status is ModelStatus.CANDIDATE]


class Trainer(Protocol):
    """Trains, compares, promotes. Every method raises :class:`TrainingError` when it cannot do what was asked."""

    async def start(self, by: Person) -> str:
        """Begin to train with all present examples, in a process of its own; returns the model's id. Editors, reviewers."""
        ...

    async def cancel(self, by: Person) -> None:
        """End the training under way, leaving nothing of it."""
        ...

    async def overview(self) -> Overview:
        """Models and the training under way; takes up what a finished training left."""
        ...

    async def report(self, model_id: str) -> dict[str, Any]:
        """``{candidate, live, changed, cross_validation}`` of a trained model, as ``docs/api.md`` describes it."""
        ...

    async def begin_promotion(self, model_id: str, by: Person) -> str:
        """Begin to put a candidate into service, no turn lost; ``overview`` tells when it is there.

        A reviewer, and not the one who had it trained.
        """
        ...

    async def begin_roll_back(self, by: Person) -> str:
        """Begin to put the model that was live before this one into service again; returns its id. Reviewers."""
        ...

    async def promote(self, model_id: str, by: Person) -> Model:
        """As :meth:`begin_promotion`, and wait until it is in service; raises ``swap_failed`` when it cannot be."""
        ...

    async def roll_back(self, by: Person) -> Model:
        """As :meth:`begin_roll_back`, and wait."""
        ...
