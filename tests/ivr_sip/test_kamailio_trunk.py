"""A trunk that we did not write: registration, calls both ways through its proxy, and an outage of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from config.settings import Settings
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg, SipEndpoint
from ivr.sip.digest import Account
from ivr.sip.factory import make_endpoint
from ivr.sip.trunk import Trunk
from tests.conftest import Need
from tests.ivr_sip.kamailio_trunk import DOMAIN, PASSWORD, KamailioTrunk


@pytest.fixture
async def trunk(need: Need, tmp_path: Path) -> AsyncIterator[KamailioTrunk]:
    one = KamailioTrunk(need("/usr/sbin/kamailio", "sudo apt-get install -y kamailio"), tmp_path)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture(params=["aiosipua", "pyvoip"])
async def hotline(
    request: pytest.FixtureRequest, trunk: KamailioTrunk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SipEndpoint]:
    monkeypatch.setenv("HOTLINE_SECRET_SIP", PASSWORD)
    settings = Settings(
        data_dir=tmp_path,
        sip_port=0,
        rtp_port_low=0,
        rtp_port_high=0,
        sip_registrar=trunk.address,
        sip_user=f"12345@{DOMAIN}",
    )
    one = make_endpoint(settings, request.param)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def subscriber(trunk: KamailioTrunk) -> AsyncIterator[AiosipuaEndpoint]:
    """Somebody whose line the operator also registers."""
    account = Account("8001", DOMAIN, "8001", PASSWORD)
    one = AiosipuaEndpoint("127.0.0.1", 0, trunk=Trunk(trunk.address, trunk.address, account))
    await one.start()
    yield one
    await one.stop()


async def until(what: Callable[[], object], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110  # the registration has no event to wait for
            await asyncio.sleep(0.05)


def answering(endpoint: SipEndpoint) -> "asyncio.Queue[CallLeg]":
    taken: asyncio.Queue[CallLeg] = asyncio.Queue()

    async def take(leg: CallLeg) -> None:
        await leg.answer()
        taken.put_nowait(leg)
        await leg.wait_ended()

    endpoint.on_call(take)
    return taken


async def test_calls_both_ways_through_a_trunk_with_registration(
    hotline: SipEndpoint, subscriber: AiosipuaEndpoint
) -> None:
    await until(lambda: hotline.registered and subscriber.registered)
    incoming, at_subscriber = answering(hotline), answering(subscriber)

    theirs = await subscriber.dial("tel:12345", caller="13800138000", timeout_s=5)
    ours = await incoming.get()
    assert (ours.number, ours.called) == ("13800138000", "12345")
    assert any(name.lower() == "record-route" for name in ours.headers)
    await ours.hangup()
    assert await theirs.wait_ended() == "remote"

    theirs = await subscriber.dial("tel:12345", timeout_s=5)
    ours = await incoming.get()
    await theirs.hangup()
    assert await ours.wait_ended() == "remote"

    ours = await hotline.dial("tel:8001", timeout_s=5)
    theirs = await at_subscriber.get()
    await ours.hangup()
    assert await theirs.wait_ended() == "remote"


@pytest.mark.parametrize("hotline", ["aiosipua"], indirect=True)
async def test_after_an_outage_of_the_trunk_calls_come_in_again(
    hotline: SipEndpoint, trunk: KamailioTrunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trunk forgets who was registered; the node notices by itself."""
    monkeypatch.setattr("ivr.sip.registration.REFRESH_AT_MOST_S", 0.2)
    monkeypatch.setattr("ivr.sip.registration.ANSWER_WITHIN_S", 0.5)
    await hotline.stop()
    await hotline.start()
    await until(lambda: hotline.registered)
    assert isinstance(hotline, AiosipuaEndpoint)
    await trunk.stop()
    await until(lambda: hotline.counters["registration_failures"])
    await trunk.start()
    await until(lambda: not hotline.counters["registration_failures"])
    incoming = answering(hotline)
    citizen = AiosipuaEndpoint("127.0.0.1", 0)
    await citizen.start()
    await citizen.dial(f"sip:12345@{trunk.address}", caller="13800138000", timeout_s=5)
    assert (await incoming.get()).number == "13800138000"
    await citizen.stop()
