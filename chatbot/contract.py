"""What the text channels ask of their surroundings; the gateway gives it in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation stands with the desk: its place in the queue (0: being offered), or its agent."""

    position: int = 0
    agent_id: str | None = None


class DeskSide(Protocol):
    """The desk, as the text channels need it."""

    async def request(self, conversation_id: str, reason: str, priority: int, emergency_number: str) -> None:
        """Ask for a person."""
        ...

    async def record(self, conversation_id: str, sender: str, text: str) -> Mapping[str, Any]:
        """Write a sentence of the citizen's down for the agent; returns ``{"id", "text", "at", …}``."""
        ...

    async def changed(self, conversation_id: str) -> None:
        """The bot and the citizen have gone on."""
        ...

    def typing(self, conversation_id: str) -> None: ...

    async def left(self, conversation_id: str, ended_by: str) -> None: ...

    def place(self, conversation_id: str) -> Place | None: ...


class LiveMarks(Protocol):
    """Rate limits and message ids: what may be lost."""

    async def hit(self, key: str, limit: int, window_s: float) -> float: ...

    async def mark(self, key: str, lifetime_s: float) -> None: ...

    async def marked(self, key: str) -> bool: ...


class Pages(Protocol):
    """The open pages, by session."""

    def send(self, key: str, frame: Mapping[str, Any]) -> int: ...

    async def serve(
        self,
        request: web.Request,
        key: str,
        first: Callable[[], Awaitable[Mapping[str, Any]]],
        on_frame: Callable[[dict[str, Any]], Awaitable[Mapping[str, Any] | None]],
    ) -> web.StreamResponse: ...


class Tokens(Protocol):
    """Signed tokens."""

    def sign(self, purpose: str, claims: Mapping[str, Any], lifetime_s: float) -> str: ...

    def read(self, purpose: str, token: str) -> dict[str, Any] | None: ...
