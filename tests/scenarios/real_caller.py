"""The same scenarios as real calls: a phone over SIP and RTP, a voice, the shipped recogniser, a running instance.

What a phone cannot know (whether a prompt was ducked) is left to the virtual clock and the benches; deadlines get
:data:`SLACK_MS` more, because other calls run beside.
"""

import asyncio
import difflib
import re
from typing import Final

import numpy as np

from ivr.phones.citizen import CitizenPhone
from ivr.phones.operator_view import OperatorView
from ivr.speech.voice import Voice
from tests.scenarios import script

SLACK_MS: Final = 6000
"""Twelve calls on two cores beside other tests."""
ALIKE: Final = 0.5
"""Characters recognised as they were said, in order; the demonstration recogniser errs."""
_QUIET_MS: Final = 400
_LONGEST_GAP_MS: Final = 1000
_STEP_S: Final = 0.1
_PAUSE: Final = re.compile(r"\[(\d+)\]")


class RealCallFailed(AssertionError):
    """A step did not come true."""


async def sounds_of(scenario: script.Scenario, voice: Voice) -> dict[str, bytes]:
    """What the caller of ``scenario`` says, as telephone audio."""
    sounds = {}
    for step in scenario.script:
        if isinstance(step, script.Say):
            parts = _PAUSE.split(step.say)
            pieces = [
                bytes(16 * int(part)) if place % 2 else await voice.synthesise(part) for place, part in enumerate(parts)
            ]
            sounds[step.say] = b"".join(pieces)
    return sounds


def cough(ms: int) -> bytes:
    """A burst of noise that rises at once and dies away."""
    count = 8 * ms
    wave = np.random.default_rng(3).normal(0, 0.16, count) * np.exp(-3 * np.arange(count) / count)
    return bytes((wave * 32767).clip(-32768, 32767).astype("<i2").tobytes())


class RealCaller:
    """One real call of a scenario."""

    def __init__(
        self, scenario: script.Scenario, sounds: dict[str, bytes], hotline: str, operator: OperatorView
    ) -> None:
        self._scenario = scenario
        self._sounds = sounds
        self._phone = CitizenPhone(hotline, caller=scenario.number or "")
        self._operator = operator
        self._call_id = ""
        self._cursor = 0
        self._speaking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Call, go through the script, hang up, check what was told."""
        await self._phone.start()
        try:
            self._call_id = (await self._phone.dial()).call_id
            for number, step in enumerate(self._scenario.script, 1):
                try:
                    await self._act(step)
                except RealCallFailed as failed:
                    raise RealCallFailed(f"{self._scenario.name} 步骤 {number} {step!r}：{failed}") from None
            if self._speaking:
                await self._speaking
            await self._phone.hangup()
            await self._check()
        finally:
            if self._speaking:
                self._speaking.cancel()
                await asyncio.gather(self._speaking, return_exceptions=True)
            await self._phone.hangup()
            await self._phone.stop()

    async def _act(self, step: script.Step) -> None:
        phone = self._phone
        match step:
            case script.Hear():
                await self._hear(step)
            case script.NotHear():
                before = await self._turns()
                await phone.wait(step.for_ms / 1000)
                if any(step.not_hear in text for text in (await self._turns())[len(before) :]):
                    raise RealCallFailed("听到了")
            case script.HeardOut():
                await self._until(self._is_quiet, 40_000, "还在说")
            case script.Say():
                await self._say(self._sounds[step.say], meanwhile=step.meanwhile)
            case script.Sound():
                await self._say(cough(step.ms), meanwhile=step.meanwhile)
            case script.Press():
                for key in step.press:
                    await phone.press(key)
                    await phone.wait(step.gap_ms / 1000)
            case script.Wait():
                await phone.wait(step.wait_ms / 1000)
            case _:
                await self._watch(step)

    async def _watch(self, step: script.Step) -> None:
        match step:
            case script.Prompt(prompt="silent"):
                await self._until(self._is_quiet, step.within_ms + SLACK_MS, "没有停下")
            case script.Prompt(prompt="full"):
                await self._until(lambda: self._phone.hears_speech, step.within_ms + SLACK_MS, "没有接着说")
            case script.Stays():
                await self._stays(step.stays_full_ms)
            case script.Transferred():
                await self._until_handed_over(step.within_ms + SLACK_MS)
            case script.Ended():
                await self._until(lambda: self._phone.ended, step.ended_within_ms + SLACK_MS, "没有结束")
            case script.HangUp():
                await self._phone.hangup()
            case script.Prompt():
                pass
            case _:
                raise RealCallFailed("这一步不能用真实通话来做")

    async def _say(self, pcm: bytes, *, meanwhile: bool) -> None:
        if self._speaking:
            await self._speaking
        self._speaking = asyncio.create_task(self._phone.say(pcm))
        if not meanwhile:
            await self._speaking

    async def _hear(self, step: script.Hear) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + (step.within_ms + SLACK_MS) / 1000
        while loop.time() < until:
            for place, text in enumerate(await self._turns()):
                if place >= self._cursor and step.hear in text:
                    self._cursor = place + 1
                    await self._until(lambda: self._phone.hears_speech, SLACK_MS, "答复没有声音")
                    return
            await self._phone.wait(_STEP_S)
        view = await self._operator.look(self._call_id)
        raise RealCallFailed(
            f"没有听到“{step.hear}”，只有 {[(turn.said, turn.act, turn.speech) for turn in view.turns]}"
        )

    async def _turns(self) -> list[str]:
        view = await self._operator.look(self._call_id)
        return [turn.speech for turn in view.turns]

    def _is_quiet(self) -> bool:
        return self._phone.quiet_ms >= _QUIET_MS

    async def _stays(self, ms: int) -> None:
        longest = 0
        for _ in range(ms // 50):
            await self._phone.wait(0.05)
            longest = max(longest, self._phone.quiet_ms)
        if longest > _LONGEST_GAP_MS:
            raise RealCallFailed(f"停了 {longest} ms")

    async def _until_handed_over(self, within_ms: int) -> None:
        for _ in range(round(within_ms / 1000 / _STEP_S)):
            if (await self._operator.look(self._call_id)).transfer is not None:
                return
            await self._phone.wait(_STEP_S)
        raise RealCallFailed("没有转接")

    async def _until(self, found: object, within_ms: int, otherwise: str) -> None:
        assert callable(found)
        await self._phone.wait(within_ms / 1000, found)
        if not found():
            raise RealCallFailed(otherwise)

    async def _check(self) -> None:
        told = self._scenario.told
        view = await self._operator.settled(self._call_id, 6.0)
        understood = [turn.said for turn in view.turns if turn.said]
        wrong: dict[str, object] = {}
        if told.emergency is not None and told.emergency != view.emergency:
            wrong["emergency"] = view.emergency
        if told.ended_by is not None and told.ended_by != view.ended_by:
            wrong["ended_by"] = view.ended_by
        if told.understood is not None and not alike(told.understood, understood):
            wrong["understood"] = understood
        if wrong:
            raise RealCallFailed(f"{self._scenario.name}：{wrong}")


def alike(said: list[str], understood: list[str]) -> bool:
    """As many turns as were said, each much like it."""
    return len(said) == len(understood) and all(
        difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE for one, other in zip(said, understood, strict=True)
    )
