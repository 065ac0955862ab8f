"""The agent's phone against a real caller on loopback."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.phones.agent import ANSWER_HZ, ASKED_HZ, AgentPhone, PhonePortTaken, PhoneState
from ivr.phones.citizen import CitizenPhone
from ivr.phones.listening import tone
from ivr.sip.contract import DialFailed

HOST = "127.0.0.1"


@pytest.fixture
async def agent() -> AsyncIterator[AgentPhone]:
    phone = AgentPhone(f"sip:8001@{HOST}:0")
    await phone.start()
    yield phone
    await phone.stop()


@pytest.fixture
async def citizens(agent: AgentPhone) -> AsyncIterator[list[CitizenPhone]]:
    """Two callers who know the agent's number."""
    phones = [CitizenPhone(f"sip:8001@{HOST}:{agent.address[1]}", caller=f"1380000000{n}") for n in (1, 2)]
    for phone in phones:
        await phone.start()
    yield phones
    for phone in phones:
        await phone.hangup()
        await phone.stop()


async def test_it_rings_is_answered_and_both_hear_each_other(
    agent: AgentPhone, citizens: list[CitizenPhone], tmp_path: Path
) -> None:
    rang = asyncio.Event()
    agent.on_ring(rang.set)
    caller = citizens[0]
    dialling = asyncio.create_task(caller.dial())
    await rang.wait()
    assert agent.caller == "13800000001"
    agent.answer()
    await dialling
    assert await caller.is_heard_back()
    assert agent.tones[ASKED_HZ] >= 200
    assert agent.tones[ANSWER_HZ] == 0
    assert agent.levels.heard_dbfs == pytest.approx(-15, abs=1)
    await caller.hangup()
    assert await agent.wait_for(PhoneState.IDLE, 2)
    assert agent.ended_by == "remote"
    agent.recording.save(tmp_path / "call.wav")
    assert (tmp_path / "call.wav").stat().st_size > 12_000


async def test_a_second_caller_hears_busy(agent: AgentPhone, citizens: list[CitizenPhone]) -> None:
    first, second = citizens
    agent.on_ring(agent.answer)
    await first.dial()
    with pytest.raises(DialFailed) as failure:
        await second.dial()
    assert failure.value.code == 486
    await agent.hangup()
    await first.wait(1, lambda: first.ended)
    assert first.ended


async def test_the_receiver_stays_down(agent: AgentPhone, citizens: list[CitizenPhone]) -> None:
    caller = citizens[0]
    agent.on_ring(lambda: hang_up_later.append(asyncio.ensure_future(agent.hangup())))
    hang_up_later: list[asyncio.Future[None]] = []
    with pytest.raises(DialFailed) as failure:
        await caller.dial()
    assert failure.value.code == 486
    assert agent.calls_taken == 0


async def test_two_phones_cannot_lie_at_one_address(agent: AgentPhone) -> None:
    other = AgentPhone(f"sip:8001@{HOST}:{agent.address[1]}")
    with pytest.raises(PhonePortTaken, match="已被占用"):
        await other.start()


async def test_what_it_says_reaches_the_caller(agent: AgentPhone, citizens: list[CitizenPhone]) -> None:
    agent.on_ring(agent.answer)
    caller = citizens[0]
    await caller.dial()
    await agent.wait_for(PhoneState.TALKING, 2)
    agent.say(tone(440, 1200))
    heard = await caller.listen()
    assert len(heard.audio) > 16 * 1200
    assert agent.levels.said_dbfs == pytest.approx(-15, abs=1)
    await caller.hangup()
