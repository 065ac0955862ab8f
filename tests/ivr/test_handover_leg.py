"""Putting a call through: bridge, REFER with the bridge behind it, and a phone that dies in mid-talk."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from ivr.handover_leg import AGENT_SILENT_S, REFERRED_WAIT_S, HandoverLeg, phone_answers
from ivr.playback import Playback
from ivr.protocol import Transfer
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from tests.ivr.scripted_leg import ScriptedEndpoint, ScriptedLeg, ScriptedVoice
from tests.ivr.virtual_time import run_virtually


class Quiet:
    """Nobody listens to what the playback tells."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **more: None


class CountingLeg(ScriptedLeg):
    """A phone whose packets are counted until it ``falls_silent``."""

    silent = False
    packets = 0.0

    @property
    def stats(self) -> Mapping[str, float]:
        if not self.silent:
            self.packets += 50
        return {"packets_received": self.packets}


class CountingEndpoint(ScriptedEndpoint):
    async def dial(self, uri: str, **more: Any) -> ScriptedLeg:
        await super().dial(uri, **more)
        agent = CountingLeg(self._voice, call_id="counted")
        await agent.answer()
        self.agents.append(agent)
        return agent


class Stage:
    """A caller, an endpoint and one transfer."""

    def __init__(self, *, alive: bool = True, code: int = 200) -> None:
        voice = ScriptedVoice()
        self.leg = ScriptedLeg(voice)
        self.endpoint = CountingEndpoint(voice, code=code)
        self.states: list[tuple[str, int]] = []
        self.asked: list[str] = []
        self._alive = alive
        playback = Playback(self.leg, voice, Quiet())
        self.work = HandoverLeg(
            self.endpoint, self.leg, playback, lambda state, code: self.states.append((state, code)), alive=self.look
        )

    async def look(self, target: str) -> bool:
        self.asked.append(target)
        return self._alive

    async def run(self, script: Any, mode: Any = "bridge") -> "Stage":
        await self.leg.answer()
        command = Transfer(call="call-1", id="t1", target="sip:8001@127.0.0.1:5070", mode=mode)
        running = asyncio.create_task(self.work.run(command))
        try:
            await script(self)
            await asyncio.wait_for(running, 60)
        finally:
            self.leg.leave()
            await self.leg.hangup()
            await self.endpoint.stop()
        return self

    @property
    def agent(self) -> CountingLeg:
        agent = self.endpoint.agents[-1]
        assert isinstance(agent, CountingLeg)
        return agent


async def connected(stage: Stage) -> None:
    while ("connected", 200) not in stage.states:  # noqa: ASYNC110  # on a virtual clock
        await asyncio.sleep(0.1)


def test_an_agent_who_hangs_up_ended_the_talk() -> None:
    async def script(stage: Stage) -> None:
        await connected(stage)
        await asyncio.sleep(60)
        stage.agent.leave()

    stage = run_virtually(_staged(script))
    assert [state for state, _ in stage.states] == ["ringing", "connected", "ended"]
    assert stage.asked == []


async def _staged(script: Any, mode: Any = "bridge", refers: bool = True, **more: Any) -> Stage:
    stage = Stage(**more)
    stage.leg.refers = refers
    return await stage.run(script, mode)


def test_a_phone_that_dies_is_noticed_within_seconds_and_the_caller_is_given_back() -> None:
    async def script(stage: Stage) -> None:
        await connected(stage)
        await asyncio.sleep(10)
        stage.agent.silent = True
        await asyncio.sleep(AGENT_SILENT_S + 3)
        assert stage.agent.ended
        assert not stage.leg.ended

    stage = run_virtually(_staged(script, alive=False))
    assert stage.states[-1] == ("failed", 408)


def test_a_phone_that_is_only_muted_keeps_its_call() -> None:
    async def script(stage: Stage) -> None:
        await connected(stage)
        stage.agent.silent = True
        await asyncio.sleep(30)
        assert not stage.agent.ended
        stage.agent.leave()

    stage = run_virtually(_staged(script, alive=True))
    assert stage.states[-1] == ("ended", 0)
    assert len(stage.asked) >= 3


def test_a_media_failure_of_the_agents_leg_is_no_hanging_up() -> None:
    async def script(stage: Stage) -> None:
        await connected(stage)
        stage.agent.leave("fault")

    assert run_virtually(_staged(script)).states[-1] == ("failed", 408)


@pytest.mark.parametrize("code", [404, 408, 480, 486, 503, 603])
def test_every_kind_of_no_is_reported_with_its_code(code: int) -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(0)

    stage = run_virtually(_staged(script, code=code))
    assert stage.states == [("ringing", 180), ("failed", code)]


def test_a_refer_that_is_taken_ends_our_part() -> None:
    async def script(stage: Stage) -> None:
        while not stage.states:  # noqa: ASYNC110  # on a virtual clock
            await asyncio.sleep(0.1)
        stage.leg.leave()

    stage = run_virtually(_staged(script, "refer"))
    assert stage.states == [("connected", 202)]
    assert stage.endpoint.dialled == []


def test_a_far_end_that_forgets_to_end_the_referred_call_is_helped() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(REFERRED_WAIT_S + 1)

    assert run_virtually(_staged(script, "refer")).states == [("connected", 202), ("ended", 0)]


def test_a_refused_refer_becomes_a_bridge() -> None:
    async def script(stage: Stage) -> None:
        await connected(stage)
        assert stage.leg.bridged_with is stage.agent
        stage.agent.leave()

    stage = run_virtually(_staged(script, "refer", refers=False))
    assert [state for state, _ in stage.states] == ["ringing", "connected", "ended"]


async def test_a_live_phone_answers_and_a_dead_one_does_not() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    await endpoint.start()
    target = f"sip:8001@127.0.0.1:{endpoint.address[1]}"
    assert await phone_answers(target)
    await endpoint.stop()
    assert not await phone_answers(target)
