"""Asks our own SIP socket for OPTIONS: an endpoint that is deaf is opened again."""

import asyncio
from typing import Final

import structlog
from aiosipua import SipRequest
from aiosipua.utils import format_addr, generate_branch, generate_call_id, generate_tag

from ivr.sip.transport import GuardedUdpTransport
from ivr.sip.user_agent import UserAgentClient

_log = structlog.get_logger("ivr.sip")
PERIOD_S: Final = 5.0
ANSWER_WITHIN_S: Final = 2.0


class Watchdog:
    """Every ``period_s``: an OPTIONS to ourselves; unanswered, or the socket lost: bind again."""

    def __init__(self, transport: GuardedUdpTransport, client: UserAgentClient, *, period_s: float = PERIOD_S) -> None:
        self._transport = transport
        self._client = client
        self._period_s = period_s
        self._wake = asyncio.Event()
        self.reopened = 0
        transport.on_lost = self._wake.set

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._period_s):
                    await self._wake.wait()
            except TimeoutError:
                pass
            lost = self._wake.is_set()
            self._wake.clear()
            if lost or not await self.hears():
                await self._open_again()

    async def hears(self) -> bool:
        """Whether the endpoint answers its own OPTIONS."""
        request = self._options()
        self._transport.send(request, self._own_address())
        answer = await self._client.asked.answered(request, ANSWER_WITHIN_S)
        return answer is not None

    async def _open_again(self) -> None:
        try:
            await self._transport.reopen()
        except OSError as error:
            _log.error("sip_socket_not_reopened", error=type(error).__name__)
            return
        self.reopened += 1
        _log.warning("sip_socket_reopened", times=self.reopened)

    def _own_address(self) -> tuple[str, int]:
        host, port = self._transport.local_addr
        return ("127.0.0.1" if host == "0.0.0.0" else host, port)  # noqa: S104  # compared, not bound

    def _options(self) -> SipRequest:
        host, port = self._own_address()
        own = f"<sip:{format_addr(host, port)}>"
        request = SipRequest(method="OPTIONS", uri=own.strip("<>"))
        request.headers.append("Via", f"SIP/2.0/UDP {format_addr(host, port)};branch={generate_branch()};rport")
        request.headers.set_single("From", f"{own};tag={generate_tag()}")
        request.headers.set_single("To", own)
        request.headers.set_single("Call-ID", generate_call_id(host))
        request.headers.set_single("CSeq", "1 OPTIONS")
        request.headers.set_single("Max-Forwards", "70")
        return request
