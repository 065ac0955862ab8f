"""A citizen's phone: dials the hotline, speaks, listens, presses keys. One call, real SIP and RTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ivr.phones.agent import ANSWER_HZ, ASKED_HZ
from ivr.phones.listening import Pauses, ToneWatch, is_voiced, tone
from ivr.phones.recording import StereoRecording
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg
from ivr.sip.media import Taps

FINISHED_MS: Final = 1000
"""Quiet after speech that means the other side has finished: three times the longest pause inside its sentences."""
FINISHED_SHORT_MS: Final = 2200
"""The same after a word or two only ("请稍等"), which more often follows."""
_SHORT_MS: Final = 900
_PATIENCE_S: Final = 12.0
"""How long a caller waits for any sound."""
_LONGEST_SPEECH_S: Final = 60.0
_ASK_TONE_MS: Final = 1500
_ANSWER_TONE_WITHIN_S: Final = 4.0


@dataclass(slots=True)
class Exchange:
    """What one piece of speech brought. Times in seconds of the loop's clock."""

    audio: bytes = b""
    """All that came back, from the end of the caller's speech on."""
    began_at: float = 0.0
    said_until: float | None = None
    """When the packet with the caller's last voiced samples left."""
    answered_at: float | None = None
    """When the first voiced packet of the answer came in."""

    @property
    def first_audio_ms(self) -> int | None:
        """``None`` also when the other side was already speaking."""
        if self.said_until is None or self.answered_at is None or self.answered_at < self.said_until:
            return None
        return round(1000 * (self.answered_at - self.said_until))


class CitizenPhone:
    """Use: ``start``, ``dial``, then ``listen``/``say``/``press`` in turn, ``hangup``, ``stop``."""

    def __init__(self, hotline: str, *, caller: str = "", host: str = "127.0.0.1") -> None:
        """``hotline``: its SIP address; ``caller``: the number shown to it, empty for none."""
        self._hotline = hotline
        self._caller = caller
        self._endpoint = AiosipuaEndpoint(host, 0)
        self._leg: CallLeg | None = None
        self._ear: asyncio.Task[None] | None = None
        self._frame_came = asyncio.Event()
        self._pauses = Pauses()
        self._answer_tone = ToneWatch(ANSWER_HZ)
        self._heard = bytearray()
        self._exchange = Exchange()
        self.recording = StereoRecording()
        self.connected_at = 0.0

    async def start(self) -> None:
        await self._endpoint.start()

    async def stop(self) -> None:
        await self._endpoint.stop()
        if self._ear is not None:
            await asyncio.wait({self._ear})

    async def dial(self, on_ringing: Callable[[], None] | None = None) -> CallLeg:
        """Call. Raises :class:`ivr.sip.contract.DialFailed`."""
        taps = Taps(arrival=self._arrived, departure=self._departed)
        leg = await self._endpoint.dial(
            self._hotline,
            caller=self._caller or "anonymous",
            on_ringing=on_ringing,
            taps=taps,
            headers=None if self._caller else {"Privacy": "id"},
        )
        self.connected_at = self._exchange.began_at = asyncio.get_running_loop().time()
        self._leg = leg
        self._ear = asyncio.create_task(self._listen(leg), name="citizen's ear")
        return leg

    @property
    def ended(self) -> bool:
        return self._leg is None or self._leg.ended

    @property
    def hears_speech(self) -> bool:
        """Whether the other side has spoken within the last 200 ms."""
        return self._pauses.spoken_ms > 0 and self._pauses.quiet_ms < 200

    @property
    def quiet_ms(self) -> int:
        """How long the other side has been quiet."""
        return self._pauses.quiet_ms

    async def hangup(self) -> None:
        if self._leg is not None:
            await self._leg.hangup()

    async def press(self, key: str) -> None:
        if self._leg is not None:
            await self._leg.send_dtmf(key)

    async def say(self, pcm: bytes) -> None:
        """Speak ``pcm`` to its end, which begins a new :class:`Exchange`."""
        if self._leg is None:
            return
        interrupting = self.hears_speech
        self._exchange = Exchange(began_at=asyncio.get_running_loop().time())
        self._heard.clear()
        if not interrupting:
            self._pauses.restart()
        self._leg.play(pcm)
        await self._leg.drained()
        if self._exchange.answered_at is None:
            self._pauses.restart()
            self._heard.clear()

    async def listen(self, stop: Callable[[], bool] = lambda: False, *, patience_s: float = _PATIENCE_S) -> Exchange:
        """Return when the other side has spoken and finished, has said nothing for ``patience_s``, or ``stop()`` holds."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not self.ended and not stop() and loop.time() - started < _LONGEST_SPEECH_S:
            spoken, quiet = self._pauses.spoken_ms, self._pauses.quiet_ms
            if spoken and quiet >= (FINISHED_MS if spoken > _SHORT_MS else FINISHED_SHORT_MS):
                break
            if not spoken and loop.time() - started > patience_s:
                break
            await self._next_frame()
        self._exchange.audio = bytes(self._heard)
        return self._exchange

    def listen_on(self) -> bytes:
        """Turn the page: what comes now belongs to the next :meth:`listen`. Returns what was heard so far."""
        heard = bytes(self._heard)
        self._pauses.restart()
        self._heard.clear()
        return heard

    async def wait(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Stay on the line."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self.ended and not stop() and loop.time() < until:
            await self._next_frame()

    async def is_heard_back(self) -> bool:
        """Send the 600 Hz tone; whether the agent's phone answers it with 850 Hz."""
        self._answer_tone = ToneWatch(ANSWER_HZ)
        if self._leg is None:
            return False
        self._leg.play(tone(ASKED_HZ, _ASK_TONE_MS))
        await self.wait(_ANSWER_TONE_WITHIN_S, lambda: self._answer_tone.heard)
        return self._answer_tone.heard

    # --- inside -------------------------------------------------------------------------------------------------

    async def _listen(self, leg: CallLeg) -> None:
        async for frame in leg.frames():
            self.recording.received(frame)
            self._pauses.feed(frame)
            self._answer_tone.feed(frame)
            self._heard += frame
            self._frame_came.set()
        self._frame_came.set()

    async def _next_frame(self) -> None:
        self._frame_came.clear()
        try:
            async with asyncio.timeout(0.1):
                await self._frame_came.wait()
        except TimeoutError:
            return

    def _arrived(self, samples: bytes) -> None:
        if self._exchange.answered_at is None and is_voiced(samples):
            self._exchange.answered_at = asyncio.get_running_loop().time()

    def _departed(self, frame: bytes) -> None:
        self.recording.sent(frame)
        if is_voiced(frame):
            self._exchange.said_until = asyncio.get_running_loop().time()
            if not self.hears_speech:
                self._exchange.answered_at = None
