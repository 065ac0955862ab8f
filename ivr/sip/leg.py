"""One leg of a call: everything about it but the signalling, which a back end adds."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import structlog

from ivr.sip.contract import CallLeg, DialFailed
from ivr.sip.fanout import Fanout
from ivr.sip.keys import OncePerPress
from ivr.sip.media import RTP_TIMEOUT_S, SILENCE, Media, Taps
from ivr.sip.number import called_user, caller_number
from ivr.sip.playback import Mark, Playback
from ivr.sip.ports import RtpPorts
from ivr.sip.session_description import Agreement, SessionName
from ivr.sip.sound_watch import OneWay

_log = structlog.get_logger("ivr.sip")
_BRIDGE_BACKLOG_MS: Final = 60
"""Bridged frames beyond this are dropped: two people feel delay more than a lost frame."""
_LISTENER_FRAMES: Final = 500
_KEYS_KEPT: Final = 64

__all__ = ["DialFailed", "Leg", "reason_phrase"]


_REASONS: Final = {
    403: "Forbidden",
    404: "Not Found",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}


def reason_phrase(code: int) -> str:
    """The words beside a refusal's code (RFC 3261 §21)."""
    return _REASONS.get(code, "Refused")


class Leg(ABC):
    """A :class:`ivr.sip.contract.CallLeg` over aiortp media; subclasses speak SIP."""

    def __init__(self, call_id: str, headers: Mapping[str, str], *, rtp_timeout_s: float = RTP_TIMEOUT_S) -> None:
        self._call_id = call_id
        self._headers = dict(headers)
        self._number = caller_number(self._headers)
        by_name = {name.lower(): value for name, value in self._headers.items()}
        self._called = called_user(by_name.get("to", ""))
        self._playback = Playback()
        self._frames: Fanout[bytes] = Fanout(limit=_LISTENER_FRAMES)
        self._keys: Fanout[str] = Fanout(limit=_KEYS_KEPT, keep=_KEYS_KEPT)
        self._presses = OncePerPress()
        self._tell_one_way: Callable[[str], None] = lambda what: None
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._media: Media | None = None
        self._last_counters: Mapping[str, float] = {"packets_sent": 0.0, "packets_received": 0.0, "packets_lost": 0.0}
        self._rtp_timeout_s = rtp_timeout_s
        self._closing: asyncio.Task[None] | None = None
        self._goodbye: asyncio.Task[None] | None = None
        self.session_name = SessionName()
        self.taps = Taps()
        """Set before the leg is answered."""

    # --- signalling, by the back end ----------------------------------------------------------------------------

    @abstractmethod
    async def answer(self) -> None: ...

    @abstractmethod
    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None: ...

    @abstractmethod
    async def refer(self, target: str) -> bool: ...

    @abstractmethod
    async def _say_bye(self) -> None:
        """Tell the far end that the call is over (BYE, CANCEL or a refusal, as the state asks)."""

    async def hangup(self) -> None:
        if not self._over.done():
            self.finish("local")
            await self._say_bye()
        await self.closed()

    def finish(self, how: str) -> None:
        """The leg is over: ``local``, ``remote`` or ``fault``. Only the first call counts."""
        if self._over.done():
            return
        self._over.set_result(how)
        self._playback.close()
        self._frames.close()
        self._keys.close()
        if self._media is not None:
            self._closing = asyncio.create_task(self._close_media(self._media), name="close media")

    async def closed(self) -> None:
        """Return once sockets and clock are released."""
        last = {task for task in (self._closing, self._goodbye) if task is not None}
        if last:
            await asyncio.wait(last)

    async def _close_media(self, media: Media) -> None:
        self._last_counters = media.counters
        await media.close()
        self._last_counters = media.counters

    # --- media --------------------------------------------------------------------------------------------------

    @property
    def media(self) -> Media | None:
        """The leg's media once it is answered."""
        return self._media

    async def open_media(self, agreed: Agreement, ports: RtpPorts) -> Media:
        """Start sending and receiving on ``ports``, which belong to the leg from here on."""
        media = Media(agreed, ports, self._playback, taps=self.taps, timeout_s=self._rtp_timeout_s)
        media.on_frame = self._frames.put
        media.on_key = lambda key: self._press_told(key, "rtp")
        media.on_one_way = self._silent_one_way
        media.on_timeout = self._far_end_silent
        await media.open()
        self._media = media
        if self._over.done():
            await self._close_media(media)
        return media

    def key_pressed(self, key: str) -> None:
        """A key that came by INFO."""
        self._press_told(key, "info")

    def _press_told(self, key: str, way: str) -> None:
        if self._presses.new(key, way, asyncio.get_running_loop().time()):
            self._keys.put(key)

    def _silent_one_way(self, what: OneWay) -> None:
        _log.warning("one_way_audio", call=self._call_id, what=what.value)
        self._tell_one_way(what.value)

    def _far_end_silent(self) -> None:
        _log.warning("rtp_timeout", call=self._call_id, seconds=self._rtp_timeout_s)
        self.finish("fault")
        self._goodbye = asyncio.create_task(self._say_bye(), name="bye")

    # --- the contract -------------------------------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        return self._call_id

    @property
    def number(self) -> str | None:
        return self._number

    @property
    def called(self) -> str:
        return self._called

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def codec(self) -> str:
        return self._media.agreed.codec if self._media else ""

    def play(self, pcm: bytes, mark: Mark | None = None) -> None:
        self._playback.add(pcm, mark)

    def flush(self) -> int:
        return self._playback.flush()

    def set_gain(self, db: float) -> None:
        self._playback.set_gain(db)

    def on_sent(self, listener: Callable[[bytes], None]) -> None:
        self.taps.departure = listener

    @property
    def queued_ms(self) -> int:
        return self._playback.queued_ms

    async def drained(self) -> None:
        await self._playback.drained()

    def frames(self) -> AsyncIterator[bytes]:
        return self._frames.listen()

    def dtmf(self) -> AsyncIterator[str]:
        return self._keys.listen()

    def on_one_way(self, report: Callable[[str], None]) -> None:
        self._tell_one_way = report

    async def send_dtmf(self, digit: str) -> None:
        if self._media is not None and not self._over.done():
            await self._media.press(digit)

    async def bridge(self, other: CallLeg) -> None:
        ways = [
            asyncio.create_task(_pass_sound(self, other), name="bridge out"),
            asyncio.create_task(_pass_sound(other, self), name="bridge in"),
            asyncio.create_task(_pass_keys(self, other), name="bridge keys"),
        ]
        ends = [asyncio.create_task(leg.wait_ended(), name="bridge end") for leg in (self, other)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in [*ways, *ends]:
                task.cancel()
            await asyncio.gather(*ways, *ends, return_exceptions=True)

    @property
    def ended(self) -> bool:
        return self._over.done()

    async def wait_ended(self) -> str:
        return await asyncio.shield(self._over)

    @property
    def stats(self) -> Mapping[str, float]:
        return self._media.counters if self._media is not None and not self._over.done() else self._last_counters


async def _pass_sound(source: CallLeg, target: CallLeg) -> None:
    """Both legs tick on one clock; the frame in hand covers a loop that is late with passing the next one on."""
    target.play(SILENCE)
    async for frame in source.frames():
        if target.queued_ms <= _BRIDGE_BACKLOG_MS:
            target.play(frame)


async def _pass_keys(source: CallLeg, target: CallLeg) -> None:
    async for key in source.dtmf():
        await target.send_dtmf(key)
