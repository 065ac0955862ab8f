"""What the desk asks of its surroundings: the citizen's line, live state that may be lost, signed tokens.

The gateway gives these in; the desk imports no channel.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from config.errors import HotlineError
from store.accounts import Account


class HandoverStatus(StrEnum):
    """How far a hand-over has come. ``waiting``: in the queue; ``offered``: on one agent's screen."""

    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    CONNECTED = "connected"
    ENDED = "ended"
    CALLBACK = "callback"
    ABANDONED = "abandoned"


OPEN_STATUSES: Final = (
    HandoverStatus.WAITING,
    HandoverStatus.OFFERED,
    HandoverStatus.ACCEPTED,
    HandoverStatus.CONNECTED,
)
WITH_AGENT: Final = (HandoverStatus.ACCEPTED, HandoverStatus.CONNECTED)

REASON_TEXTS: Final = {
    "asked": "市民要求人工",
    "emergency": "紧急情况",
    "failed": "系统没能听懂或出了故障",
    "unanswered": "问题没有答上",
    "abuse": "情绪激动",
    "confidential": "可能涉及国家秘密或商业秘密：请先暂停录音，提醒勿在电话中讲内容",
    "choice": "按选项转人工",
    "leader": "要找值班领导",
    "overflow": "来电较多，未经机器人",
}
LEADER_REASON: Final = "leader"
"""Such a caller is put through to those who oversee alone: the seat of the leader on duty."""
EMERGENCY_PRIORITY: Final = 100
"""An emergency goes before everything else in the queue (湛府办函〔2022〕116号 第十四条)."""


@dataclass(frozen=True, slots=True)
class HandoverRequest:
    """A conversation that needs a person. ``reason`` is a key of :data:`REASON_TEXTS`."""

    conversation_id: str
    reason: str
    priority: int = 0
    emergency_number: str = ""


@dataclass(frozen=True, slots=True)
class QueueState:
    """Where a conversation stands with the desk: ``position`` counts from 1 and is 0 while an agent is asked.

    ``wait_s``: about how long until somebody is free; ``None`` where recent talks tell nothing.
    """

    position: int = 0
    agent_id: str | None = None
    wait_s: float | None = None


class Line(Protocol):
    """How the desk reaches the citizen of a conversation; every channel has one. Calls for a gone citizen do nothing."""

    def present(self, conversation_id: str) -> bool:
        """Whether the citizen can be reached; a chat always can, by its history."""
        ...

    async def tell(self, conversation_id: str, item: Mapping[str, Any], speech: str) -> bool:
        """Say a sentence of the desk's (already recorded as ``item``); true when the citizen is still there."""
        ...

    async def queued(self, conversation_id: str, state: QueueState) -> None:
        """The place in the queue has changed."""
        ...

    async def accepted(self, conversation_id: str, handover_id: str, agent: Account) -> None:
        """Put the citizen through to ``agent``."""
        ...

    async def put_outside(self, conversation_id: str, handover_id: str, name: str, uri: str) -> None:
        """Put the citizen through to a phone that is no agent's: ``name`` is said, ``uri`` is dialled."""
        ...

    async def agent_said(self, conversation_id: str, item: Mapping[str, Any]) -> None: ...

    async def agent_typing(self, conversation_id: str) -> None: ...

    async def pause_recording(self, conversation_id: str, paused: bool) -> None:
        """What is said now is not to be recorded, or may be again (CLAUSES Z14); nothing where nothing is recorded."""
        ...

    async def promised(self, conversation_id: str) -> None:
        """A callback was promised (and told): end politely, or go on without an agent."""
        ...

    async def released(self, conversation_id: str) -> None:
        """The agent ended the hand-over."""
        ...


class LiveStore(Protocol):
    """State that may be lost and rebuilt (Redis). Never raises: without Redis it remembers nothing."""

    async def put(self, table: str, field: str, value: str) -> None: ...

    async def all(self, table: str) -> dict[str, str]: ...


class RateLimit(Protocol):
    """Counts events of a key within a window."""

    async def hit(self, key: str, limit: int, window_s: float) -> float:
        """Count one; 0 when allowed, else the seconds to wait."""
        ...

    async def forget(self, key: str) -> None: ...


class Signer(Protocol):
    """Signed tokens that only this installation can make."""

    def sign(self, purpose: str, claims: Mapping[str, Any], lifetime_s: float) -> str: ...

    def read(self, purpose: str, token: str) -> dict[str, Any] | None:
        """The claims; ``None`` when forged, for another purpose, or run out."""
        ...

    def derive(self, purpose: str, text: str) -> str: ...


Suggest = Callable[[str], Awaitable[dict[str, Any]]]
"""Knowledge suggestions for a question: ``{"verdict", "entries": [...]}``."""


class DeskError(HotlineError):
    """The desk cannot do what was asked; ``status`` is the HTTP answer, ``retry_after`` in seconds."""

    def __init__(self, code: str, message: str, status: int = 400, *, retry_after: int = 0) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after


class Hub(Protocol):
    """The open pages, by key (an agent's id). Sending never waits and never fails."""

    def send(self, key: str, frame: Mapping[str, Any]) -> int:
        """Send to every page of ``key``; the number of pages."""
        ...

    def present(self) -> Sequence[str]:
        """Whoever has a page open."""
        ...

    def close(self, key: str) -> None:
        """Close every page of ``key``."""
        ...
