"""What every SIP back end shares: dialling, the legs alive, the handler of calls, and the end of them all."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypedDict, TypeVar

import structlog
from aiosipua import SdpMessage, SipRequest, SipResponse

from ivr.sip.address import BadAddress, Target, reachable_host, resolve
from ivr.sip.contract import CallLeg, DialFailed, OnCall
from ivr.sip.digest import Account, Digest
from ivr.sip.leg import Leg
from ivr.sip.media import RTP_TIMEOUT_S, Taps
from ivr.sip.ports import NoPortFree, PortRange, RtpPorts
from ivr.sip.registration import Registration
from ivr.sip.session_description import CODECS, NotAcceptable, SessionName, agree_answer, make_offer
from ivr.sip.transactions import ClientTransactions
from ivr.sip.trunk import Trunk

_log = structlog.get_logger("ivr.sip")
_GOODBYE_S: Final = 1.0

LegType = TypeVar("LegType", bound=Leg)


def _nobody_told() -> None:
    """The dialler does not ask when it rings."""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call to be made: whom, from which ports, and what to say in the INVITE."""

    target: Target
    ports: RtpPorts
    caller: str = ""
    on_ringing: Callable[[], None] = _nobody_told
    headers: Mapping[str, str] = field(default_factory=dict)


class EndpointOptions(TypedDict, total=False):
    """The arguments that every back end's endpoint takes by name; see :class:`Endpoint`."""

    rtp_low: int
    rtp_high: int
    domain: str
    rtp_timeout_s: float
    trunk: Trunk
    codecs: tuple[str, ...]


class Endpoint(ABC, Generic[LegType]):
    """A :class:`ivr.sip.contract.SipEndpoint` on ``host``:``port`` (port 0: any); subclasses speak SIP.

    ``domain``: the address that far ends can reach, where ``host`` is the wildcard. ``codecs``: what we offer, in order. With an account in ``trunk`` it
    registers as soon as it is started.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        rtp_low: int = 0,
        rtp_high: int = 0,
        domain: str = "127.0.0.1",
        rtp_timeout_s: float = RTP_TIMEOUT_S,
        trunk: Trunk | None = None,
        codecs: tuple[str, ...] = CODECS,
    ) -> None:
        self.media_host = reachable_host(host, domain)
        self.rtp_timeout_s = rtp_timeout_s
        self.ports = PortRange(host, rtp_low, rtp_high)
        self.trunk = trunk or Trunk()
        self._codecs = codecs
        self._digest = Digest(self.trunk.account) if self.trunk.account else None
        self._registration: Registration | None = None
        self._handler: OnCall | None = None
        self._legs: dict[str, LegType] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- signalling, by the back end ----------------------------------------------------------------------------

    @abstractmethod
    async def _open(self) -> ClientTransactions:
        """Bind and listen; returns what watches our requests. Raises :class:`OSError` when the port is taken."""

    @abstractmethod
    def drain(self) -> None:
        """Answer OPTIONS with 503 from here on."""

    @abstractmethod
    def _post(self, request: SipRequest, address: tuple[str, int]) -> None:
        """Send ``request`` and watch it."""

    @abstractmethod
    async def _close(self) -> None:
        """Close the socket and stop every timer of the signalling."""

    @property
    @abstractmethod
    def address(self) -> tuple[str, int]: ...

    @abstractmethod
    async def _call(self, order: CallOrder, offer: SdpMessage) -> tuple[LegType, SdpMessage | None]:
        """Send the INVITE; returns the answered leg and the answer's SDP. Raises :class:`DialFailed`.

        Cancelled while nobody has answered, it cancels the call too.
        """

    # --- the contract -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind and listen. Raises :class:`OSError` when the port is taken."""
        self._asked = await self._open()
        self._asked.digest = self._digest
        account, digest = self.trunk.account, self._digest
        if account is not None and digest is not None:
            self._registration = Registration(
                account,
                self.trunk.registrar,
                ask=self._ask,
                contact=lambda: self.address,
                digest=digest,
                expires_s=self.trunk.expires_s,
            )
            self._spawn(self._registration.run(), "registration")

    async def stop(self) -> None:
        """Take the registration back, hang up what is left and free the port."""
        legs = list(self._legs.values())
        goodbyes = [leg.hangup() for leg in legs]
        if self._registration is not None:
            goodbyes.append(self._registration.leave())
        if goodbyes:
            await asyncio.wait([asyncio.create_task(goodbye) for goodbye in goodbyes], timeout=_GOODBYE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()
        for leg in legs:
            leg.finish("local")
            await leg.closed()

    @property
    def registered(self) -> bool | None:
        """Whether the trunk's registrar sends calls here; ``None``: there is nothing to register."""
        return self._registration.bound if self._registration is not None else None

    @property
    def counters(self) -> Mapping[str, int]:
        """Legs alive, and failed attempts to register in a row."""
        failures = self._registration.failures if self._registration is not None else 0
        return {"legs": len(self._legs), "registration_failures": failures}

    def on_call(self, handler: OnCall) -> None:
        self._handler = handler

    async def dial(
        self,
        uri: str,
        *,
        caller: str = "",
        timeout_s: float = 25.0,
        on_ringing: Callable[[], None] | None = None,
        taps: Taps | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallLeg:
        """Call ``uri``. ``headers``: further headers of the INVITE."""
        try:
            target = await self._find(uri)
            ports = self.ports.reserve()
        except (BadAddress, NoPortFree) as error:
            raise DialFailed(404 if isinstance(error, BadAddress) else 503, str(error)) from error
        order = CallOrder(
            target, ports, caller, on_ringing or _nobody_told, {**self._identity(target, caller), **(headers or {})}
        )
        try:
            return await self._dial(order, timeout_s, taps)
        except BaseException:
            ports.close()
            raise

    async def _find(self, uri: str) -> Target:
        target = await resolve(uri, self.trunk.gateway)
        if self._digest is not None and uri[:4].lower() == "tel:":
            self._digest.trusted.add(target.address[0])
        return target

    def _known_as(self, target: Target) -> Account | None:
        """The account that we are known by at ``target``: only the trunk knows one."""
        known = self._digest is not None and target.address[0] in self._digest.trusted
        return self.trunk.account if known else None

    def _identity(self, target: Target, caller: str) -> dict[str, str]:
        """Whose call it is that we put through, for a trunk that lets us say so (RFC 3325)."""
        account = self._known_as(target)
        return {"P-Asserted-Identity": f"<sip:{caller}@{account.domain}>"} if account and caller else {}

    def _origin(self, order: CallOrder) -> str:
        """The From of a call of ours: our account, as trunks refuse others' numbers; elsewhere ``caller`` at our address."""
        account = self._known_as(order.target)
        if account is not None:
            return f"sip:{account.user}@{account.domain}"
        host, port = self.address
        return f"sip:{order.caller}@{host}:{port}" if order.caller else f"sip:{host}:{port}"

    async def _ask(self, request: SipRequest, address: tuple[str, int], timeout_s: float) -> SipResponse | None:
        """Send ``request`` outside any call; its final answer, ``None`` when none comes in time."""
        self._post(request, address)
        answer = await self._asked.answered(request, timeout_s)
        self._asked.stop(request)
        return answer

    async def _dial(self, order: CallOrder, timeout_s: float, taps: Taps | None) -> CallLeg:
        name = SessionName()
        try:
            async with asyncio.timeout(timeout_s):
                offer = make_offer(self.media_host, order.ports.port, name, self._codecs)
                leg, answer = await self._call(order, offer)
        except TimeoutError as error:
            raise DialFailed(408, "无应答") from error
        leg.session_name = name
        leg.taps = taps or leg.taps
        self._keep(leg)
        try:
            if answer is None:
                raise NotAcceptable("answer without SDP")
            await leg.open_media(agree_answer(answer), order.ports)
        except NotAcceptable as error:
            await leg.hangup()
            raise DialFailed(488, "对方媒体不兼容") from error
        except BaseException:  # nobody wants the call any more, or it has no sound
            self._spawn(leg.hangup(), "hang up")
            raise
        return leg

    # --- calls that come in -------------------------------------------------------------------------------------

    def _arrived(self, leg: LegType) -> bool:
        """Hand a new call to whoever takes calls; ``False``: nobody does, and it is refused."""
        self._keep(leg)
        if self._handler is None:
            self._spawn(leg.reject(480), "refuse call")
            return False
        self._spawn(self._handle(self._handler, leg), "call")
        return True

    async def _handle(self, handler: OnCall, leg: LegType) -> None:
        try:
            await handler(leg)
        except Exception as error:
            _log.exception("call_handler_failed", call=leg.call_id, error=type(error).__name__)
            await leg.hangup()

    # --- housekeeping -------------------------------------------------------------------------------------------

    def _keep(self, leg: LegType) -> None:
        self._legs[leg.call_id] = leg
        self._spawn(self._forget_when_over(leg), "forget leg")

    async def _forget_when_over(self, leg: LegType) -> None:
        await leg.wait_ended()
        await leg.closed()
        if self._legs.get(leg.call_id) is leg:
            del self._legs[leg.call_id]
            self._forgotten(leg)

    def _forgotten(self, leg: LegType) -> None:
        """Nothing of ``leg`` is needed any more."""

    def _spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
