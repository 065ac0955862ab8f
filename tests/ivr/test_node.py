"""A whole node on loopback: real SIP and RTP, real speech, a real WebSocket; the recogniser follows a script."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from config.settings import ROOT, Settings
from ivr.health import ask_health
from ivr.node import Node
from ivr.prompts import load_prompts
from ivr.protocol import (
    CallbackRecorded,
    CallEnded,
    CallStarted,
    Dtmf,
    HangUp,
    NodeLoad,
    PlaybackDone,
    PlaybackStarted,
    RestrictionRow,
    Restrictions,
    Say,
    SpeechFinal,
    Transfer,
    TransferState,
)
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg, DialFailed
from ivr.speech.scripted_recogniser import ScriptedRecognisers
from ivr.speech.telephone_band import active_level
from ivr.speech.voice import Voice
from store.vault import Vault
from tests.ivr.gateway_double import GatewayDouble
from tests.ivr.scripted_leg import speech_frame
from tests.ivr_sip.wire import OFFER, Wire, header, status

pytestmark = pytest.mark.slow

HOST = "127.0.0.1"
NUMBER = "13800000001"


class Site:
    """A running node, its gateway, and a phone to call it with."""

    def __init__(self, settings: Settings, lines: list[object]) -> None:
        self.settings = settings
        self.gateway = GatewayDouble(settings.secret("node"))
        self.voice = Voice("bot", cache_dir=settings.data_dir / "cache")
        self.endpoint = AiosipuaEndpoint(HOST, 0)
        self.phone = AiosipuaEndpoint(HOST, 0)
        self.recognisers = ScriptedRecognisers(lines)
        self.node: Node | None = None

    async def start(self, *, linked: bool = True) -> None:
        await self.gateway.start()
        self.settings = self.settings.model_copy(update={"node_port": self.gateway.port})
        if not linked:
            await self.gateway.stop()
        self.node = Node(self.settings, endpoint=self.endpoint, voice=self.voice, recognisers=self.recognisers)
        await self.node.start()
        await self.phone.start()
        if linked:
            await self.gateway.until(NodeLoad)

    async def stop(self) -> None:
        await self.phone.stop()
        if self.node:
            await self.node.stop()
        await self.gateway.stop()

    async def call(self, number: str = NUMBER) -> CallLeg:
        host, port = self.endpoint.address
        return await self.phone.dial(f"sip:12345@{host}:{port}", caller=number)


@asynccontextmanager
async def site_of(settings: Settings, *lines: object, linked: bool = True) -> AsyncIterator[Site]:
    site = Site(settings, list(lines))
    try:
        await site.start(linked=linked)
        yield site
    finally:
        await site.stop()


async def level_heard(leg: CallLeg, ms: int) -> float:
    """Active level in dBFS of what the phone hears in the next ``ms``."""
    heard = bytearray()
    async for frame in leg.frames():
        heard += frame
        if len(heard) >= 16 * ms:
            break
    return active_level(np.frombuffer(bytes(heard), dtype="<i2").astype(np.float32) / np.float32(32768))


async def test_a_call_is_greeted_heard_and_answered(settings: Settings) -> None:
    async with site_of(settings, "公积金怎么提取") as site:
        leg = await site.call()
        started = await site.gateway.until(CallStarted)
        assert (started.number, started.restricted) == (NUMBER, False)
        await site.gateway.send(Say(call=started.call, id="s1", text="您好，请讲。"))
        first = await site.gateway.until(PlaybackStarted)
        assert first.id == "s1"
        assert await level_heard(leg, 1000) == pytest.approx(-20, abs=3)
        await site.gateway.until(PlaybackDone)
        leg.play(b"".join(speech_frame() for _ in range(60)))
        final = await site.gateway.until(SpeechFinal)
        assert final.text == "公积金怎么提取"
        assert final.recogniser == "scripted"
        await site.gateway.send(Say(call=started.call, id="s2", text="带身份证去办。"))
        await site.gateway.send(HangUp(call=started.call))
        ended = await site.gateway.until(CallEnded)
        assert ended.ended_by == "bot"
        assert [done.interrupted for done in site.gateway.of(PlaybackDone)] == [False, False]


async def test_key_0_during_the_greeting_puts_the_call_through(settings: Settings) -> None:
    agent = AiosipuaEndpoint(HOST, 0)
    arrived: list[CallLeg] = []

    async def answer(leg: CallLeg) -> None:
        await leg.answer()
        arrived.append(leg)
        leg.play(b"".join(speech_frame() for _ in range(200)))
        await leg.wait_ended()

    agent.on_call(answer)
    await agent.start()
    try:
        async with site_of(settings) as site:
            leg = await site.call()
            started = await site.gateway.until(CallStarted)
            await site.gateway.send(
                Say(call=started.call, id="s1", text="您好，这里是一二三四五热线，请问您要咨询什么？")
            )
            await site.gateway.until(PlaybackStarted)
            await leg.send_dtmf("0")
            assert (await site.gateway.until(Dtmf)).digit == "0"
            assert (await site.gateway.until(PlaybackDone)).interrupted
            target = f"sip:8001@{HOST}:{agent.address[1]}"
            await site.gateway.send(Transfer(call=started.call, id="t1", target=target))
            await site.gateway.until(TransferState, 2)
            assert site.gateway.of(TransferState)[1].state == "connected"
            leg.play(b"".join(speech_frame() for _ in range(200)))
            levels = await asyncio.gather(level_heard(leg, 1500), level_heard(arrived[0], 1500))
            assert min(levels) > -30
            await leg.hangup()
            assert (await site.gateway.until(CallEnded)).ended_by == "caller"
            assert await asyncio.wait_for(arrived[0].wait_ended(), 5) == "remote"
    finally:
        await agent.stop()


async def test_a_restricted_caller_hears_the_notice_only(settings: Settings) -> None:
    ends = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    row = RestrictionRow(number_key=Vault(settings).key(NUMBER), ends_at=ends)
    async with site_of(settings) as site:
        await site.gateway.send(Restrictions(version=3, rows=(row,), notice="号码受限。"))
        await asyncio.sleep(0.2)
        leg = await site.call()
        assert (await site.gateway.until(CallStarted)).restricted
        assert await level_heard(leg, 1000) == pytest.approx(-20, abs=3)
        assert (await site.gateway.until(CallEnded)).ended_by == "policy"


async def test_a_full_node_says_so(settings: Settings) -> None:
    async with site_of(settings.model_copy(update={"max_calls": 1})) as site:
        first = await site.call()
        await site.gateway.until(CallStarted)
        with pytest.raises(DialFailed) as refused:
            await site.call("13800000002")
        assert refused.value.code == 503
        await first.hangup()


async def test_health_tells_what_works(settings: Settings) -> None:
    async with site_of(settings) as site:
        path = site.settings.socket_path("ivr")
        told = await ask_health(path)
        assert told is not None
        assert (told["ok"], told["linked"], told["voice"], told["recogniser"], told["sip"]) == (True,) * 5
        written = json.loads((site.settings.run_dir / "ivr.json").read_text(encoding="utf-8"))
        assert written["sip"] == list(site.endpoint.address)
        assert written["pid"] == os.getpid()
        await site.gateway.stop()
        await asyncio.sleep(0.3)
        told = await ask_health(path)
        assert told is not None
        assert (told["ok"], told["linked"]) == (False, False)
    assert await ask_health(path) is None


async def test_a_node_with_calls_is_not_replaced_for_a_part_that_fails(settings: Settings) -> None:
    async with site_of(settings) as site:
        path = site.settings.socket_path("ivr")
        call = await site.call()
        await site.gateway.until(CallStarted)
        await site.gateway.stop()
        await asyncio.sleep(0.3)
        told = await ask_health(path)
        assert told is not None
        assert (told["ok"], told["linked"], told["calls"]) == (True, False, 1)
        await call.hangup()


async def test_a_caller_without_a_gateway_gets_a_promise_that_is_delivered_later(settings: Settings) -> None:
    async with site_of(settings, linked=False) as site:
        leg = await site.call()
        assert await level_heard(leg, 2500) == pytest.approx(-20, abs=3)
        assert await asyncio.wait_for(leg.wait_ended(), 60) == "remote"
        await site.gateway.start()
        promise = await site.gateway.until(CallbackRecorded)
        assert promise.number == NUMBER
        assert (await site.gateway.until(CallEnded)).ended_by == "fault"
        folder: Path = site.settings.data_dir / "promises"
        async with asyncio.timeout(5):
            while os.listdir(folder):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_gateway_that_dies_and_comes_back_finds_the_call(settings: Settings) -> None:
    async with site_of(settings, "我要投诉") as site:
        leg = await site.call()
        started = await site.gateway.until(CallStarted)
        await site.gateway.send(Say(call=started.call, id="s1", text="您好。"))
        await site.gateway.until(PlaybackDone)
        site.gateway.known = {started.call}
        await site.gateway.stop()
        assert await level_heard(leg, 2500) == pytest.approx(-20, abs=3)  # the holding sentence
        await site.gateway.start()
        await site.gateway.until(NodeLoad, 2)
        await asyncio.sleep(3)
        leg.play(b"".join(speech_frame() for _ in range(60)))
        assert (await site.gateway.until(SpeechFinal)).call == started.call
        await leg.hangup()
        await site.gateway.until(CallEnded)


async def test_the_voice_may_die_during_a_call(settings: Settings) -> None:
    async with site_of(settings) as site:
        leg = await site.call()
        started = await site.gateway.until(CallStarted)
        pid = site.voice.worker_pids[0]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await site.gateway.send(Say(call=started.call, id="s1", text="这句话以前没有说过。"))
        assert not (await site.gateway.until(PlaybackDone)).interrupted
        await leg.hangup()


async def test_stopping_ends_calls_and_tells_the_gateway(settings: Settings) -> None:
    async with site_of(settings) as site:
        leg = await site.call()
        await site.gateway.until(CallStarted)
        assert site.node is not None
        await site.node.stop()
        site.node = None
        assert await asyncio.wait_for(leg.wait_ended(), 5) == "remote"
        assert (await site.gateway.until(CallEnded)).ended_by == "fault"


async def test_a_caller_without_a_recogniser_is_told_to_the_gateway(settings: Settings) -> None:
    async with site_of(settings.model_copy(update={"recognition_slots": 1})) as site:
        first = await site.call()
        second = await site.call("13800000002")
        await site.gateway.until(CallStarted, 2)
        assert [started.overflow for started in site.gateway.of(CallStarted)] == ["", "queue"]
        await first.hangup()
        await second.hangup()


async def test_a_draining_node_promises_to_call_those_back_who_stay_too_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = {**load_prompts(), "promise": "会回电。"}
    monkeypatch.setattr("ivr.node.load_prompts", lambda: prompts)
    async with site_of(settings.model_copy(update={"drain_s": 0.5})) as site:
        leg = await site.call()
        await site.gateway.until(CallStarted)
        assert site.node is not None
        await site.node.drain(asyncio.Event())
        assert await asyncio.wait_for(leg.wait_ended(), 5) == "remote"
        assert len(os.listdir(site.settings.data_dir / "promises")) == 1


class NodeProcess:
    """``python -m ivr.node`` itself, linked to a gateway of the test."""

    def __init__(self, settings: Settings, gateway: GatewayDouble, sip_port: int) -> None:
        self._settings = settings
        self.target = (HOST, sip_port)
        environment = {
            "HOTLINE_DATA_DIR": str(settings.data_dir),
            "HOTLINE_GATEWAY_ADDRESS": f"{HOST}:{gateway.port}",
            "HOTLINE_SIP_PORT": str(sip_port),
            "HOTLINE_RECOGNISER_WORKERS": "1",
        }
        self._log = (settings.data_dir / "node.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivr.node"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    async def ended(self, within_s: float) -> int:
        return await asyncio.to_thread(self.process.wait, within_s)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()


@pytest.fixture
async def apart(settings: Settings) -> AsyncIterator[tuple[NodeProcess, GatewayDouble, AiosipuaEndpoint]]:
    """A node in a process of its own, its gateway, and a phone."""
    settings.data_dir.mkdir(parents=True)
    gateway = GatewayDouble(settings.secret("node"))
    await gateway.start()
    phone = AiosipuaEndpoint(HOST, 0)
    await phone.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    node = NodeProcess(settings, gateway, port)
    try:
        await gateway.until(NodeLoad, within_s=110)
        yield node, gateway, phone
    finally:
        node.close()
        await phone.stop()
        await gateway.stop()


async def test_a_node_told_to_leave_finishes_its_calls_and_refuses_new_ones(
    apart: tuple[NodeProcess, GatewayDouble, AiosipuaEndpoint],
) -> None:
    node, gateway, phone = apart
    uri = f"sip:12345@{HOST}:{node.target[1]}"
    leg = await phone.dial(uri, caller=NUMBER)
    started = await gateway.until(CallStarted)
    node.process.send_signal(signal.SIGTERM)
    wire = Wire(node.target)
    try:
        async with asyncio.timeout(10):
            while True:
                wire.send(wire.request("OPTIONS", call=secrets.token_hex(4), branch=f"z9hG4bK{secrets.token_hex(8)}"))
                if status(await wire.final()) == 503:
                    break
        wire.send(wire.request("INVITE", call="late", branch="z9hG4bKlate", body=OFFER.format(port=40000)))
        refused = await wire.final()
        assert (status(refused), header(refused, "Retry-After")) == (503, "30")
    finally:
        wire.close()
    await gateway.send(Say(call=started.call, id="s1", text="请继续说。"))
    assert not (await gateway.until(PlaybackDone)).interrupted
    assert not leg.ended
    assert node.process.poll() is None
    await leg.hangup()
    assert (await gateway.until(CallEnded)).ended_by == "caller"
    assert await node.ended(15) == 0


async def test_told_twice_it_goes_at_once(apart: tuple[NodeProcess, GatewayDouble, AiosipuaEndpoint]) -> None:
    node, gateway, phone = apart
    leg = await phone.dial(f"sip:12345@{HOST}:{node.target[1]}", caller=NUMBER)
    await gateway.until(CallStarted)
    for _ in range(2):
        node.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
    assert await node.ended(15) == 0
    assert await asyncio.wait_for(leg.wait_ended(), 5) == "remote"
    assert (await gateway.until(CallEnded)).ended_by == "fault"
