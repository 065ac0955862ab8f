"""The contract suite's other half: what is said to both back ends by hand, over UDP."""

import asyncio

import pytest

from tests.ivr_sip.wire import OFFER, OFFERED, Answering, Ear, Wire, establish, header, status

NOWHERE = "0.0.0.0"  # noqa: S104  # RFC 3264 §8.4: the old way to ask for hold
HOLDS = {
    "sendonly": ("a=sendonly\r\n", "a=recvonly"),
    "inactive": ("a=inactive\r\n", "a=inactive"),
    NOWHERE: ("", "a=inactive"),
}


async def test_hold_and_resume(answering: Answering, wire: Wire) -> None:
    ear = Ear()
    described = OFFER.format(port=ear.port)
    tag = await establish(wire, described)
    await ear.packet()
    number = 1
    for name, (direction, answered) in HOLDS.items():
        held = described.replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {NOWHERE}") if name == NOWHERE else described
        for body, expected in ((held + direction, answered), (described, "a=sendrecv")):
            number += 1
            wire.send(wire.request("INVITE", branch=f"z9hG4bK-{number}", to_tag=tag, number=number, body=body))
            answer = await wire.final()
            assert (status(answer), expected in answer) == (200, True), name
            wire.send(wire.request("ACK", branch=f"z9hG4bK-a{number}", to_tag=tag, number=number))
            ear.drain()
            if body != described:
                sent = answering.legs[0].stats["packets_sent"]
                await asyncio.sleep(0.15)
                assert answering.legs[0].stats["packets_sent"] <= sent + 1, name
        ear.drain()
        await ear.packet()
    assert not answering.legs[0].ended
    ear.close()


async def test_a_renegotiation_we_cannot_follow_leaves_the_call_as_it_was(answering: Answering, wire: Wire) -> None:
    tag = await establish(wire)
    refused = OFFERED.replace("RTP/AVP 8 101", "RTP/AVP 0")
    wire.send(wire.request("INVITE", branch="z9hG4bK-codec", to_tag=tag, number=3, body=refused))
    assert status(await wire.final()) == 488
    assert not answering.legs[0].ended


async def test_options_are_answered(answering: Answering, wire: Wire) -> None:
    wire.send(wire.request("OPTIONS"))
    answer = await wire.final()
    assert status(answer) == 200
    allowed = "".join(line for line in answer.split("\r\n") if line.startswith("Allow:"))
    assert all(method in allowed for method in ("INVITE", "CANCEL", "BYE", "INFO", "UPDATE", "NOTIFY"))


async def test_options_within_a_call_say_whether_it_is_up(answering: Answering, wire: Wire) -> None:
    """An edge asks so whether a node that was restarted still has the call, draining or not."""
    tag = await establish(wire)
    answering.endpoint.drain()
    for number, (to_tag, code) in enumerate(((tag, 200), ("of-a-former-life", 481))):
        wire.send(wire.request("OPTIONS", branch=f"z9hG4bK-o{number}", to_tag=to_tag, number=1))
        assert status(await wire.final()) == code
    await answering.legs[0].hangup()
    wire.send(wire.request("OPTIONS", branch="z9hG4bK-o9", to_tag=tag, number=1))
    while header(answer := await wire.answer(), "CSeq") != "1 OPTIONS":
        pass
    assert status(answer) == 481


async def test_a_draining_node_tells_those_who_probe(answering: Answering, wire: Wire) -> None:
    answering.endpoint.drain()
    wire.send(wire.request("OPTIONS"))
    answer = await wire.final()
    assert (status(answer), header(answer, "Retry-After")) == (503, "30")


async def test_a_repeated_invite_is_one_call_with_one_answer(answering: Answering, wire: Wire) -> None:
    invite = wire.request("INVITE", body=OFFERED)
    wire.send(invite)
    first = await wire.final()
    wire.send(invite)
    assert await wire.final() == first
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
