"""Keys by RFC 4733 and by INFO."""

import pytest

from ivr.sip.keys import KEYS, KeyEvent, KeyReceiver, key_of_info, press


def received(packets: list[tuple[int, bytes]]) -> str:
    keys: list[str] = []
    receiver = KeyReceiver(keys.append)
    for timestamp, payload in packets:
        receiver.feed(timestamp, payload)
    return "".join(keys)


def packets(key: str, timestamp: int) -> list[tuple[int, bytes]]:
    return [(timestamp, event.pack()) for event in press(key)]


@pytest.mark.parametrize("key", KEYS)
def test_each_key_is_heard_once(key: str) -> None:
    assert received(packets(key, 1000)) == key


def test_a_press_ends_with_three_equal_end_packets() -> None:
    events = list(press("5", 160))
    assert [event.duration for event in events] == [*range(160, 1280, 160), 1280, 1280, 1280]
    assert [event.end for event in events[-4:]] == [False, True, True, True]


def test_the_same_key_twice_is_two_keys() -> None:
    assert received(packets("1", 1000) + packets("1", 4000)) == "11"


def test_lost_and_reordered_packets() -> None:
    first, second = packets("1", 1000), packets("2", 4000)
    assert received(first[-1:]) == "1"
    assert received(first[:1]) == "1"
    assert received([*first[:5], *second[:3], *first[5:], *second[3:]]) == "12"


def test_events_that_are_no_keys_are_not_heard() -> None:
    assert received([(1, KeyEvent(16, False, 160).pack()), (2, KeyEvent(200, True, 160).pack())]) == ""


def test_a_short_payload_is_an_error() -> None:
    with pytest.raises(ValueError, match="4 bytes"):
        received([(1, b"\0\0")])


@pytest.mark.parametrize("key", ["", "12", "x", "一"])
def test_what_is_no_key_cannot_be_pressed(key: str) -> None:
    with pytest.raises(ValueError, match="没有按键"):
        list(press(key))


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay; charset=utf-8", "Signal= *\nDuration= 250", "*"),
        ("application/dtmf-relay", "Signal=11", "#"),
        ("Application/DTMF", "0", "0"),
        ("application/dtmf", "10", "*"),
        ("application/dtmf", "16", None),
        ("application/dtmf", "hello", None),
        ("application/dtmf-relay", "Duration=160", None),
        ("text/plain", "5", None),
    ],
)
def test_keys_by_info(kind: str, body: str, expected: str | None) -> None:
    assert key_of_info(kind, body) == expected
