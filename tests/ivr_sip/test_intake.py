"""From datagram to message."""

import random

import pytest
from aiosipua import SipRequest, SipResponse

from ivr.sip.intake import LARGEST, Unreadable, answer_to, is_reachable, read, way_back

SOURCE = ("192.0.2.10", 5062)
GOOD = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1;rport\r\nFrom: <sip:c@d>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
)


def test_a_good_request_is_pinned_to_where_it_came_from() -> None:
    message, fault = read(GOOD + b"\r\n", SOURCE)
    assert isinstance(message, SipRequest)
    assert fault is None
    assert way_back(answer_to(message, 200, "OK")) == SOURCE


def test_without_rport_the_port_of_the_via_counts_unless_there_is_none_such() -> None:
    message, _ = read(GOOD.replace(b";rport", b"") + b"\r\n", SOURCE)
    assert isinstance(message, SipRequest)
    assert way_back(answer_to(message, 200, "OK")) == (SOURCE[0], 5070)
    message, _ = read(GOOD.replace(b";rport", b"").replace(b":5070", b":99999") + b"\r\n", SOURCE)
    assert isinstance(message, SipRequest)
    assert way_back(answer_to(message, 200, "OK")) == SOURCE


def test_later_compact_names_are_long_ones_too() -> None:
    message, _ = read(GOOD + b"x: 90;refresher=uac\r\nr: <sip:e@f>\r\no: refer\r\n\r\n", SOURCE)
    assert [message.get_header(name) for name in ("session-expires", "refer-to", "event")] == [
        "90;refresher=uac",
        "<sip:e@f>",
        "refer",
    ]


def test_a_display_name_that_would_be_misread_goes_and_the_tag_stays() -> None:
    message, _ = read(GOOD.replace(b"From: <sip:c@d>", b'From: "<sip:x@y>;tag=no" <sip:c@d>') + b"\r\n", SOURCE)
    assert message.from_addr is not None
    assert (message.from_addr.tag, message.from_addr.uri.user) == ("1", "c")


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0\0", b"\xff" * 50, b"SIP/2.0 two hundred\r\n\r\n"])
def test_what_is_no_message_is_dropped(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read(data, SOURCE)


def test_another_protocol_is_at_fault_and_has_no_via_to_answer_to() -> None:
    message, fault = read(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", SOURCE)
    assert fault is not None
    assert not message.headers.get("via")


def test_of_a_huge_message_only_the_beginning_is_read() -> None:
    message, fault = read(GOOD + b"X-Long: %s\r\n" % (b"y" * 200) * 200, SOURCE)
    assert fault == (513, "Message Too Large")
    assert 5 < len(message.headers.get("x-long")) < 40
    with pytest.raises(Unreadable):
        read(b"SIP/2.0 200 OK\r\n" + b"X: y\r\n" * LARGEST, SOURCE)


def test_a_response_is_never_at_fault() -> None:
    message, fault = read(b"SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n", SOURCE)
    assert isinstance(message, SipResponse)
    assert fault is None


def test_whatever_comes_is_read_or_refused_and_nothing_else_happens() -> None:
    draw = random.Random(3261)  # noqa: S311  # a repeatable test, no secret
    outcomes = {"read": 0, "fault": 0, "dropped": 0}
    for _ in range(2000):
        data = bytearray(GOOD + b"\r\n")
        for _ in range(draw.randint(0, 12)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            _, fault = read(bytes(data), SOURCE)
        except Unreadable:
            outcomes["dropped"] += 1
        else:
            outcomes["fault" if fault else "read"] += 1
    assert min(outcomes.values()) > 20


@pytest.mark.parametrize(
    ("address", "reachable"),
    [
        (("192.0.2.1", 5060), True),
        (("192.0.2.1", 0), False),
        (("192.0.2.1", 65_536), False),
        (("gw.example", 5060), False),
    ],
)
def test_only_numeric_addresses_with_a_port_are_reachable(address: tuple[str, int], reachable: bool) -> None:
    assert is_reachable(address) is reachable
