"""What the legs of both back ends share about signalling: renegotiation, session timers, transfer, refusals' words."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, Protocol

import structlog
from aiosipua import SdpMessage, SipRequest, SipResponse

from ivr.sip.leg import Leg
from ivr.sip.number import caller_number
from ivr.sip.ports import PortRange
from ivr.sip.session_description import NotAcceptable, agree, agree_answer, make_answer, make_offer, read_offer
from ivr.sip.session_timer import SessionTerms, SessionWatch, TooBrief, terms_asked
from ivr.sip.trunk import Trunk

_log = structlog.get_logger("ivr.sip")
REFER_ANSWER_S: Final = 5.0
REFER_DONE_S: Final = 30.0
_UPDATE_ANSWER_S: Final = 10.0
_JOINED: Final = frozenset({"p-asserted-identity"})
"""Headers whose every value counts."""


class Owner(Protocol):
    """What a leg needs of its endpoint."""

    ports: PortRange
    media_host: str
    rtp_timeout_s: float
    trunk: Trunk


class SignalledLeg(Leg):
    """A leg that was made by ``invite``."""

    def __init__(self, call_id: str, invite: SipRequest, owner: Owner) -> None:
        super().__init__(call_id, _headers_of(invite), rtp_timeout_s=owner.rtp_timeout_s)
        self._number = caller_number(self._headers, owner.trunk.area_code)
        self._home = owner
        self._transferred: asyncio.Future[bool] | None = None
        self._session: SessionWatch | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._our_offer_is_out = False

    # --- by the back end ----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def _confirmed(self) -> bool:
        """Whether the call is up: answered, acknowledged, not ended."""

    @abstractmethod
    async def _ask_within(self, method: str, headers: dict[str, str], timeout_s: float) -> SipResponse | None:
        """Send a request within the call; its final answer, ``None`` when none comes in time."""

    # --- an offer within the call -------------------------------------------------------------------------------

    def answer_anew(self, request: SipRequest) -> SdpMessage | None:
        """The body of our 200 to a re-INVITE or UPDATE: same codec, other address or hold. Raises :class:`NotAcceptable`.

        A re-INVITE without an offer gets ours; its ACK brings the answer (:meth:`acknowledged`).
        """
        media = self._media
        if media is None:
            raise NotAcceptable("no media yet")
        if not request.body:
            if request.method != "INVITE":
                return None
            self._our_offer_is_out = True
            return make_offer(self._home.media_host, media.port, self.session_name, (media.agreed.codec,))
        offer = read_offer(request.content_type or "", request.text)
        agreed = agree(offer, codecs=(media.agreed.codec,))
        media.move(agreed)
        return make_answer(offer, agreed, self._home.media_host, media.port, self.session_name)

    def acknowledged(self, ack: SipRequest) -> None:
        """An ACK came: after a re-INVITE without an offer it holds the answer to ours."""
        if not self._our_offer_is_out or not ack.body or self._media is None:
            return
        self._our_offer_is_out = False
        try:
            agreed = agree_answer(read_offer(ack.content_type or "", ack.text))
        except NotAcceptable:
            _log.warning("renegotiation_failed", call=self.call_id)
            return
        if agreed.codec == self._media.agreed.codec:
            self._media.move(agreed)

    # --- session timers -----------------------------------------------------------------------------------------

    def keep_session(self, request: SipRequest) -> dict[str, str]:
        """Take up what an INVITE, re-INVITE or UPDATE asks about timers; returns what its 2xx says about it."""
        try:
            terms = terms_asked(request)
        except TooBrief:  # only the first INVITE is refused for it
            terms = None
        if terms is None:
            if self._session is not None:
                self._session.refreshed()
            return {}
        if self._session is not None:
            self._session.stop()
        if not self.ended:
            self._session = self._watch(terms)
        return terms.headers

    def _watch(self, terms: SessionTerms) -> SessionWatch:
        def refresh() -> None:
            self._refreshing = asyncio.create_task(self._refresh(terms), name="refresh session")

        return SessionWatch(terms, refresh=refresh, expired=self._session_lost)

    async def _refresh(self, terms: SessionTerms) -> None:
        headers = {"Session-Expires": f"{terms.interval_s};refresher=uac", "Supported": "timer"}
        answer = await self._ask_within("UPDATE", headers, _UPDATE_ANSWER_S)
        if answer is None or answer.status_code in (408, 481):
            self._session_lost()
        elif self._session is not None and not self.ended:
            self._session.refreshed()

    def _session_lost(self) -> None:
        if self.ended:
            return
        _log.warning("session_expired", call=self.call_id)
        self.finish("fault")
        self._goodbye = asyncio.create_task(self._say_bye(), name="bye")

    def finish(self, how: str) -> None:
        if self._session is not None:
            self._session.stop()
        super().finish(how)

    # --- transfer -----------------------------------------------------------------------------------------------

    async def refer(self, target: str) -> bool:
        """RFC 3515: ``True`` once the far end reports that ``target`` took the call."""
        if not self._confirmed or self.ended:
            return False
        self._transferred = asyncio.get_running_loop().create_future()
        answer = await self._ask_within("REFER", {"Refer-To": f"<{target}>"}, REFER_ANSWER_S)
        if answer is None or answer.status_code >= 300:
            return False
        waiting: set[asyncio.Future[Any]] = {self._transferred, self._over}
        done, _ = await asyncio.wait(waiting, timeout=REFER_DONE_S, return_when=asyncio.FIRST_COMPLETED)
        if self._transferred in done:
            return self._transferred.result()
        return self._over in done and self._over.result() == "remote"  # it took the caller and let go of us

    def transfer_told(self, status: int) -> None:
        """The far end says how the transfer goes: the status line in a NOTIFY."""
        if self._transferred is not None and status >= 200 and not self._transferred.done():
            self._transferred.set_result(status < 300)


def _headers_of(invite: SipRequest) -> Mapping[str, str]:
    return {
        name: ", ".join(values) if name.lower() in _JOINED else values[0]
        for name, values in invite.headers.items()
        if values
    }
