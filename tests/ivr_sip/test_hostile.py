"""Hostile messages: torture in the spirit of RFC 4475, random and huge datagrams. Calls in progress do not stutter."""

import asyncio
import os
import random
from collections.abc import Callable
from typing import Final

import pytest

from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.intake import LARGEST
from tests.ivr_sip.wire import OFFER, OFFERED, Answering, Ear, Wire, establish, is_alive, status


def changed(message: str, name: str, line: str) -> str:
    """``message`` with its header ``name`` replaced by ``line`` (empty: taken away)."""
    head, _, body = message.partition("\r\n\r\n")
    lines = [each for each in head.split("\r\n") if not each.lower().startswith(name.lower() + ":")]
    return "\r\n".join([*lines, *([line] if line else [])]) + "\r\n\r\n" + body


Change = Callable[[str], str]
REFUSED: Final[dict[str, tuple[Change, int]]] = {
    "a version of the future": (lambda m: m.replace("SIP/2.0\r\n", "SIP/7.0\r\n", 1), 505),
    "a scheme nobody knows": (lambda m: m.replace("INVITE sip:", "INVITE nobody-knows:", 1), 416),
    "CSeq of another method": (lambda m: changed(m, "CSeq", "CSeq: 1 OPTIONS"), 400),
    "CSeq too large": (lambda m: changed(m, "CSeq", "CSeq: 4294967296 INVITE"), 400),
    "CSeq not a number": (lambda m: changed(m, "CSeq", "CSeq: １ INVITE"), 400),
    "no From": (lambda m: changed(m, "From", ""), 400),
    "no Call-ID": (lambda m: changed(m, "Call-ID", ""), 400),
    "two Call-IDs": (lambda m: m.replace("CSeq:", "Call-ID: other\r\nCSeq:", 1), 400),
    "two To, one compact": (lambda m: m.replace("CSeq:", "t: <sip:x@y>\r\nCSeq:", 1), 400),
    "less body than promised": (lambda m: changed(m, "Content-Length", "Content-Length: 9999"), 400),
    "a negative length": (lambda m: changed(m, "Content-Length", "Content-Length: -1"), 400),
    "an unknown extension": (lambda m: changed(m, "Require", "Require: nothingSupportsThis, nothingEither"), 420),
    "a body of another kind": (lambda m: m.replace("application/sdp", "application/unknown"), 488),
    "a method that is no word": (lambda m: m.replace("INVITE", "!interesting-Method0123456789_*+`.%'~"), 405),
    "a lower-case method": (lambda m: m.replace("INVITE", "invite"), 405),
    "too long": (lambda m: changed(m, "Subject", f"Subject: {'s' * LARGEST}"), 513),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_breaks_the_rules_is_refused_with_the_right_code(
    answering: Answering, wire: Wire, name: str
) -> None:
    change, code = REFUSED[name]
    wire.send(change(wire.request("INVITE", body=OFFERED)))
    assert status(await wire.final()) == code
    assert answering.legs == []
    assert await is_alive(wire)


ODD_BUT_RIGHT: Final[dict[str, Change]] = {
    "short tortuous": lambda m: changed(
        changed(changed(m, "From", 'f:   "a \\" <quoted>" <sip:13800138000@gw;x=y?subject=z> ;  tag  = wire'),
                "Max-Forwards", "MAX-FORWARDS: 0068"), "X", "NewFangledHeader:   newfangled value\r\n continued newfangled value"),
    "escapes in URIs": lambda m: m.replace("sip:12345@", "sip:1%32345;a%3Bb@", 1),
    "no display name, no brackets": lambda m: changed(m, "From", "From: sip:13800138000@gw;tag=wire"),
    "a Date of no time and an unknown Accept": lambda m: changed(m, "Date", "Date: Fri, 99 Jan 2044 25:61:61 GMT\r\nAccept: text/*"),
    "many Vias": lambda m: m.replace("Max-Forwards", "Via: SIP / 2.0 / TCP a.example;branch=1,SIP/2.0/TLS b.example\r\nMax-Forwards", 1),
    "more body than promised": lambda m: m + "A body that goes on " * 10,
    "line breaks before it": lambda m: "\r\n\r\n" + m,
    "a long extension header": lambda m: changed(m, "X-Long", f"X-Long: {'l' * 8000}"),
    "every character in a value": lambda m: changed(m, "Subject", "Subject: \u0000\u0007\u202e测试\U0001f600"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_BUT_RIGHT)
async def test_what_is_odd_but_allowed_is_a_call(answering: Answering, wire: Wire, name: str) -> None:
    wire.send(ODD_BUT_RIGHT[name](wire.request("INVITE", body=OFFERED)))
    assert status(await wire.final()) == 200
    assert len(answering.legs) == 1


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


def vandalism(wire: Wire, draw: random.Random) -> bytes:
    """One datagram that no decent user agent would send."""
    good = bytearray(wire.request("INVITE", body=OFFERED, call=f"bad-{draw.random()}").encode())
    kind = draw.randrange(5)
    if kind == 0:
        return draw.randbytes(draw.randint(1, 1400))
    if kind == 1:
        return bytes(good) + b"x" * 60_000
    if kind == 2:
        return bytes(good).replace(b"Max-Forwards", b"Via: " + b"SIP/2.0/UDP a;b=1," * 900 + b"\r\nMax-Forwards")
    if kind == 3:
        return bytes(good).replace(b"From: ", b'From: "' + b"<\\" * 7_000)
    for _ in range(20):
        good[draw.randrange(len(good))] = draw.randrange(256)
    return bytes(good)


async def test_a_call_in_progress_does_not_stutter_under_hostile_datagrams(answering: Answering, wire: Wire) -> None:
    """Packets at the far end are counted while 200 hostile datagrams a second come in."""
    ear = Ear()
    await establish(wire, OFFER.format(port=ear.port))
    answering.answering = False
    enemy = Wire(wire.target)
    draw = random.Random(4475)  # noqa: S311  # a repeatable test, no secret
    await ear.packet()
    ear.drain()
    frames, heard = 0, 0
    async for _ in answering.legs[0].frames():
        for _ in range(4):
            enemy.send(vandalism(enemy, draw))
        heard += ear.drain()
        frames += 1
        if frames == 75:
            break
    assert heard >= 72
    assert not answering.legs[0].ended
    enemy.close()
    ear.close()
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
