"""What the calls of the phone channel share, and who has a caller."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from config.clock import Clock
from desk.service import Desk
from dialog.contract import DialogEngine
from gateway.phone_line import TransferMode


class Mode(StrEnum):
    """Who has the caller: the bot, the queue, an agent, or nobody any more."""

    TALKING = "talking"
    QUEUED = "queued"
    BRIDGED = "bridged"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Around:
    """What every call needs. ``send`` takes commands to the call's node."""

    dialog: DialogEngine
    desk: Desk
    clock: Clock
    send: Callable[[Any], None]
    network_ms: Callable[[str], float]
    mode_for: Callable[[str], TransferMode]
    longest_call_s: float = 0.0
    """A call with the bot ends after this; 0: never."""
