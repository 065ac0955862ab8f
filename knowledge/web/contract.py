"""What the knowledge base's pages ask of their surroundings: who is there, a voice, limits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from config.errors import HotlineError
from knowledge.contract import Actor


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking. ``csrf`` goes with every writing request of a browser."""

    actor: Actor
    role_label: str
    csrf: str
    name: str = field(default="", repr=False)


class Door(Protocol):
    """Sessions, as the gateway keeps them. Errors bring an HTTP ``status`` and may bring ``retry_after`` (s)."""

    async def enter(self, request: web.Request, account: object, password: object) -> tuple[str, Visitor]:
        """Log in: a token for :meth:`keep` and who it is."""
        ...

    async def require(self, request: web.Request) -> Visitor:
        """Who is asking; raises when nobody is logged in or the CSRF token is missing."""
        ...

    async def leave(self, request: web.Request) -> None:
        """Log out."""
        ...

    def keep(self, request: web.Request, response: web.Response, token: str) -> None:
        """Give the browser its session."""
        ...

    def forget(self, response: web.Response) -> None:
        """Take the session from the browser."""
        ...


Speak = Callable[[str], Awaitable[bytes]]
"""Text to a WAV file in the hotline's voice. Raises :class:`config.errors.HotlineError` when the voice is away."""


class RateLimit(Protocol):
    """Counts events of a key within a window."""

    async def hit(self, key: str, limit: int, window_s: float) -> float:
        """Count one; 0 when allowed, else the seconds to wait."""
        ...


class WebError(HotlineError):
    """A request that cannot be answered; ``status`` is the HTTP answer, ``retry_after`` in seconds."""

    def __init__(self, code: str, message: str, status: int = 400, *, retry_after: int = 0) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after
