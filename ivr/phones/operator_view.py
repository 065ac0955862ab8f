"""What the hotline understood of a call, asked by Call-ID at its loopback operator interface."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import aiohttp

_ASK_EVERY_S: Final = 0.4
_SETTLING_S: Final = 0.1
_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)


@dataclass(frozen=True, slots=True)
class SystemTurn:
    """One turn as the hotline recorded it. ``at_ms``: since the call was answered; ``said``: what was recognised."""

    said: str
    act: str
    text: str
    speech: str
    entry_id: str | None
    version: int | None
    at_ms: float | None


@dataclass(frozen=True, slots=True)
class SystemTransfer:
    """A hand-over. ``ms``: from the decision until both were connected."""

    agent: str
    ms: float | None
    connected: bool


@dataclass(frozen=True, slots=True)
class SystemView:
    """The hotline's side of one call; the empty view when it cannot be asked."""

    known: bool = False
    admission: str = "normal"
    emergency: bool = False
    turns: tuple[SystemTurn, ...] = ()
    transfer: SystemTransfer | None = None
    ticket: str | None = None
    ended_by: str = ""
    raw: dict[str, Any] = field(default_factory=dict)


def read_view(document: dict[str, Any]) -> SystemView:
    """The answer of ``/operator/calls/<call-id>``."""
    transfer = document.get("transfer")
    return SystemView(
        known=True,
        admission=document.get("admission") or "normal",
        emergency=bool(document.get("emergency")),
        turns=tuple(_read_turn(turn) for turn in document.get("turns") or ()),
        transfer=SystemTransfer(str(transfer.get("agent") or ""), transfer.get("ms"), bool(transfer.get("connected")))
        if transfer
        else None,
        ticket=document.get("ticket") or None,
        ended_by=document.get("ended_by") or "",
        raw=document,
    )


def _read_turn(turn: dict[str, Any]) -> SystemTurn:
    reply = turn.get("reply") or {}
    version = reply.get("entry_version", reply.get("version"))
    return SystemTurn(
        turn.get("said") or "",
        turn.get("act") or "",
        reply.get("text") or "",
        reply.get("speech") or "",
        reply.get("entry_id"),
        version,
        turn.get("at_ms"),
    )


class OperatorView:
    """Follows one call while it lasts. ``latest`` is never older than about half a second."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}/operator/calls/"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None
        self.latest = SystemView()

    async def __aenter__(self) -> "OperatorView":
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def look(self, call_id: str) -> SystemView:
        """Ask once; keeps the last answer when the interface is away (a gateway that is being restarted)."""
        if self._session is None:
            return self.latest
        try:
            async with self._session.get(self._url + quote(call_id, safe="")) as answer:
                if answer.status == 200:
                    self.latest = read_view(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass
        return self.latest

    async def follow(self, call_id: str) -> None:
        """Keep ``latest`` fresh until cancelled."""
        while True:
            await self.look(call_id)
            await asyncio.sleep(_ASK_EVERY_S)

    async def settled(self, call_id: str, within_s: float) -> SystemView:
        """The view once the hotline knows how the call ended."""
        for _ in range(max(1, round(within_s / _SETTLING_S))):
            view = await self.look(call_id)
            if view.ended_by or not view.known:
                break
            await asyncio.sleep(_SETTLING_S)
        return self.latest
