"""The caller of a scenario: acts out its steps on a virtual clock and checks what has to be heard."""

import asyncio
import re
from collections import deque
from itertools import count
from typing import Final

from gateway.timeline import CallTimeline
from tests.ivr.scripted_leg import ScriptedLeg
from tests.scenarios import script
from tests.scenarios.house import House
from tests.scenarios.spoken import chord, noise

_NUMBERS = count(1)
_PAUSE: Final = re.compile(r"\[(\d+)\]")
_TICK_S: Final = 0.02
_DUCKED_DB: Final = -6.0


class Mouth(deque[bytes]):
    """What the caller's phone sends: what was put in, else the noise behind it. Never empty."""

    behind: float = 0.0

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> bytes:
        if len(self):
            return super().popleft()
        return noise(self.behind) if self.behind else bytes(320)


class ListeningLeg(ScriptedLeg):
    """Keeps, beside what was heard, how loud it was: changes of ``ducked``, ``silent`` and ``full`` with their ms."""

    def __init__(self, house: House, number: str | None) -> None:
        super().__init__(house.voice, number, f"scenario-{next(_NUMBERS)}")
        self.mouth = Mouth()
        self._to_say = self.mouth
        self.levels: list[tuple[int, str]] = [(0, "silent")]
        self.now_ms = 0

    def _hear_one(self, now_ms: int) -> None:
        self.now_ms = now_ms
        level = "silent" if not self._queue else "ducked" if self.gain_db < _DUCKED_DB else "full"
        if level != self.levels[-1][1]:
            self.levels.append((now_ms, level))
        super()._hear_one(now_ms)


class CallerFailed(AssertionError):
    """A step did not come true; the message tells the call so far."""


class Caller:
    """One call of a scenario."""

    def __init__(self, house: House, scenario: script.Scenario) -> None:
        self._house = house
        self._scenario = scenario
        self.leg = ListeningLeg(house, scenario.number)
        self._cursor = 0
        self._sound_ms = 0

    async def run(self) -> None:
        """Call, go through the script, hang up, check what was told."""
        house, scenario = self._house, self._scenario
        house.voice.texts.clear()
        house.endpoint.dialled.clear()
        house.endpoint.answer_s = scenario.answers_ms / 1000
        house.endpoint.code = {"answers": 200, "busy": 486, "rings": 408}[scenario.phone]
        await house.agent(scenario.agent, accepts_ms=scenario.accepts_ms)
        if scenario.restricted and scenario.number:
            await house.restrict(scenario.number)
        handler = house.endpoint.handler
        assert handler is not None
        call = asyncio.ensure_future(handler(self.leg))
        try:
            for number, step in enumerate(scenario.script, 1):
                await self._step(number, step)
        finally:
            self.leg.leave()
            await asyncio.wait_for(call, 30)
            await self.leg.hangup()
            await house.tidy_up()
        await asyncio.sleep(0.5)
        await self._check(scenario.told)

    # --- steps ----------------------------------------------------------------------------------------------------

    async def _step(self, number: int, step: script.Step) -> None:
        try:
            await self._act(step)
        except CallerFailed as failed:
            raise CallerFailed(f"步骤 {number} {step!r}：{failed}\n{self._so_far()}") from None

    async def _act(self, step: script.Step) -> None:
        match step:
            case script.Hear():
                await self._hear(step.hear, step.within_ms)
            case script.NotHear():
                await self._not_hear(step.not_hear, step.for_ms)
            case script.Say():
                await self._speak(self._frames(step.say), meanwhile=step.meanwhile)
            case script.Sound():
                await self._speak(self._sound(step.sound, step.ms // 20), meanwhile=step.meanwhile)
            case script.Street():
                self.leg.mouth.behind = step.street
            case script.Press():
                for key in step.press:
                    self.leg.press(key)
                    await asyncio.sleep(step.gap_ms / 1000)
            case script.Prompt():
                await self._prompt(step.prompt, step.within_ms)
            case script.Stays():
                await self._stays_full(step.stays_full_ms)
            case script.HeardOut():
                await self._until(self._is_quiet, 60_000, "还在说")
            case script.Wait():
                await asyncio.sleep(step.wait_ms / 1000)
            case _:
                await self._act_around(step)

    async def _act_around(self, step: script.Step) -> None:
        house = self._house
        match step:
            case script.Gateway(gateway="lost"):
                await house.close_link()
            case script.Gateway():
                await house.open_link()
            case script.Agent(agent="hangs_up"):
                house.endpoint.agents[-1].leave()
            case script.Agent():
                await house.agent("ready", accepts_ms=self._scenario.accepts_ms)
            case script.Transferred():
                await self._transferred(step.transfer, step.within_ms)
            case script.Ended():
                await self._until(lambda: self.leg.ended, step.ended_within_ms, "通话没有结束")
            case _:
                self.leg.leave()

    def _sound(self, what: str, count: int) -> list[bytes]:
        if what == "murmur":
            return self._house.recognisers.lines.murmur(count)
        return [chord(number) if what == "music" else noise(-20) for number in range(count)]

    def _frames(self, text: str) -> list[bytes]:
        frames: list[bytes] = []
        for place, part in enumerate(_PAUSE.split(text)):
            if place % 2:
                behind = self.leg.mouth.behind
                frames += [noise(behind) if behind else bytes(320) for _ in range(int(part) // 20)]
            elif part.strip():
                frames += self._house.recognisers.lines.frames(part.strip())
        return frames

    async def _speak(self, frames: list[bytes], *, meanwhile: bool) -> None:
        self._sound_ms = self.leg.now_ms + 20
        self.leg.mouth.extend(frames)
        if not meanwhile:
            await asyncio.sleep(len(self.leg.mouth) * _TICK_S)

    async def _hear(self, text: str, within_ms: int) -> None:
        def found() -> bool:
            for place in range(self._cursor, len(self.leg.heard)):
                if text in self.leg.heard[place][1]:
                    self._cursor = place + 1
                    return True
            return False

        await self._until(found, within_ms, f"没有听到“{text}”")

    async def _not_hear(self, text: str, for_ms: int) -> None:
        await asyncio.sleep(for_ms / 1000)
        if any(text in heard for _, heard in self.leg.heard[self._cursor :]):
            raise CallerFailed(f"听到了“{text}”")

    async def _prompt(self, level: str, within_ms: int) -> None:
        def found() -> bool:
            at, now = self.leg.levels[-1]
            return now == level and at >= self._sound_ms

        left = self._sound_ms + within_ms - self.leg.now_ms
        await self._until(found, left, f"提示音没有变为 {level}")

    async def _stays_full(self, ms: int) -> None:
        since = len(self.leg.levels)
        await asyncio.sleep(ms / 1000)
        if self.leg.levels[-1][1] != "full" or any(level != "full" for _, level in self.leg.levels[since:]):
            raise CallerFailed("提示音变了")

    def _is_quiet(self) -> bool:
        at, level = self.leg.levels[-1]
        return level == "silent" and self.leg.now_ms - at >= 300

    async def _transferred(self, what: str, within_ms: int) -> None:
        def found() -> bool:
            if what == "ringing":
                return bool(self._house.endpoint.dialled)
            return self.leg.bridged_with is not None

        await self._until(found, within_ms, f"转接没有到 {what}")

    async def _until(self, found: object, within_ms: int, otherwise: str) -> None:
        assert callable(found)
        for _ in range(max(0, within_ms) // 20 + 1):
            if found():
                return
            await asyncio.sleep(_TICK_S)
        raise CallerFailed(f"{otherwise}（{within_ms} ms 内）")

    # --- afterwards -------------------------------------------------------------------------------------------------

    async def _check(self, told: script.Told) -> None:
        timeline = self._house.gateway.phone.timelines.get(self.leg.call_id)
        if timeline is None:
            raise CallerFailed("网关不知道这通电话")
        found = {**self._found(timeline), "promised": await self._house.promised(self.leg.call_id)}
        wanted = told.model_dump(exclude_none=True, exclude={"longest_silence_ms"})
        wrong = {name: (value, found[name]) for name, value in wanted.items() if found[name] != value}
        if told.longest_silence_ms is not None and self.longest_silence_ms > told.longest_silence_ms:
            wrong["longest_silence_ms"] = (told.longest_silence_ms, self.longest_silence_ms)
        if wrong:
            raise CallerFailed(f"应为、实为：{wrong}\n{self._so_far()}")

    def _found(self, timeline: CallTimeline) -> dict[str, object]:
        transfer = timeline.transfer or {}
        return {
            "ended_by": timeline.ended_by,
            "understood": [turn.said for turn in timeline.turns if turn.said],
            "emergency": timeline.emergency,
            "ticket": timeline.ticket is not None,
            "connected": bool(transfer.get("connected")),
        }

    @property
    def longest_silence_ms(self) -> int:
        """The longest stretch in which nothing reached the caller's ear."""
        silent = [at for at, level in self.leg.levels if level == "silent"]
        ends = [next((to for to, level in self.leg.levels if to > at), self.leg.now_ms) for at in silent]
        return max((end - at for at, end in zip(silent, ends, strict=True)), default=0)

    def _so_far(self) -> str:
        heard = "\n".join(f"  {at:>6} ms {text}" for at, text in self.leg.heard)
        levels = " ".join(f"{at}:{level}" for at, level in self.leg.levels[-12:])
        timeline = self._house.gateway.phone.timelines.get(self.leg.call_id)
        turns = [(turn.at_ms, turn.said, turn.reply.act) for turn in timeline.turns] if timeline else []
        return f"现在 {self.leg.now_ms} ms，听到：\n{heard}\n音量：{levels}\n话轮：{turns}"
