"""Which model files stay: whatever is in service or may be asked for, and a few candidates. The rest is taken away."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Row

from config.settings import Settings
from dialog import bot_training
from dialog.live_model import read_live
from knowledge.training import ModelStatus

CANDIDATES_KEPT: Final = 5
YOUNGEST_S: Final = 24 * 3600.0
"""A younger file stays whatever it is: another process, perhaps of another release, may be about to serve it."""
REMOVED: Final = "旧候选，模型文件已清理；要用请重新训练"


def surplus(rows: Sequence[Row[Any]], base: str, live: str) -> list[Row[Any]]:
    """The candidates beyond the newest :data:`CANDIDATES_KEPT`, of those that can be promoted, and all that no longer can.

    ``rows``: of ``models``; ``base``: fingerprint of the program's present sources; ``live``: the model in service.
    """
    candidates = [row for row in rows if row.status == ModelStatus.CANDIDATE and row.id != live]
    candidates.sort(key=lambda row: (row.created_at, row.id), reverse=True)
    usable = [row for row in candidates if row.metrics.get("base") == base]
    kept = {row.id for row in usable[:CANDIDATES_KEPT]}
    return [row for row in candidates if row.id not in kept]


def wanted(rows: Sequence[Row[Any]], base: str, live: str) -> set[str]:
    """The models whose files stay: live, the program's own, the one to roll back to, those in training, the candidates kept."""
    gone = {row.id for row in surplus(rows, base, live)}
    kept = {base, live}
    kept |= {row.id for row in rows if row.status in (ModelStatus.LIVE, ModelStatus.TRAINING)}
    kept |= {row.id for row in rows if row.status == ModelStatus.CANDIDATE and row.id not in gone}
    retired = [row for row in rows if row.status == ModelStatus.RETIRED and row.promoted_at is not None]
    usable = [row for row in retired if row.metrics.get("base") == base]
    return kept | {row.id for row in sorted(usable, key=lambda row: row.promoted_at, reverse=True)[:1]}


def live_id(settings: Settings, base: str) -> str:
    """The model in service by the file that every process follows; before a first start the program's own."""
    live = read_live(settings)
    return live.model if live else base


def remove_others(settings: Settings, kept: set[str]) -> list[str]:
    """Remove the files of all models but ``kept`` that are old enough, and what crashes left; returns their ids.

    The seal goes first: a model without one is not served.
    """
    folder = bot_training.model_path(settings, "x").parent
    removed: list[str] = []
    for model in sorted(folder.glob("*.tar.gz")):
        id = model.name.removesuffix(".tar.gz")
        if id not in kept and _old(model):
            (folder / f"{id}.json").unlink(missing_ok=True)
            model.unlink(missing_ok=True)
            removed.append(id)
    for left in folder.glob(".placing-*"):
        if _old(left):
            left.unlink(missing_ok=True)
    return removed


def _old(file: Path) -> bool:
    with suppress(OSError):
        return time.time() - file.stat().st_mtime > YOUNGEST_S
    return False
