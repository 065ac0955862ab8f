"""The load generator against a real endpoint on loopback."""

import asyncio
import os
from array import array
from pathlib import Path

import pytest

from benchmarks.sip_load import Call, Load, Plan, processor_s, streams
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg
from ivr.sip.ports import PortRange

MS = 1_000_000


@pytest.fixture
def ports() -> PortRange:
    return PortRange("127.0.0.1", 0, 0)


async def _answer(leg: CallLeg) -> None:
    await leg.answer()
    leg.play(b"\x10\x20" * 80_000)
    await leg.wait_ended()


async def _refuse(leg: CallLeg) -> None:
    await leg.reject(486)


async def test_calls_that_stay_are_measured_and_hung_up() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    endpoint.on_call(_answer)
    await endpoint.start()
    plan = Plan(endpoint.address[1], os.getpid(), 3, settle_s=0.1, window_s=0.6)
    found = await asyncio.to_thread(Load(plan).run)
    await endpoint.stop()
    assert (found["answered"], found["failed"], found["streams"]) == (3, 0, 3)
    assert found["received"] > 30
    assert found["in_time"] <= found["received"]
    assert 0 < found["generator_processor_s"] <= found["own_processor_s"]


async def test_calls_that_come_and_go(tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    sound.write_bytes(os.urandom(16_000))
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    endpoint.on_call(_answer)
    await endpoint.start()
    plan = Plan(endpoint.address[1], 0, 6, per_second=20, call_s=0.3, sound=str(sound))
    found = await asyncio.to_thread(Load(plan).run)
    assert (found["answered"], found["failed"], found["ended_by_far_end"]) == (6, 0, 0)
    assert found["packets"] > 6
    assert endpoint.counters["legs"] == 0
    await endpoint.stop()


async def test_refused_calls_have_failed() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    endpoint.on_call(_refuse)
    await endpoint.start()
    found = await asyncio.to_thread(Load(Plan(endpoint.address[1], 0, 2, call_s=0.2)).run)
    await endpoint.stop()
    assert (found["answered"], found["failed"]) == (0, 2)


def test_what_is_made_of_arrivals(ports: PortRange) -> None:
    pair = ports.reserve()
    call = Call(1, pair, 0)
    call.arrived = array("q", [0, 20 * MS, 40 * MS, 75 * MS, 80 * MS])
    call.numbers = array("H", [65_534, 65_535, 0, 3, 4])
    found = streams([call], window_s=0.1)
    pair.close()
    assert found["received"] == 5
    assert found["lost"] == 2
    assert found["in_time"] == 3
    assert found["rate_worst"] == 50
    assert found["gap_ms"]["worst"] == 35


def test_processor_time_grows() -> None:
    before = processor_s(os.getpid())
    sum(number * number for number in range(1_000_000))
    assert processor_s(os.getpid()) >= before
