"""RFC 3261 §17 over UDP: what is sent again until it is answered, and what is answered again when it is asked again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiosipua import SipRequest, SipResponse
from aiosipua.headers import parse_via

from ivr.sip.digest import Challenges, Digest

T1: Final = 0.5
T2: Final = 4.0
LIFETIME: Final = 64 * T1
"""Timers B, F, H and J: after 32 s a side that says nothing is given up."""
_MOST_REMEMBERED: Final = 20_000

Address = tuple[str, int]
Send = Callable[[SipRequest | SipResponse, Address], None]
Key = tuple[str, str]


def branch_of(message: SipRequest | SipResponse) -> str:
    """The branch of the top Via; empty when there is none."""
    vias = message.headers.get("via")
    return (parse_via(vias[0]).branch or "") if vias else ""


def _method_of(message: SipRequest | SipResponse) -> str:
    if isinstance(message, SipRequest):
        return message.method.upper()
    parts = (message.headers.get_first("cseq") or "").split()
    return parts[1].upper() if len(parts) > 1 else ""


class _Repeater:
    """Sends one message again at T1, doubling up to ``ceiling``, for 32 s."""

    def __init__(self, again: Callable[[], None], ceiling: float, over: Callable[[], None]) -> None:
        self._again = again
        self._over = over
        self._ceiling = ceiling
        self._interval = T1
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + LIFETIME
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(T1, self._fire)

    def _fire(self) -> None:
        if self._loop.time() >= self._deadline:
            self._timer = None
            self._over()
            return
        self._again()
        self._interval = min(2 * self._interval, self._ceiling)
        self._timer = self._loop.call_later(self._interval, self._fire)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(slots=True)
class _Asked:
    """A request of ours and where it went."""

    request: SipRequest
    address: Address
    repeater: _Repeater | None
    answer: "asyncio.Future[SipResponse | None]"
    challenges: Challenges = field(default_factory=Challenges)
    born: float = field(default_factory=time.monotonic)
    provisional: bool = False
    unwanted: bool = False
    again: "_Asked | None" = None
    """The same request with credentials, once the trunk has asked for them."""


class ClientTransactions:
    """Requests of ours: repeated until answered; a refused INVITE is acknowledged, as often as the refusal comes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._asked: dict[Key, _Asked] = {}
        self.digest: Digest | None = None
        """Answers the trunk's challenges."""
        self.on_repeated: Callable[[SipRequest], None] = lambda request: None
        """Called with a request that goes out again with credentials: its CSeq number is one higher."""

    def track(self, request: SipRequest, address: Address) -> None:
        """Watch ``request``, which has just been sent. ACK is no transaction, a repetition no new one."""
        key = (branch_of(request), request.method.upper())
        if key[1] != "ACK" and key[0] and key not in self._asked:
            self._forget_old()
            answer = asyncio.get_running_loop().create_future()
            self._asked[key] = _Asked(request, address, self._repeater(request, address), answer)

    def receive(self, response: SipResponse) -> SipRequest | None:
        """Note a response; returns the request that it answers, or ``None`` when it answers none of ours.

        A challenge of the trunk is answered here, and answers nothing yet.
        """
        key = (branch_of(response), _method_of(response))
        asked = self._asked.get(key)
        if asked is None:
            return None
        asked.provisional = True
        if (key[1] == "INVITE" or response.status_code >= 200) and asked.repeater is not None:
            asked.repeater.stop()
            asked.repeater = None
        if key[1] == "INVITE" and response.status_code >= 300:
            self._send(_acknowledge(asked.request, response), asked.address)
        if asked.again is not None or self._challenged(asked, response):
            return None
        if response.status_code >= 200 and not asked.answer.done():
            asked.answer.set_result(response)
        return asked.request

    def _challenged(self, asked: _Asked, response: SipResponse) -> bool:
        """Whether the trunk asked who we are and has been told, in the same request sent anew."""
        if self.digest is None or asked.unwanted or asked.answer.done():
            return False
        again = self.digest.answer(asked.request, response, asked.address[0], asked.challenges)
        if again is None:
            return False
        repeater = self._repeater(again, asked.address)
        asked.again = _Asked(again, asked.address, repeater, asked.answer, asked.challenges)
        self._asked[branch_of(again), again.method.upper()] = asked.again
        self._send(again, asked.address)
        self.on_repeated(again)
        return True

    def _repeater(self, request: SipRequest, address: Address) -> _Repeater:
        key = (branch_of(request), request.method.upper())
        ceiling = LIFETIME if key[1] == "INVITE" else T2
        return _Repeater(lambda: self._send(request, address), ceiling, lambda: self._give_up(key))

    def proceeding(self, invite: SipRequest) -> bool:
        """Whether any answer to ``invite`` has come: only then may it be cancelled (RFC 3261 §9.1)."""
        asked = self._asked.get((branch_of(invite), "INVITE"))
        return asked is not None and asked.provisional

    def stop(self, request: SipRequest) -> None:
        """Repeat ``request`` no more."""
        asked = self._asked.get((branch_of(request), request.method.upper()))
        while asked is not None:
            if asked.repeater is not None:
                asked.repeater.stop()
                asked.repeater = None
            asked = asked.again

    def let_go(self, request: SipRequest) -> None:
        """Answer no challenge to ``request`` any more: nobody wants it now."""
        asked = self._asked.get((branch_of(request), request.method.upper()))
        if asked is not None:
            asked.unwanted = True

    async def answered(self, request: SipRequest, timeout_s: float) -> SipResponse | None:
        """The final answer to ``request``; ``None`` when none comes in time."""
        asked = self._asked.get((branch_of(request), request.method.upper()))
        if asked is None:
            return None
        done, _ = await asyncio.wait({asked.answer}, timeout=timeout_s)
        return asked.answer.result() if done else None

    def close(self) -> None:
        for asked in self._asked.values():
            if asked.repeater is not None:
                asked.repeater.stop()
            if not asked.answer.done():
                asked.answer.set_result(None)
        self._asked.clear()

    def _give_up(self, key: Key) -> None:
        asked = self._asked.get(key)
        if asked is None:
            return
        asked.repeater = None
        if not asked.answer.done():
            asked.answer.set_result(None)

    def _forget_old(self) -> None:
        now = time.monotonic()
        for key in [k for k, a in self._asked.items() if a.repeater is None and now - a.born > 4 * LIFETIME]:
            del self._asked[key]


@dataclass(slots=True)
class _Served:
    """A request that came in, by its latest answer."""

    routes: list[str] = field(default_factory=list)
    """The proxies that want to stay on the path: answers name them again (RFC 3261 §12.1.1)."""
    promised: dict[str, str] = field(default_factory=dict)
    response: SipResponse | None = None
    repeater: _Repeater | None = None
    touched: float = field(default_factory=time.monotonic)


class ServerTransactions:
    """Requests of others: a repeated one gets the same answer again; a refused INVITE is refused until acknowledged."""

    def __init__(self, reply: Callable[[SipResponse], None]) -> None:
        self._reply = reply
        self._served: dict[tuple[str, str, str], _Served] = {}

    def is_repeated(self, request: SipRequest) -> bool:
        """Whether ``request`` has been seen: its last answer has then been sent again and nothing is left to do."""
        key = self._key(request)
        if key is None:
            return False
        if key[2] == "ACK":
            return self._acknowledged(key)
        served = self._served.get(key)
        if served is None:
            self._forget_old()
            self._served[key] = _Served(routes=list(request.headers.get("record-route")))
            return False
        if served.response is not None:
            self._reply(served.response)
        return True

    def promise(self, request: SipRequest, headers: dict[str, str]) -> None:
        """Have the 2xx to ``request`` carry ``headers`` too."""
        served = self._served.get(self._key(request) or ("", "", ""))
        if served is not None:
            served.promised.update(headers)

    def complete(self, response: SipResponse) -> None:
        """Before an answer goes out: the route of a call, and what was promised."""
        key = self._key(response)
        served = self._served.get(key) if key else None
        if key is None or served is None or response.status_code >= 300:
            return
        if key[2] == "INVITE" and response.status_code > 100 and not response.headers.get("record-route"):
            for route in served.routes:
                response.headers.append("Record-Route", route)
        if response.status_code >= 200:
            for name, value in served.promised.items():
                response.headers.set_single(name, value)

    def record(self, response: SipResponse) -> None:
        """Remember an answer that has just been sent."""
        key = self._key(response)
        served = self._served.get(key) if key else None
        if key is None or served is None or served.response is response:
            return
        served.response = response
        served.touched = time.monotonic()
        if key[2] == "INVITE" and response.status_code >= 300 and served.repeater is None:
            served.repeater = _Repeater(lambda: self._reply(response), T2, lambda: None)

    def close(self) -> None:
        for served in self._served.values():
            if served.repeater is not None:
                served.repeater.stop()
        self._served.clear()

    def _acknowledged(self, key: tuple[str, str, str]) -> bool:
        """An ACK with the INVITE's own branch acknowledges a refusal; that of a 2xx has its own branch."""
        served = self._served.get((key[0], key[1], "INVITE"))
        if served is None or served.repeater is None:
            return False
        served.repeater.stop()
        return True

    def _forget_old(self) -> None:
        oldest = time.monotonic() - LIFETIME
        if len(self._served) > _MOST_REMEMBERED:
            oldest = time.monotonic()
        elif len(self._served) % 64:
            return
        for key in [k for k, served in self._served.items() if served.touched < oldest]:
            repeater = self._served.pop(key).repeater
            if repeater is not None:
                repeater.stop()

    @staticmethod
    def _key(message: SipRequest | SipResponse) -> tuple[str, str, str] | None:
        vias = message.headers.get("via")
        if not vias:
            return None
        via = parse_via(vias[0])
        if not (via.branch or "").startswith("z9hG4bK"):
            return None
        return via.branch or "", f"{via.host}:{via.port}", _method_of(message)


def _acknowledge(invite: SipRequest, response: SipResponse) -> SipRequest:
    """The ACK of a refusal: the INVITE's own branch and route, the response's To (RFC 3261 §17.1.1.3)."""
    ack = SipRequest(method="ACK", uri=invite.uri)
    ack.headers.append("Via", invite.headers.get("via")[0])
    for name, source in (("From", invite), ("To", response), ("Call-ID", invite)):
        ack.headers.set_single(name, source.headers.get_first(name) or "")
    number = (invite.headers.get_first("cseq") or "1").split()[0]
    ack.headers.set_single("CSeq", f"{number} ACK")
    ack.headers.set_single("Max-Forwards", "70")
    for route in invite.headers.get("route"):
        ack.headers.append("Route", route)
    return ack
