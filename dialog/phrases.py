"""What the bot says, by key; from ``phrases.yaml``."""

from functools import cache
from pathlib import Path
from typing import Final

import yaml

from dialog.contract import Message, MessageKind

_FILE: Final = Path(__file__).with_name("phrases.yaml")


@cache
def _phrases() -> dict[str, list[dict[str, str]]]:
    loaded: dict[str, list[dict[str, str]]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def phrase(kind: MessageKind, key: str, turn: int = 0, **filled: str) -> Message:
    """The phrase ``key`` in its wording number ``turn`` (they take turns), with ``filled`` put in.

    Raises KeyError for a key that ``phrases.yaml`` does not hold.
    """
    wordings = _phrases()[key]
    wording = wordings[turn % len(wordings)]
    text = wording["text"].format(**filled)
    return Message(kind, text, wording.get("speech", wording["text"]).format(**filled))


def joined(first: Message, second: Message) -> Message:
    """Both in one breath; the second decides the kind and the choices."""
    return Message(
        second.kind,
        f"{first.text}{second.text}",
        f"{first.speech}{second.speech}",
        second.entry_id or first.entry_id,
        second.entry_version or first.entry_version,
        second.choices,
    )
