"""Calls that come in through an operator's proxies: routes, ``tel:`` URIs, compact headers, SIP-I, session timers."""

import asyncio

import pytest

from tests.ivr_sip.wire import OFFER, OFFERED, Answering, Wire, establish, header, lines_of, status, tag_of


async def test_an_answer_names_the_route_and_our_requests_follow_it(answering: Answering, wire: Wire) -> None:
    """RFC 3261 §12.1.1: the called side takes the Record-Route in order, and copies it into 18x and 2xx."""
    edge = Wire(answering.endpoint.address)
    routes = [f"<sip:127.0.0.1:{edge.port};lr>", "<sip:second.example;lr;x=1>", "<sip:third.example;lr>"]
    more = f"Record-Route: {routes[0]}\r\nRecord-Route: {routes[1]}, {routes[2]}\r\n"
    wire.send(wire.request("INVITE", body=OFFERED, more=more))
    answers = [await wire.answer(), await wire.answer(), await wire.answer()]
    assert [status(answer) for answer in answers] == [100, 180, 200]
    assert [lines_of(answer, "Record-Route") for answer in answers] == [[], routes, routes]
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag_of(answers[-1])))
    ending = asyncio.create_task(answering.legs[0].hangup())
    bye = await edge.next("BYE")
    assert lines_of(bye, "Route") == routes
    assert bye.split()[1] == f"sip:wire@127.0.0.1:{wire.port}"
    assert header(bye, "To").endswith("<sip:13800138000@127.0.0.1>;tag=wire")
    assert header(bye, "From") == header(answers[-1], "To")
    edge.reply(bye, 200)
    await ending
    edge.close()


async def test_a_call_through_a_proxy_that_left_the_path_goes_on_with_the_contact(
    answering: Answering, wire: Wire
) -> None:
    desk = Wire(answering.endpoint.address)
    via = "Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bK-far\r\n"
    invite = wire.request("INVITE", body=OFFERED, more=via)
    wire.send(invite.replace(f"<sip:wire@127.0.0.1:{wire.port}>", f"<sip:wire@127.0.0.1:{desk.port}>"))
    answer = await wire.final()
    assert len(lines_of(answer, "Via")) == 2, "every Via comes back, in order"
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag_of(answer)))
    ending = asyncio.create_task(answering.legs[0].hangup())
    desk.reply(await desk.next("BYE"), 200)
    await ending
    desk.close()


async def test_tel_uris_everywhere(answering: Answering, wire: Wire) -> None:
    caller, called = "<tel:+86-138-0013-8000>", "<tel:12345;phone-context=+86759>"
    invite = wire.request("INVITE", body=OFFERED, caller=caller, called=called)
    wire.send(invite.replace(invite.split()[1], "tel:12345;phone-context=+86759", 1))
    answer = await wire.final()
    assert status(answer) == 200
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag_of(answer), caller=caller, called=called))
    leg = answering.legs[0]
    assert (leg.number, leg.called) == ("13800138000", "12345")
    ending = asyncio.create_task(leg.hangup())
    bye = await wire.next("BYE")
    assert header(bye, "To") == f"{caller};tag=wire"
    assert header(bye, "From").startswith("<tel:12345")
    wire.reply(bye, 200)
    await ending


async def test_compact_and_folded_headers(answering: Answering, wire: Wire) -> None:
    host, port = wire.target
    wire.send(
        f"INVITE sip:12345@{host}:{port} SIP/2.0\r\nv: SIP/2.0/UDP 127.0.0.1:{wire.port}\r\n ;branch=z9hG4bK-c;rport\r\n"
        f"f:   <sip:13800138000@gw>\r\n\t;tag=compact\r\nt:<sip:12345@{host}>\r\ni:compact-call\r\nCSeq:  7   INVITE\r\n"
        f"m: <sip:gw@127.0.0.1:{wire.port}>\r\nk: timer\r\nx: 1800;refresher=uac\r\nP-Asserted-Identity: <tel:02012345678>\r\n"
        f"c: application/sdp\r\nl: {len(OFFERED)}\r\n\r\n{OFFERED}"
    )
    answer = await wire.final()
    assert status(answer) == 200
    assert header(answer, "Session-Expires") == "1800;refresher=uac"
    assert header(answer, "Require") == "timer"
    assert answering.legs[0].number == "02012345678"


async def test_the_sdp_beside_an_isup_message_is_found(answering: Answering, wire: Wire) -> None:
    isup = "--sep\r\nContent-Type: application/ISUP;version=itu-t92+\r\n\r\n\x01\x02\x03\r\n"
    body = f"{isup}--sep\r\nContent-Type: application/sdp\r\n\r\n{OFFERED}\r\n--sep--\r\n"
    wire.send(wire.request("INVITE", body=body, kind='multipart/mixed; boundary="sep"'))
    assert status(await wire.final()) == 200
    wire.send(
        wire.request(
            "INVITE",
            body=f"{isup}--sep--\r\n",
            kind="multipart/mixed;boundary=sep",
            call="isup only",
            branch="z9hG4bK-2",
        )
    )
    answer = await wire.final()
    while header(answer, "Call-ID") != "isup only":
        answer = await wire.final()
    assert status(answer) == 488


async def test_a_reinvite_without_an_offer_gets_ours_and_its_ack_moves_the_sound(
    answering: Answering, wire: Wire
) -> None:
    """Third-party call control: PBXs transfer like this."""
    tag = await establish(wire)
    wire.send(wire.request("INVITE", branch="z9hG4bK-none", to_tag=tag, number=2))
    answer = await wire.final()
    assert status(answer) == 200
    assert "m=audio" in answer
    sound = Wire(wire.target)
    described = OFFER.format(port=sound.port)
    wire.send(wire.request("ACK", branch="z9hG4bK-ack2", to_tag=tag, number=2, body=described))
    assert await sound.answer(), "RTP goes to where the answer says"
    sound.close()


@pytest.mark.parametrize(
    ("asked", "supported", "allow", "expected"),
    [
        ("1800;refresher=uac", "timer", "", "1800;refresher=uac"),
        ("1800", "timer", "", "1800;refresher=uac"),
        ("1800;refresher=uas", "timer", "INVITE, UPDATE", "1800;refresher=uas"),
        ("1800", "", "UPDATE", "1800;refresher=uas"),
        ("1800;refresher=uas", "timer", "INVITE", ""),
        ("nonsense", "timer", "UPDATE", ""),
        ("60", "", "UPDATE", ""),
    ],
)
async def test_session_timers_are_agreed(
    answering: Answering, wire: Wire, asked: str, supported: str, allow: str, expected: str
) -> None:
    more = f"Session-Expires: {asked}\r\n"
    more += f"Supported: {supported}\r\n" if supported else ""
    more += f"Allow: {allow}\r\n" if allow else ""
    wire.send(wire.request("INVITE", body=OFFERED, more=more))
    answer = await wire.final()
    assert (status(answer), header(answer, "Session-Expires")) == (200, expected)


async def test_an_interval_too_short_is_422(answering: Answering, wire: Wire) -> None:
    wire.send(wire.request("INVITE", body=OFFERED, more="Session-Expires: 30\r\nSupported: timer\r\n"))
    answer = await wire.final()
    assert (status(answer), header(answer, "Min-SE")) == (422, "90")
    assert not answering.legs


async def test_a_session_is_refreshed_by_reinvite_and_by_update(answering: Answering, wire: Wire) -> None:
    more = "Session-Expires: 600;refresher=uac\r\nSupported: timer\r\nRequire: timer\r\n"
    wire.send(wire.request("INVITE", body=OFFERED, more=more))
    answer = await wire.final()
    tag = tag_of(answer)
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag))
    for number, (method, body) in enumerate((("INVITE", OFFERED), ("UPDATE", ""), ("UPDATE", OFFERED)), start=2):
        branch = f"z9hG4bK-r{number}"
        wire.send(wire.request(method, branch=branch, to_tag=tag, number=number, body=body, more=more))
        answer = await wire.final()
        assert (status(answer), header(answer, "Session-Expires")) == (200, "600;refresher=uac")
        assert ("m=audio" in answer) == bool(body)
        if method == "INVITE":
            wire.send(wire.request("ACK", branch=f"{branch}a", to_tag=tag, number=number))
    wire.send(wire.request("UPDATE", branch="z9hG4bK-lost", to_tag="nobody", number=9, more=more))
    assert status(await wire.final()) == 481
    assert not answering.legs[0].ended
