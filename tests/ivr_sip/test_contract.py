"""One suite for every SIP back end: real UDP, real RTP, on loopback.

The far end is an aiosipua endpoint; the other half of the suite, :mod:`tests.ivr_sip.test_contract_by_hand`, says to both
back ends by hand what no decent user agent would say. There is nothing that the pyVoIP back end cannot be made to do: what pyVoIP itself lacks (OPTIONS, CANCEL → 487, REFER, UPDATE, 16 bits, A-law, …)
is done by the subclasses, so every test here runs against both.
"""

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from aiosipua import IncomingCall
from aiosipua.refer import notify_refer

from config.settings import Settings
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import FRAME_BYTES, FRAME_SAMPLES, CallLeg, DialFailed, SipEndpoint
from ivr.sip.factory import make_endpoint
from tests.ivr_sip.wire import Wire

BACKENDS: Final = ("aiosipua", "pyvoip")
HOST: Final = "127.0.0.1"
LAWS: Final = ("PCMA", "PCMU")


def tone(hertz: float, ms: int, level: int = 8000) -> bytes:
    samples = [round(level * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(8 * ms)]
    return struct.pack(f"<{len(samples)}h", *samples)


def strength(pcm: bytes, hertz: float) -> float:
    """Amplitude of ``hertz`` in ``pcm``."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    real = sum(s * math.cos(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / max(1, len(samples))


async def listen(leg: CallLeg, frames: int) -> bytes:
    heard = bytearray()
    async for frame in leg.frames():
        heard += frame
        if len(heard) >= frames * FRAME_BYTES:
            break
    return bytes(heard)


@pytest.fixture(params=BACKENDS)
async def endpoint(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SipEndpoint]:
    settings = Settings(data_dir=tmp_path, sip_port=0, rtp_port_low=0, rtp_port_high=0)
    under_test = make_endpoint(settings, backend=request.param)
    await under_test.start()
    yield under_test
    await under_test.stop()


@pytest.fixture
async def phone() -> AsyncIterator[AiosipuaEndpoint]:
    far_end = AiosipuaEndpoint(HOST, 0)
    await far_end.start()
    yield far_end
    await far_end.stop()


def uri(endpoint: SipEndpoint, user: str = "12345") -> str:
    return f"sip:{user}@{endpoint.address[0]}:{endpoint.address[1]}"


class Line:
    """An answered call: ``ours`` at the endpoint under test, ``theirs`` at the phone."""

    ours: CallLeg
    theirs: CallLeg


async def connect(endpoint: SipEndpoint, phone: AiosipuaEndpoint, caller: str = "13800138000") -> Line:
    arrived: asyncio.Future[CallLeg] = asyncio.get_running_loop().create_future()

    async def take(leg: CallLeg) -> None:
        await leg.answer()
        arrived.set_result(leg)
        await leg.wait_ended()

    endpoint.on_call(take)
    line = Line()
    line.theirs = await phone.dial(uri(endpoint), caller=caller, timeout_s=5)
    line.ours = await arrived
    return line


async def test_answers_and_knows_who_called_whom(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone, caller="+8613800138000")
    assert line.ours.number == "13800138000"
    assert line.ours.called == "12345"
    assert line.ours.call_id == line.theirs.call_id
    assert line.ours.codec == line.theirs.codec == "PCMA"


def noise_ratio(pcm: bytes, hertz: float) -> float:
    """Signal to noise in dB of a tone: the median of its frames, each fitted in level and phase by itself."""
    frames = np.frombuffer(pcm, np.int16).astype(np.float64).reshape(-1, FRAME_SAMPLES)
    angle = 2 * math.pi * hertz * np.arange(FRAME_SAMPLES) / 8000
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    fitted = frames @ basis @ np.linalg.inv(basis.T @ basis) @ basis.T
    sounding = (frames**2).sum(axis=1) > 0
    signal, noise = (fitted[sounding] ** 2).sum(axis=1), ((frames - fitted)[sounding] ** 2).sum(axis=1)
    return float(np.median(10 * np.log10(signal / np.maximum(noise, 1e-9))))


@pytest.mark.parametrize("law", LAWS)
async def test_sound_goes_both_ways_at_16_bits_in_both_laws(endpoint: SipEndpoint, law: str) -> None:
    """Measured: 39 dB of a loud and 33 dB of a quiet caller; cut to 8 bits the quiet one has 3 dB (DESIGN §4)."""
    phone = AiosipuaEndpoint(HOST, 0, codecs=(law, *(other for other in LAWS if other != law)))
    await phone.start()
    try:
        line = await connect(endpoint, phone)
        assert line.ours.codec == line.theirs.codec == law
        for level, least_db in ((8000, 37), (300, 32)):
            line.ours.play(tone(437, 800, level))
            line.theirs.play(tone(703, 800, level))
            at_phone, here = await asyncio.gather(listen(line.theirs, 30), listen(line.ours, 30))
            assert noise_ratio(at_phone, 437) > least_db
            assert noise_ratio(here, 703) > least_db
            line.ours.flush()
            line.theirs.flush()
    finally:
        await phone.stop()


async def test_mark_tells_when_the_first_packet_leaves(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    left: list[str] = []
    line.ours.play(tone(440, 100), mark=lambda: left.append("first"))
    line.ours.play(tone(440, 100), mark=lambda: left.append("second"))
    assert left == []
    await line.ours.drained()
    assert left == ["first", "second"]


async def test_flush_drops_what_has_not_left(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    marked: list[bool] = []
    line.ours.play(tone(440, 1000) * 60)
    line.ours.play(tone(440, 100), mark=lambda: marked.append(True))
    assert line.ours.queued_ms > 59_000
    assert line.ours.flush() > 59_000
    assert line.ours.queued_ms == 0
    await line.ours.drained()
    assert not marked


@pytest.mark.parametrize("key", ["0", "#", "D"])
async def test_a_key_arrives_once(endpoint: SipEndpoint, phone: AiosipuaEndpoint, key: str) -> None:
    line = await connect(endpoint, phone)
    keys = line.ours.dtmf()
    await line.theirs.send_dtmf(key)
    await line.theirs.send_dtmf("1")
    assert [await anext(keys), await anext(keys)] == [key, "1"]
    await line.ours.send_dtmf("5")
    assert await anext(line.theirs.dtmf()) == "5"


async def test_keys_pressed_before_anyone_listens_are_kept(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    await line.theirs.send_dtmf("0")
    await listen(line.ours, 5)
    assert await anext(line.ours.dtmf()) == "0"


async def test_the_caller_hangs_up(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    await line.theirs.hangup()
    assert await line.ours.wait_ended() == "remote"
    assert await line.theirs.wait_ended() == "local"
    assert [frame async for frame in line.ours.frames()] == []


async def test_we_hang_up(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    await line.ours.hangup()
    assert await line.theirs.wait_ended() == "remote"
    line.ours.play(tone(440, 20))
    assert line.ours.flush() == 0
    await line.ours.hangup()


async def test_a_call_is_refused(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    async def refuse(leg: CallLeg) -> None:
        await leg.reject(603)

    endpoint.on_call(refuse)
    with pytest.raises(DialFailed) as failure:
        await phone.dial(uri(endpoint), timeout_s=5)
    assert failure.value.code == 603


async def test_dial_rings_and_connects(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    rang = asyncio.Event()

    async def answer_once_it_rang(leg: CallLeg) -> None:
        await rang.wait()
        await leg.answer()
        await leg.wait_ended()

    phone.on_call(answer_once_it_rang)
    leg = await endpoint.dial(uri(phone, "8001"), caller="12345", timeout_s=5, on_ringing=rang.set)
    assert not leg.ended
    await leg.hangup()


async def test_dial_fails_with_the_answer(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    async def busy(leg: CallLeg) -> None:
        await leg.reject(486)

    phone.on_call(busy)
    with pytest.raises(DialFailed) as failure:
        await endpoint.dial(uri(phone), timeout_s=5)
    assert failure.value.code == 486


async def test_dial_gives_up_and_the_other_side_stops_ringing(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def never_answer(leg: CallLeg) -> None:
        ended.set_result(await leg.wait_ended())

    phone.on_call(never_answer)
    with pytest.raises(DialFailed) as failure:
        await endpoint.dial(uri(phone), timeout_s=0.3)
    assert failure.value.code == 408
    assert await ended == "remote"


async def test_two_legs_are_bridged(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    async def agent(leg: CallLeg) -> None:
        await leg.answer()
        leg.play(tone(850, 4000))
        await leg.wait_ended()

    line = await connect(endpoint, phone)
    phone.on_call(agent)
    second = await endpoint.dial(uri(phone, "8001"), timeout_s=5)
    bridged = asyncio.create_task(line.ours.bridge(second))
    heard = await listen(line.theirs, 60)
    assert strength(heard[-8000:], 850) > 5000
    await line.theirs.hangup()
    await bridged
    assert not second.ended
    await second.hangup()


async def test_an_agent_who_cannot_be_reached(endpoint: SipEndpoint) -> None:
    nobody = Wire(endpoint.address)
    port = nobody.port
    nobody.close()
    for target, code in ((f"sip:8001@{HOST}:{port}", 408), ("sip:8001@no.such.host.invalid", 404), ("tel:8001", 404)):
        with pytest.raises(DialFailed) as failure:
            await endpoint.dial(target, timeout_s=0.3)
        assert failure.value.code == code


async def test_counts_packets(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    await listen(line.ours, 25)
    assert line.ours.stats["packets_sent"] > 20
    assert line.ours.stats["packets_received"] > 15
    assert line.ours.stats["packets_lost"] == 0
    await line.ours.hangup()
    assert line.ours.stats["packets_sent"] > 20


async def test_stop_hangs_up_and_frees_the_port(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    port = endpoint.address[1]
    await endpoint.stop()
    assert await line.theirs.wait_ended() == "remote"
    again = AiosipuaEndpoint(HOST, port)
    await again.start()
    await again.stop()


async def test_a_call_is_transferred_by_refer(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    asked: list[str] = []

    def transfer(call: IncomingCall, target: str) -> None:
        asked.append(target)
        notify_refer(call, 180)
        notify_refer(call, 200)

    phone.server.on_refer = transfer
    assert await line.ours.refer("sip:8001@127.0.0.1:5070")
    assert asked == ["sip:8001@127.0.0.1:5070"]


async def test_a_transfer_that_nobody_takes_leaves_the_call_up(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    phone.server.on_refer = lambda call, target: notify_refer(call, 486)
    assert await line.ours.refer("sip:8001@127.0.0.1:5070") is False
    assert not line.ours.ended
    assert not line.theirs.ended


async def test_a_far_end_that_takes_the_caller_and_hangs_up_has_transferred(
    endpoint: SipEndpoint, phone: AiosipuaEndpoint
) -> None:
    line = await connect(endpoint, phone)
    leaving: list[asyncio.Task[None]] = []
    phone.server.on_refer = lambda call, target: leaving.append(asyncio.create_task(line.theirs.hangup()))
    assert await line.ours.refer("sip:8001@127.0.0.1:5070")
    assert await line.ours.wait_ended() == "remote"
    await asyncio.gather(*leaving)


async def test_a_far_end_that_takes_no_refer_is_no_transfer(endpoint: SipEndpoint, phone: AiosipuaEndpoint) -> None:
    line = await connect(endpoint, phone)
    assert await line.ours.refer("sip:8001@127.0.0.1:5070") is False
    assert not line.ours.ended
