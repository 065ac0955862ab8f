"""Which model is in service, and where: one small file, replaced as a whole, that every process follows.

``rasa/live.json`` of the data folder holds ``model`` (its fingerprint), ``base`` (of the program's own sources when it was
trained) and ``port`` of the server that has it, 0 while none runs. The supervisor replaces the file in the moment of a
swap, so no process can know of a model that is not served.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from config.settings import Settings
from store.files import replace_file

_FILE: Final = "rasa/live.json"


@dataclass(frozen=True, slots=True)
class LiveModel:
    """The contents of the file."""

    model: str
    base: str
    port: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def live_file(settings: Settings) -> Path:
    return settings.data_dir / _FILE


def read_live(settings: Settings) -> LiveModel | None:
    """What is in service; ``None`` before a first start, or when the file is damaged."""
    try:
        found = json.loads(live_file(settings).read_text(encoding="utf-8"))
        return LiveModel(str(found["model"]), str(found["base"]), int(found["port"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_live(settings: Settings, live: LiveModel) -> None:
    """Replace the file."""
    file = live_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, live.to_json().encode())


class LiveAddress:
    """Called for the address of the server in service; looks at the file again only when it has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: tuple[int, int] | None = None
        self._port = settings.rasa_port

    def __call__(self) -> str:
        try:
            status = os.stat(live_file(self._settings))
            seen = (status.st_mtime_ns, status.st_ino)
        except OSError:
            seen = None
        if seen != self._seen:
            live = read_live(self._settings)
            self._port = live.port if live and live.port else self._settings.rasa_port
            self._seen = seen
        return f"http://127.0.0.1:{self._port}"
