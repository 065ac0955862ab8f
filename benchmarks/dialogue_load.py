"""Many callers at once in a process of its own, each in a full dialogue: the load of ``bench calls``.

``python -m benchmarks.dialogue_load PLAN.json`` with the fields of :class:`Plan`; the findings come as one JSON document. Callers
react to the end of the bot's speech, which they hear by its energy alone. What they say was synthesised before: here it is only
sent. Everything stays on 127.0.0.1.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from config.logs import set_up_logs
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg, DialFailed
from ivr.sip.media import Taps

VOICED_PEAK: Final = 300
"""Of 32768: −41 dBFS. The line is digitally silent between words, G.711's own noise has peaks below 20."""
BREATH_S: Final = 0.7
"""Quiet after speech that means the bot has finished: four times its longest pause inside a text."""
NO_ANSWER_S: Final = 8.0
"""A caller who hears nothing for this long after speaking: the turn is lost."""
_LONGEST_ANSWER_S: Final = 60.0
_LOOK_S: Final = 0.1
PRIORITY: Final = -10
GAP_MS: Final = 60.0
"""Two packets missing in a row can be heard."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``callers``: one list of steps each: the file of an utterance (int16), or ``key:0``. They start ``spread_s`` apart in all."""

    hotline: str
    callers: list[list[str]]
    spread_s: float
    first_number: int = 0


@dataclass(slots=True)
class Told:
    """What one caller says of the call. ``lost``: utterances after which no word came; ``answered_ms``: until the first came."""

    call: str = ""
    kind: str = ""
    failure: str = ""
    spoken: int = 0
    keys: int = 0
    lost: int = 0
    ended_early: bool = False
    answered_ms: list[float] = field(default_factory=list)
    packets: int = 0
    gaps: int = 0
    worst_gap_ms: float = 0.0
    seconds: float = 0.0


class Caller:
    """One citizen; :meth:`call` is the whole call."""

    def __init__(self, endpoint: AiosipuaEndpoint, hotline: str, number: str, steps: list[str]) -> None:
        self._endpoint = endpoint
        self._hotline = hotline
        self._number = number
        self._steps = steps
        self._heard_from = 0.0
        """When the bot's latest stretch of speech began; 0 before there is any."""
        self._heard_at = 0.0
        self._packet_at = 0.0
        self._said_until = 0.0
        self.told = Told()

    async def call(self) -> Told:
        """Dial, say and press what is to be said and pressed, each after the bot has finished; hang up."""
        try:
            leg = await self._endpoint.dial(
                self._hotline, caller=self._number, taps=Taps(arrival=self._arrived, departure=self._departed)
            )
        except DialFailed as error:
            self.told.failure = f"dial {error.code}"
            return self.told
        self.told.call = leg.call_id
        began = time.monotonic()
        drain = asyncio.create_task(_discard(leg))
        try:
            await self._dialogue(leg)
        finally:
            await leg.hangup()
            await drain
        self.told.seconds = round(time.monotonic() - began, 1)
        return self.told

    async def _dialogue(self, leg: CallLeg) -> None:
        if not await self._bot_finished(leg):
            self.told.failure = "no greeting"
            return
        for step in self._steps:
            if leg.ended:
                self.told.ended_early = True
                return
            self._heard_from = 0.0
            if step.startswith("key:"):
                self.told.keys += 1
                await leg.send_dtmf(step[4:])
                self._said_until = time.monotonic()
            else:
                self.told.spoken += 1
                leg.play(await asyncio.to_thread(Path(step).read_bytes))
                await leg.drained()
            spoke_until = self._said_until
            if await self._bot_finished(leg):
                self.told.answered_ms.append(round(1000 * (self._heard_from - spoke_until), 1))
            elif not leg.ended:
                self.told.lost += 1
                self.told.failure = self.told.failure or "no answer"

    async def _bot_finished(self, leg: CallLeg) -> bool:
        """Wait until the bot has spoken and fallen quiet; false when it never spoke."""
        asked = time.monotonic()
        while not leg.ended:
            now = time.monotonic()
            if not self._heard_from and now - asked > NO_ANSWER_S:
                return False
            if self._heard_from and (now - self._heard_at > BREATH_S or now - asked > _LONGEST_ANSWER_S):
                return True
            await asyncio.sleep(_LOOK_S)
        return self._heard_from > 0

    def _arrived(self, samples: bytes) -> None:
        now = time.monotonic()
        self.told.packets += 1
        if self._packet_at:
            gap = 1000 * (now - self._packet_at)
            self.told.worst_gap_ms = max(self.told.worst_gap_ms, round(gap, 1))
            self.told.gaps += gap > GAP_MS
        self._packet_at = now
        if int(np.abs(np.frombuffer(samples, dtype="<i2")).max(initial=0)) > VOICED_PEAK:
            self._heard_at = now
            self._heard_from = self._heard_from or now

    def _departed(self, frame: bytes) -> None:
        if any(frame) and int(np.abs(np.frombuffer(frame, dtype="<i2")).max(initial=0)) > VOICED_PEAK:
            self._said_until = time.monotonic()
            self._heard_from = 0.0


async def _discard(leg: CallLeg) -> None:
    async for _ in leg.frames():
        pass


async def load(plan: Plan, progress: Callable[[Told], None] = lambda told: None) -> list[Told]:
    """Make all the calls; they begin evenly spread over ``spread_s``."""
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    await endpoint.start()

    async def one(index: int, steps: list[str]) -> Told:
        await asyncio.sleep(plan.spread_s * index / max(1, len(plan.callers)))
        told = await Caller(endpoint, plan.hotline, f"1380{plan.first_number + index:07}", steps).call()
        progress(told)
        return told

    try:
        return list(await asyncio.gather(*(one(index, steps) for index, steps in enumerate(plan.callers))))
    finally:
        await endpoint.stop()


def take_precedence() -> bool:
    """Stand in for callers who have machines of their own: go before other programs. False when that is not allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        Path("/proc/self/autogroup").write_text(str(PRIORITY), encoding="ascii")
    except OSError:
        return False
    return True


def main() -> None:
    set_up_logs("ERROR")
    first = take_precedence()
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    began = time.monotonic()
    told = asyncio.run(load(plan))
    used = os.times()
    findings = {
        "calls": [asdict(one) for one in told],
        "processor_s": used.user + used.system,
        "wall_s": time.monotonic() - began,
        "took_precedence": first,
    }
    sys.stdout.write(json.dumps(findings))


if __name__ == "__main__":
    main()
