"""The second back end: pyVoIP for signalling, for sites that already use it; the media is the same as the default's."""

import asyncio
import contextlib
from typing import Unpack

from aiosipua import SdpMessage, SipRequest, SipResponse
from aiosipua.sdp import serialize_sdp

from ivr.sip.contract import DialFailed
from ivr.sip.digest import number_of
from ivr.sip.endpoint import CallOrder, Endpoint, EndpointOptions
from ivr.sip.pyvoip_call import TrunkCall
from ivr.sip.pyvoip_client import Dialogue, TrunkMessage
from ivr.sip.pyvoip_legs import PyVoipLeg
from ivr.sip.pyvoip_phone import TrunkPhone
from ivr.sip.transactions import LIFETIME, T1, T2, ClientTransactions

from pyVoIP.VoIP.VoIP import CallState  # isort: skip  # after pyvoip_client, which sees to the order

Address = tuple[str, int]


class PyVoipEndpoint(Endpoint[PyVoipLeg]):
    """A :class:`ivr.sip.contract.SipEndpoint` over pyVoIP."""

    def __init__(self, host: str, port: int, **shared: Unpack[EndpointOptions]) -> None:
        super().__init__(host, port, **shared)
        self._phone = TrunkPhone(host, port, self.media_host, self._invited)

    async def _open(self) -> ClientTransactions:
        self._phone.start()
        self._phone.sip.asked.on_repeated = self._repeated
        return self._phone.sip.asked

    def drain(self) -> None:
        self._phone.draining = True

    def _post(self, request: SipRequest, address: Address) -> None:
        self._phone.sip.post(request, address)

    def _repeated(self, request: SipRequest) -> None:
        """A request goes out again with credentials: its dialogue counts on from there."""
        call = self._phone.calls.get(request.call_id or "")
        if call is not None:
            call.dialogue.number = max(call.dialogue.number, number_of(request))
            if request.method == "INVITE":
                call.request = TrunkMessage(request, call.request.source)

    async def _close(self) -> None:
        self._phone.stop()

    @property
    def address(self) -> Address:
        return self.media_host, self._phone.sip.myPort

    @property
    def calls_held(self) -> int:
        """Calls that pyVoIP still knows."""
        return len(self._phone.calls)

    async def _call(self, order: CallOrder, offer: SdpMessage) -> tuple[PyVoipLeg, SdpMessage | None]:
        call = self._invite(order, serialize_sdp(offer))
        call.ringing = order.on_ringing
        try:
            answer = await asyncio.shield(call.outcome)
        except asyncio.CancelledError:
            self._give_up(call)
            raise
        if int(answer.status) >= 300:
            call.over("remote")
            raise DialFailed(int(answer.status), answer.status.phrase)
        return PyVoipLeg(call, self), answer.description

    def _invite(self, order: CallOrder, offer: str) -> TrunkCall:
        client = self._phone.sip
        target = order.target
        call_id = f"{client.gen_urn_uuid().lower()}@{self.media_host}"
        dialogue = Dialogue(
            call_id,
            local_uri=self._origin(order),
            local_tag=client.gen_tag(),
            remote_name=f"<{target.uri}>",
            target=target.uri,
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in order.headers.items())
        invite = client.gen_request(dialogue, "INVITE", body=offer, more=more)
        sent = client.send(invite, target.address)
        call = TrunkCall(self._phone, CallState.DIALING, TrunkMessage(sent, target.address), dialogue.number)
        call.dialogue = dialogue
        self._phone.calls[call_id] = call
        return call

    def _give_up(self, call: TrunkCall) -> None:
        """CANCEL now, or as soon as the far end shows any life; the call is forgotten when its answer has been taken."""
        client = self._phone.sip
        if call.state == CallState.ANSWERED:  # in the very moment
            call.over("local")
            self._spawn(call.ask("BYE", {}, LIFETIME), "bye")
            return
        call.state = CallState.ENDED
        invite = call.request.request
        client.asked.let_go(invite)
        if client.asked.proceeding(invite):
            call.cancel()
        else:
            client.asked.stop(invite)
        asyncio.get_running_loop().call_later(LIFETIME, self._phone.calls.pop, call.call_id, None)

    # --- what comes in ------------------------------------------------------------------------------------------

    def _invited(self, call: TrunkCall) -> None:
        self._arrived(PyVoipLeg(call, self))

    def keep_answering(self, call: TrunkCall, response: SipResponse, address: Address) -> None:
        """Repeat a 200 until its ACK comes (RFC 3261 §13.3.1.4); without one the call is over."""
        self._spawn(self._repeat_answer(call, response, address), "repeat answer")

    async def _repeat_answer(self, call: TrunkCall, response: SipResponse, address: Address) -> None:
        waited, interval = 0.0, T1
        while waited < LIFETIME:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await call.acknowledged.wait()
            if call.acknowledged.is_set() or call.state != CallState.ANSWERED:
                return
            self._phone.sip.send_again(response, address)
            waited, interval = waited + interval, min(2 * interval, T2)
        call.over("fault")

    def _forgotten(self, leg: PyVoipLeg) -> None:
        self._phone.sip.tagLibrary.pop(leg.call_id, None)
