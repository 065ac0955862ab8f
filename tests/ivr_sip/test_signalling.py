"""What aiosipua alone gets wrong (DESIGN §4), and hostile datagrams: said by hand over UDP."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from config.settings import Settings
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg, DialFailed
from ivr.sip.factory import make_endpoint
from ivr.sip.pyvoip_endpoint import PyVoipEndpoint
from tests.ivr_sip.wire import OFFER, Wire, header, status, tag_of

OFFERED = OFFER.format(port=40_000)


class Answering:
    """An endpoint that answers everything and keeps its legs."""

    def __init__(self, backend: Literal["aiosipua", "pyvoip"], data: Path) -> None:
        settings = Settings(data_dir=data, sip_port=0, rtp_port_low=0, rtp_port_high=0)
        self.endpoint = make_endpoint(settings, backend)
        self.legs: list[CallLeg] = []
        self.answering = True
        self.endpoint.on_call(self._take)

    async def _take(self, leg: CallLeg) -> None:
        self.legs.append(leg)
        if self.answering:
            await leg.answer()
        await leg.wait_ended()

    @property
    def remembered(self) -> int:
        """Calls that the SIP library still holds."""
        if isinstance(self.endpoint, AiosipuaEndpoint):
            return len(self.endpoint.server.active_calls)
        return self.endpoint.calls_held if isinstance(self.endpoint, PyVoipEndpoint) else -1


@pytest.fixture(params=["aiosipua", "pyvoip"])
async def answering(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Answering]:
    one = Answering(request.param, tmp_path)
    await one.endpoint.start()
    yield one
    await one.endpoint.stop()


@pytest.fixture
async def wire(answering: Answering) -> AsyncIterator[Wire]:
    line = Wire(answering.endpoint.address)
    yield line
    line.close()


async def establish(wire: Wire) -> str:
    """INVITE … ACK; returns the far end's tag."""
    wire.send(wire.request("INVITE", body=OFFERED))
    answer = await wire.final()
    assert status(answer) == 200
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag_of(answer)))
    return tag_of(answer)


async def is_alive(wire: Wire) -> bool:
    wire.send(wire.request("OPTIONS", branch=f"z9hG4bK-{random.random()}", call="alive"))  # noqa: S311  # a label
    while True:
        answer = await wire.answer()
        if header(answer, "CSeq").endswith("OPTIONS"):
            return status(answer) == 200


async def test_a_repeated_invite_is_one_call_with_one_answer(answering: Answering, wire: Wire) -> None:
    invite = wire.request("INVITE", body=OFFERED)
    wire.send(invite)
    first = await wire.final()
    wire.send(invite)
    assert await wire.final() == first
    assert len(answering.legs) == 1


async def test_a_second_invite_with_the_same_call_id_is_no_new_call(answering: Answering, wire: Wire) -> None:
    answering.answering = False
    wire.send(wire.request("INVITE", body=OFFERED))
    assert status(await wire.answer()) == 100
    assert status(await wire.answer()) == 180
    wire.send(wire.request("INVITE", body=OFFERED, branch="z9hG4bK-other"))
    assert status(await wire.final()) == 482
    assert len(answering.legs) == 1


@pytest.mark.parametrize(
    "offer",
    [
        "",
        OFFERED.replace("RTP/AVP", "RTP/SAVP"),
        OFFERED.replace("RTP/AVP 8 101", "RTP/AVP 18").replace("a=rtpmap:101 telephone-event/8000\r\n", ""),
        OFFERED.replace("m=audio 40000", "m=audio 0"),
        OFFERED.replace("m=audio 40000", "m=audio 99999"),
        OFFERED.replace("m=audio 40000", "m=audio none"),
        OFFERED.replace("m=audio", "m=video"),
        OFFERED.replace("c=IN IP4 127.0.0.1", "c=IN IP4 media.example.invalid"),
        "no SDP at all",
    ],
    ids=["none", "SAVP", "G.729", "port 0", "port 99999", "port none", "video", "host name", "no SDP"],
)
async def test_an_offer_we_cannot_take_is_488(answering: Answering, wire: Wire, offer: str) -> None:
    wire.send(wire.request("INVITE", body=offer))
    assert status(await wire.final()) == 488
    assert not answering.legs
    assert answering.remembered == 0


async def test_info_is_answered_and_its_key_heard(answering: Answering, wire: Wire) -> None:
    tag = await establish(wire)
    relay = "application/dtmf-relay"
    wire.send(
        wire.request("INFO", branch="z9hG4bK-i1", to_tag=tag, number=2, kind=relay, body="Signal=0\r\nDuration=160")
    )
    assert status(await wire.final()) == 200
    wire.send(wire.request("INFO", branch="z9hG4bK-i2", to_tag=tag, number=3, kind="application/dtmf", body="11"))
    assert status(await wire.final()) == 200
    wire.send(wire.request("INFO", branch="z9hG4bK-i3", to_tag=tag, number=4, kind="text/plain", body="5"))
    assert status(await wire.final()) == 200
    keys = answering.legs[0].dtmf()
    assert [await anext(keys), await anext(keys)] == ["0", "#"]


async def test_requests_outside_a_call(wire: Wire) -> None:
    for number, (method, expected) in enumerate(
        {
            "OPTIONS": 200,
            "REGISTER": 405,
            "MESSAGE": 405,
            "SUBSCRIBE": 405,
            "INFO": 481,
            "BYE": 481,
            "CANCEL": 481,
        }.items()
    ):
        wire.send(wire.request(method, branch=f"z9hG4bK-{number}", call=f"outside-{number}"))
        answer = await wire.answer()
        assert (method, status(answer)) == (method, expected)
        if expected == 405:
            assert "INVITE" in header(answer, "Allow")


async def test_cancel_ends_a_ringing_call(answering: Answering, wire: Wire) -> None:
    answering.answering = False
    wire.send(wire.request("INVITE", body=OFFERED))
    assert status(await wire.answer()) == 100
    assert status(await wire.answer()) == 180
    wire.send(wire.request("CANCEL"))
    answers = {header(answer, "CSeq"): answer for answer in (await wire.final(), await wire.final())}
    assert status(answers["1 CANCEL"]) == 200
    assert status(answers["1 INVITE"]) == 487
    assert await answering.legs[0].wait_ended() == "remote"
    assert answering.remembered == 0


async def test_a_refusal_is_repeated_until_it_is_acknowledged(answering: Answering, wire: Wire) -> None:
    answering.endpoint.on_call(lambda leg: leg.reject(603))
    wire.send(wire.request("INVITE", body=OFFERED))
    refusal = await wire.final()
    assert status(refusal) == 603
    assert await wire.final() == refusal
    wire.send(wire.request("ACK", to_tag=tag_of(refusal)))
    assert await wire.silent(1.2)
    assert answering.remembered == 0


@pytest.mark.parametrize(("code", "after_s", "said"), [(503, 30, "30"), (486, None, ""), (503, None, "")])
async def test_a_refusal_says_when_to_come_back(
    answering: Answering, wire: Wire, code: int, after_s: int | None, said: str
) -> None:
    answering.endpoint.on_call(lambda leg: leg.reject(code, retry_after_s=after_s))
    wire.send(wire.request("INVITE", body=OFFERED))
    refusal = await wire.final()
    assert (status(refusal), header(refusal, "Retry-After")) == (code, said)


async def test_our_bye_is_repeated_until_answered_and_the_call_forgotten(answering: Answering, wire: Wire) -> None:
    await establish(wire)
    hanging_up = asyncio.create_task(answering.legs[0].hangup())
    bye = await wire.answer()
    assert bye.startswith("BYE")
    assert await wire.answer() == bye
    wire.send(
        "SIP/2.0 200 OK\r\n"
        + "\r\n".join(f"{name}: {header(bye, name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        + "\r\nContent-Length: 0\r\n\r\n"
    )
    assert await wire.silent(1.2)
    await hanging_up
    assert answering.remembered == 0


async def test_a_bye_that_crosses_ours_is_answered(answering: Answering, wire: Wire) -> None:
    tag = await establish(wire)
    await answering.legs[0].hangup()
    wire.send(wire.request("BYE", branch="z9hG4bK-bye", to_tag=tag, number=2))
    while not (answer := await wire.answer()).startswith("SIP/2.0"):
        pass
    assert status(answer) == 200


async def test_a_repeated_bye_gets_the_same_answer(answering: Answering, wire: Wire) -> None:
    tag = await establish(wire)
    bye = wire.request("BYE", branch="z9hG4bK-bye", to_tag=tag, number=2)
    wire.send(bye)
    first = await wire.final()
    wire.send(bye)
    assert status(first) == 200
    assert await wire.final() == first
    assert await answering.legs[0].wait_ended() == "remote"


async def test_a_wrong_tag_does_not_end_the_call(answering: Answering, wire: Wire) -> None:
    await establish(wire)
    wire.send(wire.request("BYE", branch="z9hG4bK-bye", to_tag="somebody-else", number=2))
    assert status(await wire.final()) == 481
    assert not answering.legs[0].ended


async def test_required_extensions_are_refused_by_name(answering: Answering, wire: Wire) -> None:
    wire.send(wire.request("INVITE", body=OFFERED, more="Require: 100rel\r\n"))
    answer = await wire.final()
    assert (status(answer), header(answer, "Unsupported")) == (420, "100rel")
    assert not answering.legs


async def test_a_reinvite_moves_and_holds_the_sound(answering: Answering, wire: Wire) -> None:
    tag = await establish(wire)
    held = OFFERED + "a=sendonly\r\n"
    wire.send(wire.request("INVITE", branch="z9hG4bK-hold", to_tag=tag, number=2, body=held))
    answer = await wire.final()
    assert status(answer) == 200
    assert "a=recvonly" in answer
    wire.send(wire.request("ACK", branch="z9hG4bK-ack2", to_tag=tag, number=2))
    sent = answering.legs[0].stats["packets_sent"]
    await asyncio.sleep(0.2)
    assert answering.legs[0].stats["packets_sent"] <= sent + 1
    refused = OFFERED.replace("RTP/AVP 8 101", "RTP/AVP 0")
    wire.send(wire.request("INVITE", branch="z9hG4bK-codec", to_tag=tag, number=3, body=refused))
    assert status(await wire.final()) == 488
    assert not answering.legs[0].ended


async def test_a_via_port_that_does_not_exist_is_answered_and_harms_nobody(wire: Wire) -> None:
    wire.send(wire.request("OPTIONS", via_port=70_000))
    assert status(await wire.answer()) == 200
    wire.send(wire.request("OPTIONS", via_port=99_999_999, branch="z9hG4bK-2").replace(";rport", ""))
    assert status(await wire.answer()) == 200
    assert await is_alive(wire)


async def test_answers_go_only_to_where_the_request_came_from(wire: Wire) -> None:
    elsewhere = Wire(wire.target)
    request = wire.request("OPTIONS").replace(";rport", f";received=192.0.2.1;rport={elsewhere.port}")
    wire.send(request)
    assert status(await wire.answer()) == 200
    assert await elsewhere.silent(0.2)
    elsewhere.close()


TORTURE = {
    "empty": b"",
    "keep-alive": b"\r\n\r\n",
    "zero": b"\0",
    "binary": bytes(range(256)),
    "request line only": b"INVITE sip:a@b SIP/2.0\r\n\r\n",
    "no version": b"INVITE sip:a@b\r\n\r\n",
    "status line only": b"SIP/2.0 200 OK\r\n\r\n",
    "status not a number": b"SIP/2.0 abc OK\r\n\r\n",
    "status without code": b"SIP/2.0\r\n\r\n",
    "no headers": b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\r\n",
    "cseq not a number": b"CSeq: abc INVITE",
    "cseq huge": b"CSeq: 99999999999999999999 INVITE",
    "via not a via": b"Via: nonsense",
    "via negative port": b"Via: SIP/2.0/UDP 127.0.0.1:-5;branch=z9hG4bKn",
    "via name": b"Via: SIP/2.0/UDP no.such.host.invalid:5060;branch=z9hG4bKh",
    "via without branch": b"Via: SIP/2.0/UDP 127.0.0.1:9",
    "300 headers": b"\r\n".join(b"X-%d: y" % n for n in range(300)),
    "header without colon": b"nonsense",
    "line breaks in header": b"From: <sip:a@b>\r\n ;tag=x\r\n\t;more",
    "content length too long": b"Content-Length: 99999",
    "content length negative": b"Content-Length: -1",
    "content length not a number": b"Content-Length: x",
    "not utf-8": b"From: \xff\xfe\xfd <sip:a@b>;tag=1",
    "angle brackets": b"To: <<<<>>>>",
    "quotes": b'From: "unclosed <sip:a@b>;tag=1',
    "long header": b"X: " + b"a" * 60_000,
    "unknown method": b"",
}


async def test_broken_datagrams_leave_the_endpoint_alive(answering: Answering, wire: Wire) -> None:
    for name, broken in TORTURE.items():
        wire.send(broken)
        for method in ("INVITE", "BYE", "ACK", "INFO", "CANCEL", "NOTIFY", "PRACK", "UPDATE", "REFER", "FROB"):
            good = wire.request(method, body=OFFERED, branch=f"z9hG4bK-{method}-{name}".replace(" ", "-"), call=name)
            head, _, body = good.encode().partition(b"\r\n\r\n")
            field = broken.split(b":")[0].lower()
            kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(field + b":")]
            wire.send(b"\r\n".join([*kept, broken]) + b"\r\n\r\n" + body)
        assert await is_alive(wire), name


async def test_random_datagrams_leave_the_endpoint_alive(answering: Answering, wire: Wire) -> None:
    good = wire.request("INVITE", body=OFFERED).encode()
    draw = random.Random(12345)  # noqa: S311  # a repeatable test, no secret
    for _ in range(300):
        broken = bytearray(good)
        for _ in range(draw.randint(1, 30)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        wire.send(bytes(broken[: draw.randint(1, len(broken))]))
        wire.send(os.urandom(draw.randint(1, 200)))
    await asyncio.sleep(0.3)
    assert await is_alive(wire)


async def test_a_lost_socket_is_opened_again_on_the_same_port() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0, watchdog_period_s=0.1)
    await endpoint.start()
    line = Wire(endpoint.address)
    try:
        socket = endpoint._transport._udp_transport
        assert socket is not None
        socket.abort()
        for _ in range(50):
            await asyncio.sleep(0.1)
            if endpoint.counters["reopened"]:
                break
        assert endpoint.counters["reopened"] == 1
        assert await is_alive(line)
    finally:
        line.close()
        await endpoint.stop()


async def test_an_unanswered_invite_is_repeated_and_given_up() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    await endpoint.start()
    deaf = Wire(endpoint.address)
    dialling = asyncio.create_task(endpoint.dial(f"sip:8001@127.0.0.1:{deaf.port}", timeout_s=1.2))
    first = await deaf.answer()
    assert first.startswith("INVITE")
    assert await deaf.answer() == first
    with pytest.raises(DialFailed) as failure:
        await dialling
    assert failure.value.code == 408
    deaf.close()
    await endpoint.stop()


async def test_an_answer_that_comes_after_giving_up_is_taken_and_ended() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    await endpoint.start()
    late = Wire(endpoint.address)
    dialling = asyncio.create_task(endpoint.dial(f"sip:8001@127.0.0.1:{late.port}", timeout_s=0.2))
    invite = await late.answer()
    with pytest.raises(DialFailed):
        await dialling
    copied = "".join(f"{name}: {header(invite, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    late.send(f"SIP/2.0 200 OK\r\n{copied}To: {header(invite, 'To')};tag=late\r\n"
              f"Contact: <sip:8001@127.0.0.1:{late.port}>\r\nContent-Length: 0\r\n\r\n")  # fmt: skip
    assert (await late.answer()).startswith("ACK")
    assert (await late.answer()).startswith("BYE")
    late.close()
    await endpoint.stop()


async def test_a_refused_call_is_acknowledged() -> None:
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    await endpoint.start()
    busy = Wire(endpoint.address)
    dialling = asyncio.create_task(endpoint.dial(f"sip:8001@127.0.0.1:{busy.port}", timeout_s=2))
    invite = await busy.answer()
    copied = "".join(f"{name}: {header(invite, name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    busy.send(f"SIP/2.0 486 Busy Here\r\n{copied}To: {header(invite, 'To')};tag=busy\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(DialFailed) as failure:
        await dialling
    assert failure.value.code == 486
    ack = await busy.answer()
    assert ack.startswith("ACK")
    assert header(ack, "Via") == header(invite, "Via")
    assert tag_of(ack) == "busy"
    busy.close()
    await endpoint.stop()
