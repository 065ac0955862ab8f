import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from ivr.link import GatewayLink
from ivr.protocol import (
    Admit,
    CallbackRecorded,
    CallEnded,
    CallOffered,
    CallStarted,
    Dtmf,
    GatewayFrame,
    Heartbeat,
    Hello,
    LiveCall,
    Say,
    SpeechPartial,
)
from tests.ivr.gateway_double import GatewayDouble


class NodeDouble:
    """The node behind the link, as plain lists."""

    def __init__(self) -> None:
        self.live: list[LiveCall] = []
        self.promises: list[CallbackRecorded] = []
        self.frames: list[GatewayFrame] = []
        self.links: list[frozenset[str]] = []
        self.losses = 0
        self.changed = asyncio.Condition()

    def live_calls(self) -> Iterable[LiveCall]:
        return self.live

    def restrictions_version(self) -> int:
        return 7

    def undelivered(self) -> list[CallbackRecorded]:
        return self.promises

    def linked(self, released: frozenset[str]) -> None:
        self.links.append(released)

    def lost(self) -> None:
        self.losses += 1

    def received(self, frame: GatewayFrame) -> None:
        self.frames.append(frame)


class Pair:
    """A link and the gateway it talks to."""

    def __init__(self) -> None:
        self.gateway = GatewayDouble("geheim")
        self.node = NodeDouble()
        self.secret = "geheim"

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[GatewayLink]:
        await self.gateway.start()
        link = GatewayLink(self.gateway.url, secret=lambda: self.secret, node="n1", events=self.node)
        running = asyncio.create_task(link.run())
        try:
            yield link
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self.gateway.stop()

    async def until(self, what: str, count: int = 1, within_s: float = 8) -> None:
        async with asyncio.timeout(within_s):
            while (len(self.node.links) if what == "links" else self.node.losses) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def pair() -> Pair:
    return Pair()


def started(call: str = "c1") -> CallStarted:
    return CallStarted(call=call, seq=1, number=None)


def live(call: str = "c1") -> LiveCall:
    return LiveCall(call=call, number=None, restricted=False, last_seq_seen=4)


async def test_hello_comes_first_then_heartbeats(pair: Pair) -> None:
    async with pair.connected() as link:
        hello = await pair.gateway.until(Hello)
        assert (hello.node, hello.live, hello.restrictions_version) == ("n1", (), 7)
        await pair.gateway.until(Heartbeat, 2)
        assert link.is_up
        assert link.down_s == 0


async def test_a_wrong_secret_is_not_let_in(pair: Pair) -> None:
    pair.secret = "falsch"
    async with pair.connected() as link:
        await asyncio.sleep(0.5)
        assert not link.is_up
        assert pair.gateway.got == []


async def test_frames_arrive_in_order_both_ways(pair: Pair) -> None:
    async with pair.connected() as link:
        await pair.until("links")
        for at in range(50):
            link.send(Dtmf(call="c1", digit="1", at_ms=at))
        await pair.gateway.until(Dtmf, 50)
        assert [key.at_ms for key in pair.gateway.of(Dtmf)] == list(range(50))
        say = Say(call="c1", id="s1", text="您好")
        await pair.gateway.send(say)
        async with asyncio.timeout(5):
            while say not in pair.node.frames:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_offer_is_answered_or_given_up_in_time(pair: Pair) -> None:
    async with pair.connected() as link:
        await pair.until("links")
        asking = asyncio.create_task(link.ask(CallOffered(call="c1", number=None)))
        await pair.gateway.until(CallOffered)
        await pair.gateway.send(Admit(call="c1"))
        assert await asking == Admit(call="c1")
        assert await link.ask(CallOffered(call="c2", number=None)) is None
    assert await link.ask(CallOffered(call="c3", number=None)) is None


async def test_after_a_cut_calls_are_resumed_and_what_matters_is_delivered(pair: Pair) -> None:
    async with pair.connected() as link:
        await pair.until("links")
        link.send(started())
        await pair.gateway.until(CallStarted)
        pair.node.live = [live()]
        pair.gateway.known = {"c1"}
        await pair.gateway.stop()
        await pair.until("losses")
        assert not link.is_up
        link.send(SpeechPartial(call="c1", text="喂", start_ms=0))
        link.send(Dtmf(call="c1", digit="0", at_ms=9))
        link.send(CallEnded(call="c9", ended_by="caller", duration_ms=1))
        await pair.gateway.start()
        await pair.until("links", 2)
        assert (await pair.gateway.until(Hello, 2)).live == (live(),)
        assert pair.node.links[1] == frozenset()
        await pair.gateway.until(CallEnded)
        assert len(pair.gateway.of(Dtmf)) == 1
        assert pair.gateway.of(SpeechPartial) == []


async def test_a_call_that_the_gateway_forgot_is_released(pair: Pair) -> None:
    async with pair.connected() as link:
        await pair.until("links")
        link.send(started())
        await pair.gateway.until(CallStarted)
        pair.node.live = [live()]
        await pair.gateway.stop()
        await pair.until("losses")
        link.send(Dtmf(call="c1", digit="5", at_ms=9))
        await pair.gateway.start()
        await pair.until("links", 2)
        assert pair.node.links[1] == frozenset({"c1"})
        link.send(started())
        await pair.gateway.until(CallStarted, 2)
        assert pair.gateway.of(Dtmf) == []


async def test_a_call_that_began_during_the_cut_is_no_live_call(pair: Pair) -> None:
    async with pair.connected() as link:
        await pair.until("links")
        await pair.gateway.stop()
        await pair.until("losses")
        pair.node.live = [live("c2")]
        link.send(started("c2"))
        await pair.gateway.start()
        assert (await pair.gateway.until(Hello, 2)).live == ()
        assert (await pair.gateway.until(CallStarted)).call == "c2"


async def test_a_gateway_without_heartbeats_is_gone_after_three_seconds(pair: Pair) -> None:
    pair.gateway.beats = False
    async with pair.connected():
        await pair.until("links")
        await pair.until("losses", within_s=5)


async def test_promises_are_delivered_until_acknowledged(pair: Pair) -> None:
    promise = CallbackRecorded(id="0" * 32, call="c1", number=None, at="2023-04-03T02:00:00+00:00", promise="回电")
    pair.node.promises = [promise]
    async with pair.connected():
        assert await pair.gateway.until(CallbackRecorded) == promise
        async with asyncio.timeout(5):
            while not pair.node.frames:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert pair.node.frames[0].type == "ack"
