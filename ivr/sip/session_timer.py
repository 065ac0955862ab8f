"""Session timers (RFC 4028): a trunk that asks for them is told who refreshes, and a call nobody refreshes ends."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiosipua import SipRequest

SHORTEST_S: Final = 90
"""RFC 4028 §4: no session may be asked to be refreshed more often."""
_LONGEST_S: Final = 86_400


class TooBrief(Exception):
    """The session interval asked for is below :data:`SHORTEST_S`: answer 422 with Min-SE."""

    code = 422


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """The interval agreed, and who refreshes."""

    interval_s: int
    we_refresh: bool
    supported: bool
    """The far end knows of timers itself; else a proxy asks for them."""

    @property
    def headers(self) -> dict[str, str]:
        """What the 2xx to the request says."""
        refresher = "uas" if self.we_refresh else "uac"
        lines = {"Session-Expires": f"{self.interval_s};refresher={refresher}"}
        if self.supported and not self.we_refresh:
            lines["Require"] = "timer"
        return lines


def terms_asked(request: SipRequest) -> SessionTerms | None:
    """What an INVITE or UPDATE asks for; ``None``: no timer, or one that we could not keep. Raises :class:`TooBrief`.

    We refresh by UPDATE only: a far end that neither refreshes itself nor takes UPDATE gets no timer.
    """
    interval, *parameters = (part.strip() for part in (request.headers.get_first("session-expires") or "").split(";"))
    if not (interval.isdecimal() and interval.isascii() and len(interval) < 8):
        return None
    supported = "timer" in _tokens(request, "supported") | _tokens(request, "require")
    if int(interval) < SHORTEST_S:
        if supported:
            raise TooBrief
        return None
    refresher = next((p.partition("=")[2].strip().lower() for p in parameters if p.lower().startswith("refresher")), "")
    we_refresh = refresher == "uas" or not supported
    if we_refresh and "update" not in _tokens(request, "allow"):
        return None
    return SessionTerms(min(int(interval), _LONGEST_S), we_refresh, supported)


def _tokens(request: SipRequest, name: str) -> set[str]:
    return {value.strip().lower() for value in request.headers.get(name)}


class SessionWatch:
    """Calls ``refresh`` at half time where that is ours, else ``expired`` shortly before the end (RFC 4028 §10)."""

    def __init__(self, terms: SessionTerms, *, refresh: Callable[[], None], expired: Callable[[], None]) -> None:
        self._terms = terms
        self._refresh = refresh
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None
        self.refreshed()

    def refreshed(self) -> None:
        """The session holds for another interval."""
        self.stop()
        loop = asyncio.get_running_loop()
        interval = self._terms.interval_s
        if self._terms.we_refresh:
            self._timer = loop.call_later(interval / 2, self._refresh)
        else:
            self._timer = loop.call_later(interval - min(32, interval / 3), self._expired)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
