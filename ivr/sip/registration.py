"""Registration with the trunk (RFC 3261 §10): kept alive, and taken up again when the registrar was away."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import structlog
from aiosipua import SipRequest, SipResponse
from aiosipua.headers import parse_address
from aiosipua.utils import format_addr, generate_branch, generate_call_id, generate_tag

from ivr.sip.address import BadAddress, resolve
from ivr.sip.digest import Account, Digest, number_of

_log = structlog.get_logger("ivr.sip")

ANSWER_WITHIN_S: Final = 8.0
REFRESH_AT_MOST_S: Final = 30.0
"""A registrar that has restarted and forgotten us is told again within this time, however long it had granted."""
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0
_LONGEST_RETRY_AFTER_S: Final = 300.0
_LEAVE_WITHIN_S: Final = 1.0

Address = tuple[str, int]
Ask = Callable[[SipRequest, Address, float], Awaitable[SipResponse | None]]
Status = Literal["registering", "registered", "refused", "unreachable"]


def wait_before_retry(failures: int, retry_after_s: float, draw: float) -> float:
    """Seconds until the next attempt after ``failures`` in a row: doubling from 1 to 60, ±25 % by ``draw`` (0–1).

    A registrar's Retry-After is kept to, up to five minutes.
    """
    doubled = min(_FIRST_WAIT_S * 2.0 ** min(failures - 1, 10), _LONGEST_WAIT_S)
    return max(doubled * (0.75 + draw / 2), min(retry_after_s, _LONGEST_RETRY_AFTER_S))


class Registration:
    """One binding of ``account`` to our address at ``registrar`` (``host[:port]``)."""

    def __init__(
        self,
        account: Account,
        registrar: str,
        *,
        ask: Ask,
        contact: Callable[[], Address],
        digest: Digest,
        expires_s: int = 300,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._account = account
        self._registrar = registrar
        self._ask = ask
        self._contact = contact
        self._digest = digest
        self._wanted_s = expires_s
        self._sleep = sleep
        self._now = now or asyncio.get_running_loop().time
        self._draw = draw
        self._call_id = generate_call_id(account.domain)
        self._tag = generate_tag()
        self._number = 0
        self._bound_until = 0.0
        self.status: Status = "registering"
        self.failures = 0
        """Attempts in a row that did not succeed."""

    @property
    def bound(self) -> bool:
        """Whether the registrar still sends calls here: the last binding has not run out."""
        return self._now() < self._bound_until

    async def run(self) -> None:
        """Register and stay registered until cancelled."""
        while True:
            granted_s, retry_after_s = await self._attempt(self._wanted_s)
            if granted_s:
                await self._sleep(min(granted_s / 2, REFRESH_AT_MOST_S))
            else:
                await self._sleep(wait_before_retry(self.failures, retry_after_s, self._draw()))

    async def leave(self) -> None:
        """Take the binding back, so that calls go elsewhere at once; one attempt."""
        if self.bound:
            await self._send(0, _LEAVE_WITHIN_S)
            self._bound_until = 0.0

    async def _attempt(self, expires_s: int) -> tuple[int, float]:
        """One REGISTER; returns the seconds granted (0: none) and the Retry-After."""
        answer = await self._send(expires_s, ANSWER_WITHIN_S)
        if answer is not None and answer.status_code == 423:
            self._wanted_s = max(self._wanted_s, _seconds(answer, "min-expires"))
            answer = await self._send(self._wanted_s, ANSWER_WITHIN_S)
        if answer is None:
            self._failed("unreachable", 0)
            return 0, 0.0
        if not 200 <= answer.status_code < 300:
            self._failed("refused", answer.status_code)
            return 0, float(_seconds(answer, "retry-after"))
        granted_s = max(1, self._granted(answer))
        if self.status != "registered":
            _log.info("trunk_registered", seconds=granted_s, after_failures=self.failures)
        self.status, self.failures = "registered", 0
        self._bound_until = self._now() + granted_s
        return granted_s, 0.0

    def _failed(self, status: Status, code: int) -> None:
        self.failures += 1
        if self.status != status or self.failures in (1, 10, 100):
            _log.warning("trunk_not_registered", status=status, code=code, failures=self.failures)
        self.status = status

    async def _send(self, expires_s: int, within_s: float) -> SipResponse | None:
        try:
            target = await resolve(f"sip:{self._registrar}")
        except BadAddress:
            return None
        self._digest.trusted.add(target.address[0])
        answer = await self._ask(self._request(expires_s), target.address, within_s)
        if answer is not None:
            self._number = max(self._number, number_of(answer))
        return answer

    def _request(self, expires_s: int) -> SipRequest:
        self._number += 1
        here = format_addr(*self._contact())
        account = f"<sip:{self._account.user}@{self._account.domain}>"
        request = SipRequest(method="REGISTER", uri=f"sip:{self._account.domain}")
        request.headers.append("Via", f"SIP/2.0/UDP {here};branch={generate_branch()};rport")
        for name, value in (
            ("Max-Forwards", "70"),
            ("From", f"{account};tag={self._tag}"),
            ("To", account),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} REGISTER"),
            ("Contact", f"<sip:{self._account.user}@{here}>"),
            ("Expires", str(expires_s)),
        ):
            request.headers.set_single(name, value)
        return request

    def _granted(self, answer: SipResponse) -> int:
        """The time granted: of our own Contact, else of the Expires header, else what we asked for (§10.2.4)."""
        host, port = self._contact()
        for raw in answer.headers.get("contact"):
            contact = parse_address(raw)
            granted = contact.params.get("expires") or ""
            if (contact.uri.host, contact.uri.port or 5060) == (host, port) and granted.isdecimal():
                return int(granted)
        return _seconds(answer, "expires") or self._wanted_s


def _seconds(message: SipResponse, name: str) -> int:
    digits = (message.headers.get_first(name) or "").split(";")[0].split("(")[0].strip()
    return int(digits) if digits.isdecimal() and len(digits) < 10 else 0
