"""The legs of the pyVoIP back end."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from aiosipua import SipResponse
from aiosipua.sdp import serialize_sdp

from ivr.sip.leg import reason_phrase
from ivr.sip.ports import NoPortFree
from ivr.sip.pyvoip_call import TrunkCall
from ivr.sip.pyvoip_client import Address
from ivr.sip.session_description import agree, make_answer, read_offer
from ivr.sip.signalled_leg import SignalledLeg

from pyVoIP.VoIP.VoIP import CallState  # isort: skip  # after pyvoip_client, which sees to the order

if TYPE_CHECKING:
    from ivr.sip.pyvoip_endpoint import PyVoipEndpoint

_ACK_WAIT_S: Final = 2.0
_BYE_ANSWER_S: Final = 0.2


class PyVoipLeg(SignalledLeg):
    """A leg whose signalling is a :class:`TrunkCall`."""

    def __init__(self, call: TrunkCall, owner: "PyVoipEndpoint") -> None:
        super().__init__(call.call_id, call.request.request, owner)
        self._call = call
        self._owner = owner
        self._answering = False
        call.leg = self

    async def answer(self) -> None:
        if self.ended or self._answering or self._call.state != CallState.RINGING:
            return
        self._answering = True
        request = self._call.request
        offer = read_offer(request.headers.get("Content-Type", ""), request.text)
        agreed = agree(offer)
        try:
            ports = self._owner.ports.reserve()
        except NoPortFree:
            self._answering = False
            await self.reject(503)
            return
        phone = self._call.phone
        answer = make_answer(offer, agreed, phone.myIP, ports.port, self.session_name)
        await self.open_media(agreed, ports)
        if self.ended:
            return
        phone.sip.served.promise(request.request, self.keep_session(request.request))
        response = phone.reply(request, 200, "OK", serialize_sdp(answer))
        self._call.state = CallState.ANSWERED
        self.await_acknowledgement(response, request.source)

    def await_acknowledgement(self, response: SipResponse, address: Address) -> None:
        """Repeat the 200 to an INVITE until its ACK comes."""
        self._call.acknowledged.clear()
        self._owner.keep_answering(self._call, response, address)

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        if self.ended or self._answering:
            return
        later = "" if retry_after_s is None else f"Retry-After: {retry_after_s}\r\n"
        self._call.phone.reply(self._call.request, code, reason_phrase(code), more=later)
        self._call.over("local")

    @property
    def _confirmed(self) -> bool:
        return bool(self._call.state == CallState.ANSWERED)

    async def _ask_within(self, method: str, headers: dict[str, str], timeout_s: float) -> SipResponse | None:
        return await self._call.ask(method, headers, timeout_s)

    async def _say_bye(self) -> None:
        call = self._call
        if call.state == CallState.RINGING:
            call.phone.reply(call.request, 480, reason_phrase(480))
            call.over("local")
            return
        if call.state != CallState.ANSWERED:
            return
        if self._answering:  # no BYE before the ACK of our 200 (RFC 3261 §15), but not for ever
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ACK_WAIT_S):
                    await call.acknowledged.wait()
        call.over("local")
        await call.ask("BYE", {}, _BYE_ANSWER_S)
