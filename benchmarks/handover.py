"""``./hotline bench handover``: how soon a person is fetched, on a private instance with a real agent's phone.

Each run is a call of its own. Key 0: from the key's first packet to the moment the agent's phone rings. An emergency: from
the last voiced packet of the word, spoken over the greeting, to the moment the transfer is on the agent's screen, and to
the phone's ringing. The agent is a program that accepts at once: what a human agent takes to do so is not in the figures.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.phone_calls import hotline, private
from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.logs import set_up_logs
from config.settings import Settings
from gateway.desk_agent import DeskAgent
from ivr.phones.agent import AgentPhone
from ivr.phones.citizen import CitizenPhone
from ivr.speech.voice import Voice

TARGET_MS: Final = 1000.0
_AGENT: Final = "8001"
_EMERGENCY: Final = "煤气泄漏"
_NUMBER: Final = "13800000040"
_WITHIN_S: Final = 20.0
_AFTER_ANSWER_S: Final = 1.0
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(slots=True)
class Fetched:
    """Moments of one run on the loop's clock; ``None``: it did not happen in time."""

    asked: float
    offered: float | None = None
    rang: float | None = None

    def ms(self, moment: float | None) -> float | None:
        return None if moment is None else 1000 * (moment - self.asked)


def run(settings: Settings, *, as_json: bool, calls: int = 20) -> int:
    """Measure ``calls`` calls of each kind on a private instance, whatever else runs; 0 when all targets are met."""
    set_up_logs("WARNING")
    with private() as instance:
        port = _free_udp_port()
        hotline("agent", "add", _AGENT, "--sip", f"sip:{_AGENT}@127.0.0.1:{port}", data=instance.data_dir)
        by_key, by_word = asyncio.run(_measure(instance, f"sip:{_AGENT}@127.0.0.1:{port}", calls))
    return publish("handover", rows(by_key, by_word, calls), as_json=as_json)


def rows(by_key: Sequence[Fetched], by_word: Sequence[Fetched], runs: int) -> list[Row]:
    """The figures of all runs."""
    rang = [one.ms(one.rang) for one in by_key]
    started = [one.ms(one.offered) for one in by_word]
    return [
        *_spread("key 0 to the agent's phone ringing", rang, runs),
        *_spread("emergency word's end to the transfer started", started, runs),
        *_spread(
            "emergency word's end to the agent's phone ringing", [one.ms(one.rang) for one in by_word], runs, None
        ),
    ]


def _spread(title: str, values: Sequence[float | None], runs: int, target: float | None = TARGET_MS) -> list[Row]:
    reached = [value for value in values if value is not None]
    counted = at_least(f"{title}: runs", len(reached), "count", runs)
    if not reached:
        return [counted]
    shares = {name: percentile(reached, share) for name, share in _SHARES.items()} | {"worst": max(reached)}
    return [
        counted,
        *(
            at_most(f"{title} {name}", round(value, 1), "ms", target)
            if target is not None and name in ("p95", "worst")
            else Row(f"{title} {name}", round(value, 1), "ms")
            for name, value in shares.items()
        ),
    ]


async def _measure(settings: Settings, uri: str, runs: int) -> tuple[list[Fetched], list[Fetched]]:
    async with Voice("caller") as voice:
        word = await voice.synthesise(_EMERGENCY)
    phone = AgentPhone(uri, auto_answer=True)
    await phone.start()
    try:
        async with DeskAgent(f"http://{settings.host}:{settings.web_port}") as agent:
            await agent.login_as_operator(_AGENT, settings.operator_port, settings.secret("operator"))
            by_key = [await _fetch(settings, agent, phone, b"") for _ in range(runs)]
            by_word = [await _fetch(settings, agent, phone, word) for _ in range(runs)]
    finally:
        await phone.stop()
    return by_key, by_word


async def _fetch(settings: Settings, agent: DeskAgent, phone: AgentPhone, word: bytes) -> Fetched:
    """One call that asks for a person, by key 0 or by ``word``."""
    loop = asyncio.get_running_loop()
    citizen = CitizenPhone(f"sip:12345@{settings.host}:{settings.sip_port}", caller=_NUMBER)
    await citizen.start()
    fetched = Fetched(loop.time())
    rung = asyncio.Event()

    def rings() -> None:
        fetched.rang = loop.time()
        rung.set()

    def offered() -> None:
        fetched.offered = loop.time()

    phone.on_ring(rings)
    try:
        async with agent.at_desk() as desk:
            accepting = asyncio.create_task(agent.accept_next(desk, offered), name="agent accepts")
            await citizen.dial()
            await citizen.wait(_AFTER_ANSWER_S)
            fetched.asked = loop.time()
            if word:
                await citizen.say(word)
                fetched.asked = (await citizen.listen(lambda: True)).said_until or loop.time()
            else:
                await citizen.press("0")
            try:
                async with asyncio.timeout(_WITHIN_S):
                    pop = await accepting
                    await rung.wait()
            except TimeoutError:
                accepting.cancel()
                await asyncio.gather(accepting, return_exceptions=True)
            else:
                await citizen.hangup()
                await agent.end(pop["handover"])
    finally:
        await citizen.hangup()
        await citizen.stop()
    return fetched


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
