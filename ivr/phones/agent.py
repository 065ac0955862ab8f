"""A small agent's phone: it lies at a fixed SIP address, rings, is answered, and tells what it hears."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog
from aiosipua.headers import parse_address

from config.errors import HotlineError
from ivr.phones.listening import SILENT_DBFS, ToneWatch, dbfs, is_voiced, tone
from ivr.phones.recording import StereoRecording
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg
from ivr.sip.fanout import Fanout
from ivr.sip.leg import Leg

_log = structlog.get_logger("ivr.phones")

ASKED_HZ: Final = 600.0
"""The tone by which the citizen's phone asks “do you hear me?”."""
ANSWER_HZ: Final = 850.0
"""The tone by which the agent's phone says yes. Both fit whole periods into 20 ms and are no DTMF frequency."""
_ANSWER_MS: Final = 1000


class PhoneState(StrEnum):
    """Where a phone is in its one call."""

    IDLE = "idle"
    RINGING = "ringing"
    TALKING = "talking"


@dataclass(frozen=True, slots=True)
class Levels:
    """dBFS of the voiced parts of the current or last call; −96: nothing was ever heard or said."""

    heard_dbfs: float
    said_dbfs: float
    heard_ms: int


class PhonePortTaken(HotlineError):
    """Another program, perhaps another phone, lies at this address."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            "phone_port_taken",
            f"话机地址 {uri} 的端口已被占用：可能已开着一部话机；请先关掉它，或给账号换一个 SIP 地址",
        )


class AgentPhone:
    """One SIP user agent at ``uri`` (``sip:8001@127.0.0.1:5070``) that takes one call at a time; a second hears busy.

    It answers a 600 Hz test tone with 850 Hz, by which the far end knows that it is heard and heard back.
    """

    def __init__(self, uri: str, *, auto_answer: bool = False, play: bytes = b"") -> None:
        """``play``: samples (int16, 8 kHz) spoken when the call is answered."""
        address = parse_address(uri).uri
        self.uri = uri
        self._play = play
        self._auto_answer = auto_answer
        self._endpoint = AiosipuaEndpoint(address.host, address.port or 5060)
        self._endpoint.on_call(self._take)
        self._rung: Callable[[], None] | None = None
        self._leg: CallLeg | None = None
        self._answered = asyncio.Event()
        self._states: Fanout[PhoneState] = Fanout(limit=64)
        self._state = PhoneState.IDLE
        self._asked = ToneWatch(ASKED_HZ)
        self._answer = ToneWatch(ANSWER_HZ)
        self._voiced = {"heard": [0.0, 0], "said": [0.0, 0]}
        self.recording = StereoRecording()
        """The current or last call."""
        self.calls_taken = 0
        self.ended_by = ""
        """How the last call ended: ``local`` | ``remote`` | ``fault``."""

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Bind the address. Raises :class:`PhonePortTaken`."""
        try:
            await self._endpoint.start()
        except OSError as error:
            raise PhonePortTaken(self.uri) from error

    async def stop(self) -> None:
        """Hang up and free the address."""
        await self._endpoint.stop()

    @property
    def address(self) -> tuple[str, int]:
        return self._endpoint.address

    # --- the one call -------------------------------------------------------------------------------------------

    def on_ring(self, callback: Callable[[], None]) -> None:
        """``callback`` is called each time it rings; :attr:`caller` tells who."""
        self._rung = callback

    @property
    def state(self) -> PhoneState:
        return self._state

    @property
    def caller(self) -> str | None:
        return self._leg.number if self._leg else None

    @property
    def call_id(self) -> str:
        return self._leg.call_id if self._leg else ""

    def answer(self) -> None:
        """Lift the receiver; nothing happens when it does not ring."""
        self._answered.set()

    async def hangup(self) -> None:
        """Put the receiver down (a ringing call is refused)."""
        leg = self._leg
        if leg is not None and self._state is PhoneState.RINGING:
            await leg.reject(486)
        elif leg is not None:
            await leg.hangup()

    def say(self, pcm: bytes) -> None:
        """Speak into the call: int16 at 8 kHz."""
        if self._leg is not None and self._state is PhoneState.TALKING:
            self._leg.play(pcm)

    async def wait_for(self, state: PhoneState, timeout_s: float | None = None) -> bool:
        """Return once the phone is in ``state``; false when it is not within ``timeout_s``."""
        coming = self.states()
        try:
            async with asyncio.timeout(timeout_s):
                while self._state is not state and await anext(coming) is not state:
                    pass
        except TimeoutError:
            return False
        return True

    def states(self) -> AsyncIterator[PhoneState]:
        """Each state that the phone enters from now on."""
        return self._states.listen()

    # --- what was measured --------------------------------------------------------------------------------------

    @property
    def levels(self) -> Levels:
        heard, said = self._voiced["heard"], self._voiced["said"]
        return Levels(_mean_level(heard), _mean_level(said), round(heard[1]) * 20)

    @property
    def tones(self) -> dict[float, int]:
        """Ms heard of each test tone in the current or last call."""
        return {self._asked.hertz: self._asked.heard_ms, self._answer.hertz: self._answer.heard_ms}

    # --- inside -------------------------------------------------------------------------------------------------

    async def _take(self, leg: CallLeg) -> None:
        if self._state is not PhoneState.IDLE:
            await leg.reject(486)
            return
        self._leg = leg
        self._answered.clear()
        self._begin_measuring(leg)
        self._become(PhoneState.RINGING)
        if self._rung is not None:
            self._rung()
        if self._auto_answer:
            self._answered.set()
        try:
            if await self._is_answered(leg):
                self.calls_taken += 1
                await self._talk(leg)
            self.ended_by = await leg.wait_ended()
        finally:
            self._become(PhoneState.IDLE)

    def _begin_measuring(self, leg: CallLeg) -> None:
        self.recording = StereoRecording()
        self._asked, self._answer = ToneWatch(ASKED_HZ), ToneWatch(ANSWER_HZ)
        self._voiced = {"heard": [0.0, 0], "said": [0.0, 0]}
        if isinstance(leg, Leg):
            leg.taps.departure = self._sent

    async def _is_answered(self, leg: CallLeg) -> bool:
        lifted = asyncio.create_task(self._answered.wait(), name="receiver lifted")
        given_up = asyncio.create_task(leg.wait_ended(), name="caller gave up")
        await asyncio.wait({lifted, given_up}, return_when=asyncio.FIRST_COMPLETED)
        for task in (lifted, given_up):
            task.cancel()
        await asyncio.gather(lifted, given_up, return_exceptions=True)
        return not leg.ended

    async def _talk(self, leg: CallLeg) -> None:
        frames = leg.frames()
        await leg.answer()
        self._become(PhoneState.TALKING)
        if self._play:
            leg.play(self._play)
        async for frame in frames:
            self.recording.received(frame)
            self._count("heard", frame)
            self._answer.feed(frame)
            if self._asked.feed(frame):
                leg.flush()
                leg.play(tone(ANSWER_HZ, _ANSWER_MS))

    def _sent(self, frame: bytes) -> None:
        self.recording.sent(frame)
        self._count("said", frame)

    def _count(self, way: str, frame: bytes) -> None:
        if is_voiced(frame):
            self._voiced[way][0] += 10 ** (dbfs(frame) / 10)
            self._voiced[way][1] += 1

    def _become(self, state: PhoneState) -> None:
        self._state = state
        self._states.put(state)


def _mean_level(power_and_frames: list[float]) -> float:
    power, frames = power_and_frames
    return round(10 * math.log10(power / frames), 1) if frames else SILENT_DBFS
