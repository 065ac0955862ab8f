"""A caller made of a script: a leg, an endpoint and a voice without sockets or sound, on the loop's clock."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

import numpy as np

from ivr.sip.contract import FRAME_BYTES, FRAME_SAMPLES, CallLeg, DialFailed, OnCall

_NOISE = np.random.default_rng(5)
MS_A_CHARACTER = 200
SILENCE = bytes(FRAME_BYTES)


def speech_frame() -> bytes:
    """20 ms of what counts as speech: noise at −20 dBFS."""
    return (_NOISE.normal(0, 0.1, FRAME_SAMPLES) * 32767).astype("<i2").tobytes()


class ScriptedVoice:
    """Says each text as 200 ms of audio a character; the samples tell which text it was."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.texts: list[str] = []
        self.delay_s = delay_s

    async def start(self) -> None:
        self.texts.clear()

    async def close(self) -> None:
        self.delay_s = 0.0

    async def probe(self) -> bool:
        return True

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        return b"".join([pcm async for pcm in self.stream(text, keep=keep)])

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        for sentence in filter(None, text.replace("。", "。\0").split("\0")):
            await asyncio.sleep(self.delay_s)
            self.texts.append(sentence)
            number = len(self.texts)
            yield number.to_bytes(2, "little") * (8 * MS_A_CHARACTER * len(sentence))

    def text_of(self, frame: bytes) -> str:
        number = int.from_bytes(frame[:2], "little")
        return self.texts[number - 1] if 0 < number <= len(self.texts) else "音"


class ScriptedLeg:
    """One far end. :meth:`speak` and :meth:`press` act as the caller; ``heard`` is what reached the ear, with its ms."""

    def __init__(self, voice: ScriptedVoice, number: str | None = "13800000001", call_id: str = "call-1") -> None:
        self.voice = voice
        self._number = number
        self._call_id = call_id
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._to_say: deque[bytes] = deque()
        self._readers: list[asyncio.Queue[bytes | None]] = []
        self._keys: asyncio.Queue[str | None] = asyncio.Queue()
        self._queue: deque[tuple[bytes, Callable[[], None] | None]] = deque()
        self._empty = asyncio.Event()
        self._empty.set()
        self._clock: asyncio.Task[None] | None = None
        self.heard: list[tuple[int, str]] = []
        self.answered_at: float | None = None
        self.rejected = 0
        self.bridged_with: CallLeg | None = None
        self.refers = True
        self.gain_db = 0.0
        self.tell_one_way: Callable[[str], None] = lambda what: None
        self._last_text = ""
        self._sent: Callable[[bytes], None] = lambda frame: None

    # --- the caller ---------------------------------------------------------------------------------------------

    async def speak(self, ms: int) -> None:
        """Speak for ``ms`` from now; returns when it is said."""
        self._to_say.extend(speech_frame() for _ in range(ms // 20))
        await asyncio.sleep(len(self._to_say) * 0.02)

    def press(self, digit: str) -> None:
        self._keys.put_nowait(digit)

    def leave(self, how: str = "remote") -> None:
        if not self._over.done():
            self._over.set_result(how)
            self._keys.put_nowait(None)
            for reader in self._readers:
                reader.put_nowait(None)
            self._drop()

    @property
    def texts_heard(self) -> list[str]:
        return [text for _, text in self.heard]

    def ms_of(self, text: str) -> int:
        """When ``text`` began to be heard, from the answer."""
        return next(at for at, heard in self.heard if heard == text)

    async def until_heard(self, text: str, within_s: float = 60) -> None:
        for _ in range(int(within_s / 0.02)):
            if text in self.texts_heard:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{text} was not heard, but {self.texts_heard}")

    # --- the contract -------------------------------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        return self._call_id

    @property
    def number(self) -> str | None:
        return self._number

    @property
    def called(self) -> str:
        return "12345"

    @property
    def headers(self) -> Mapping[str, str]:
        return {}

    @property
    def codec(self) -> str:
        return "PCMA"

    async def answer(self) -> None:
        self.answered_at = asyncio.get_running_loop().time()
        self._clock = asyncio.get_running_loop().create_task(self._tick())

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        self.rejected = code
        self.leave("local")

    def play(self, pcm: bytes, mark: Callable[[], None] | None = None) -> None:
        for start in range(0, len(pcm), FRAME_BYTES):
            self._queue.append((pcm[start : start + FRAME_BYTES], mark if start == 0 else None))
        if self._queue and not self.ended:
            self._empty.clear()

    def flush(self) -> int:
        self.gain_db = 0.0
        return self._drop()

    def set_gain(self, db: float) -> None:
        self.gain_db = db

    def on_sent(self, listener: Callable[[bytes], None]) -> None:
        self._sent = listener

    @property
    def queued_ms(self) -> int:
        return 20 * len(self._queue)

    async def drained(self) -> None:
        await self._empty.wait()

    async def frames(self) -> AsyncIterator[bytes]:
        reader: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._readers.append(reader)
        while (frame := await reader.get()) is not None:
            yield frame

    async def dtmf(self) -> AsyncIterator[str]:
        while (digit := await self._keys.get()) is not None:
            yield digit

    def on_one_way(self, report: Callable[[str], None]) -> None:
        self.tell_one_way = report

    async def send_dtmf(self, digit: str) -> None:
        self.press(digit)

    async def refer(self, target: str) -> bool:
        return self.refers

    async def bridge(self, other: CallLeg) -> None:
        self.bridged_with = other
        ends = [asyncio.ensure_future(leg.wait_ended()) for leg in (self, other)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def hangup(self) -> None:
        self.leave("local")
        if self._clock:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)

    @property
    def ended(self) -> bool:
        return self._over.done()

    async def wait_ended(self) -> str:
        return await asyncio.shield(self._over)

    @property
    def stats(self) -> Mapping[str, float]:
        return {}

    # --- inside -------------------------------------------------------------------------------------------------

    def _drop(self) -> int:
        dropped = self.queued_ms
        self._queue.clear()
        self._last_text = ""
        self._empty.set()
        return dropped

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        ticks = 0
        while not self.ended:
            ticks += 1
            await asyncio.sleep(max(0.0, started + ticks * 0.02 - loop.time()))
            self._hear_one(ticks * 20)
            frame = self._to_say.popleft() if self._to_say else SILENCE
            for reader in self._readers:
                reader.put_nowait(frame)

    def _hear_one(self, now_ms: int) -> None:
        if not self._queue:
            self._last_text = ""
            self._sent(SILENCE)
            return
        frame, mark = self._queue.popleft()
        self._sent(frame)
        if mark:
            mark()
        text = self.voice.text_of(frame) if frame.strip(b"\0") else ""
        if text and text != self._last_text:
            self.heard.append((now_ms, text))
        self._last_text = text
        if not self._queue:
            self._empty.set()


class ScriptedEndpoint:
    """Dials agents that answer after ``answer_s``, or not (``code``)."""

    def __init__(self, voice: ScriptedVoice, *, answer_s: float = 2.0, code: int = 200) -> None:
        self._voice = voice
        self.answer_s = answer_s
        self.code = code
        self.dialled: list[str] = []
        self.agents: list[ScriptedLeg] = []
        self.handler: OnCall | None = None
        self.draining = False

    async def start(self) -> None:
        self.dialled.clear()

    async def stop(self) -> None:
        for agent in self.agents:
            await agent.hangup()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", 5060

    @property
    def registered(self) -> bool | None:
        return None

    def drain(self) -> None:
        self.draining = True

    def on_call(self, handler: OnCall) -> None:
        self.handler = handler

    async def dial(
        self, uri: str, *, caller: str = "", timeout_s: float = 25.0, on_ringing: Callable[[], None] | None = None
    ) -> ScriptedLeg:
        self.dialled.append(uri)
        if on_ringing:
            on_ringing()
        await asyncio.sleep(self.answer_s)
        if self.code != 200:
            raise DialFailed(self.code)
        agent = ScriptedLeg(self._voice, call_id=f"agent-{len(self.agents) + 1}")
        await agent.answer()
        self.agents.append(agent)
        return agent
