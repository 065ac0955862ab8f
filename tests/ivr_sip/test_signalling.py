"""Transactions and calls by the letter of RFC 3261, both back ends: said by hand over UDP."""

import asyncio

import pytest

from tests.ivr_sip.wire import OFFERED, Answering, Wire, establish, header, status, tag_of


async def test_a_second_invite_with_the_same_call_id_is_no_new_call(answering: Answering, wire: Wire) -> None:
    answering.answering = False
    wire.send(wire.request("INVITE", body=OFFERED))
    assert status(await wire.answer()) == 100
    assert status(await wire.answer()) == 180
    wire.send(wire.request("INVITE", body=OFFERED, branch="z9hG4bK-other"))
    assert status(await wire.final()) == 482
    assert len(answering.legs) == 1


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
