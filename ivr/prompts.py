"""What the node says on its own account, when the gateway cannot: ``config/prompts/phone.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from config.errors import HotlineError
from config.settings import ROOT

FILE: Final = ROOT / "config" / "prompts" / "phone.yaml"
NEEDED: Final = frozenset(
    {
        "recovering",
        "wait",
        "again",
        "resumed",
        "not_heard",
        "connecting",
        "fallback",
        "promise",
        "promise_withheld",
        "promise_failed",
        "restricted",
        "goodbye",
        "noise",
        "noise_again",
        "no_sound",
        "noise_goodbye",
    }
)


def load_prompts(file: Path = FILE) -> Mapping[str, str]:
    """The prompts by name; raises ``HotlineError`` when one is missing."""
    loaded = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(loaded, dict) or not all(isinstance(text, str) and text for text in loaded.values()):
        raise HotlineError("bad_prompts", f"{file.name} 应为“名称: 要说的话”形式的 YAML")
    missing = sorted(NEEDED - loaded.keys())
    if missing:
        raise HotlineError("missing_prompts", f"{file.name} 缺少：{'、'.join(missing)}")
    return MappingProxyType({str(name): text for name, text in loaded.items()})
