"""Calls that we make, against a far end that answers by hand: refusals, late answers, forks, routes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.settings import Settings
from ivr.sip.contract import CallLeg, DialFailed, SipEndpoint
from ivr.sip.factory import make_endpoint
from tests.ivr_sip.wire import OFFERED, Wire, header, lines_of, status, tag_of


@pytest.fixture(params=["aiosipua", "pyvoip"])
async def endpoint(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SipEndpoint]:
    one = make_endpoint(Settings(data_dir=tmp_path, sip_port=0, rtp_port_low=0, rtp_port_high=0), request.param)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def far(endpoint: SipEndpoint) -> AsyncIterator[Wire]:
    line = Wire(endpoint.address)
    yield line
    line.close()


def dialling(endpoint: SipEndpoint, far: Wire, timeout_s: float = 5.0) -> asyncio.Task[CallLeg]:
    return asyncio.create_task(endpoint.dial(f"sip:8001@127.0.0.1:{far.port}", timeout_s=timeout_s))


async def hang_up(leg: CallLeg, far: Wire) -> str:
    """End ``leg``; returns its BYE, which is answered."""
    ending = asyncio.create_task(leg.hangup())
    bye = await far.next("BYE")
    far.reply(bye, 200)
    await ending
    return bye


async def test_an_unanswered_invite_is_repeated_and_given_up(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far, 1.2)
    first = await far.answer()
    assert first.startswith("INVITE")
    assert await far.answer() == first
    with pytest.raises(DialFailed) as failure:
        await call
    assert failure.value.code == 408
    assert await far.silent(1.2), "no CANCEL of what nobody answered (RFC 3261 §9.1), no INVITE any more"


async def test_a_ringing_call_that_is_given_up_is_cancelled(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far, 0.3)
    invite = await far.next("INVITE")
    far.reply(invite, 180)
    cancel = await far.next("CANCEL")
    assert header(cancel, "Via") == header(invite, "Via")
    assert header(cancel, "CSeq") == "1 CANCEL"
    far.reply(cancel, 200)
    far.reply(invite, 487)
    assert header(await far.next("ACK"), "CSeq") == "1 ACK"
    with pytest.raises(DialFailed):
        await call


async def test_a_call_that_shows_life_only_after_it_was_given_up_is_cancelled(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far, 0.2)
    invite = await far.next("INVITE")
    with pytest.raises(DialFailed):
        await call
    far.reply(invite, 180)
    assert header(await far.next("CANCEL"), "CSeq") == "1 CANCEL"


async def test_an_answer_that_comes_after_giving_up_is_taken_and_ended(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far, 0.2)
    invite = await far.next("INVITE")
    with pytest.raises(DialFailed):
        await call
    far.reply(invite, 200, to_tag="late", body=OFFERED)
    assert tag_of(await far.next("ACK")) == "late"
    assert tag_of(await far.next("BYE")) == "late"


async def test_a_call_that_is_given_up_as_it_is_answered_is_ended(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far)
    far.reply(await far.next("INVITE"), 200, body=OFFERED)
    await far.next("ACK")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        leg = await call
        await leg.hangup()  # it was up already
        raise asyncio.CancelledError
    far.reply(await far.next("BYE"), 200)


async def test_a_refused_call_is_acknowledged(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far)
    invite = await far.next("INVITE")
    far.reply(invite, 486, to_tag="busy")
    with pytest.raises(DialFailed) as failure:
        await call
    assert failure.value.code == 486
    ack = await far.answer()
    assert ack.startswith("ACK")
    assert header(ack, "Via") == header(invite, "Via")
    assert tag_of(ack) == "busy"


async def test_an_answer_without_a_codec_of_ours_ends_the_call(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far)
    far.reply(await far.next("INVITE"), 200, body=OFFERED.replace("RTP/AVP 8 101", "RTP/AVP 18"))
    await far.next("ACK")
    far.reply(await far.next("BYE"), 200)
    with pytest.raises(DialFailed) as failure:
        await call
    assert failure.value.code == 488


async def test_a_fork_that_answers_second_is_acknowledged_and_ended(endpoint: SipEndpoint, far: Wire) -> None:
    """RFC 3261 §13.2.2.4: each 2xx makes a dialog of its own; the first keeps the call, the ringing of others counts not."""
    second = Wire(endpoint.address)
    call = dialling(endpoint, far)
    invite = await far.next("INVITE")
    far.reply(invite, 180, to_tag="rang-only")
    far.reply(invite, 200, to_tag="first", body=OFFERED)
    leg = await call
    assert tag_of(await far.next("ACK")) == "first"
    far.reply(invite, 200, to_tag="second", body=OFFERED, contact=f"sip:8002@127.0.0.1:{second.port}")
    ack = await second.next("ACK")
    assert (tag_of(ack), ack.split()[1]) == ("second", f"sip:8002@127.0.0.1:{second.port}")
    assert tag_of(await second.next("BYE")) == "second"
    assert not leg.ended
    far.reply(invite, 200, to_tag="first", body=OFFERED)
    assert tag_of(await far.next("ACK")) == "first", "a repeated 200 is acknowledged again"
    assert tag_of(await hang_up(leg, far)) == "first"
    second.close()


async def test_requests_within_a_call_follow_its_record_route(endpoint: SipEndpoint, far: Wire) -> None:
    proxy = Wire(endpoint.address)
    call = dialling(endpoint, far)
    invite = await far.next("INVITE")
    routes = ["<sip:far.example;lr>", f"<sip:127.0.0.1:{proxy.port};lr;ftag=1>"]
    contact = "sip:8001@192.0.2.7:5099;ob"
    far.reply(invite, 200, more=f"Record-Route: {routes[0]},{routes[1]}\r\n", contact=contact, body=OFFERED)
    ack = await proxy.next("ACK")
    assert (ack.split()[1], lines_of(ack, "Route")) == (contact, routes[::-1])
    bye = await hang_up(await call, proxy)
    assert (bye.split()[1], lines_of(bye, "Route")) == (contact, routes[::-1])
    assert int(header(bye, "CSeq").split()[0]) == int(header(invite, "CSeq").split()[0]) + 1
    proxy.close()


async def test_without_a_route_requests_go_to_the_contact(endpoint: SipEndpoint, far: Wire) -> None:
    desk = Wire(endpoint.address)
    call = dialling(endpoint, far)
    far.reply(await far.next("INVITE"), 200, contact=f"sip:8001@127.0.0.1:{desk.port}", body=OFFERED)
    await desk.next("ACK")
    await hang_up(await call, desk)
    desk.close()


async def test_a_call_of_ours_is_held_and_refreshed_by_update(endpoint: SipEndpoint, far: Wire) -> None:
    call = dialling(endpoint, far)
    invite = await far.next("INVITE")
    far.reply(invite, 200, to_tag="far", body=OFFERED)
    leg = await call
    await far.next("ACK")
    host, port = endpoint.address
    for number, (body, expected) in enumerate(((OFFERED + "a=inactive\r\n", "a=inactive"), ("", "")), start=1):
        content = "Content-Type: application/sdp\r\n" if body else ""
        far.send(
            f"UPDATE sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{far.port};branch=z9hG4bK-u{number};rport\r\n"
            f"From: {header(invite, 'To')};tag=far\r\nTo: {header(invite, 'From')}\r\nCSeq: {number} UPDATE\r\n"
            f"Call-ID: {header(invite, 'Call-ID')}\r\nMax-Forwards: 70\r\nSupported: timer\r\n"
            f"Session-Expires: 600;refresher=uac\r\n{content}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        answer = await far.final()
        assert (status(answer), header(answer, "Session-Expires")) == (200, "600;refresher=uac")
        assert expected in answer
    assert "Content-Type" not in answer
    await hang_up(leg, far)
