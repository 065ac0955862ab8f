"""Keys by RFC 4733 and by INFO."""

import pytest

from ivr.sip.keys import KEYS, KeyEvent, KeyReceiver, OncePerPress, key_of_info, press


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


def test_the_same_key_twice_without_any_end_is_two_keys() -> None:
    first, second = packets("1", 1000)[:-3], packets("1", 1000 + 1280 + 320)[1:-3]
    assert received(first + second) == "11"


def test_one_packet_of_each_press_is_enough() -> None:
    presses = [packets("1", 5000 * number)[number % 10 : number % 10 + 1] for number in range(20)]
    assert received([packet for press in presses for packet in press]) == "1" * 20


def test_repeated_ends_are_one_key_however_late_they_come() -> None:
    first, second = packets("1", 1000), packets("1", 4000)
    assert received(first * 3 + second + first[-3:] + second[-3:]) == "11"


def test_the_timestamp_may_wrap_in_a_press() -> None:
    assert received(packets("9", (1 << 32) - 5) + packets("9", 3000)) == "99"


def long_press(seconds: int) -> list[tuple[int, bytes]]:
    """A key held down: segments of 65,535 samples, each under its own timestamp (RFC 4733 §2.5.1.3)."""
    sent = []
    for at in range(160, seconds * 8000, 160):
        segment, duration = divmod(at, 0xFFFF)
        sent.append((1000 + segment * 0xFFFF, KeyEvent(5, False, duration).pack()))
    segment, duration = divmod(seconds * 8000, 0xFFFF)
    return sent + [(1000 + segment * 0xFFFF, KeyEvent(5, True, duration).pack())] * 3


@pytest.mark.parametrize("lost", [slice(0, 0), slice(0, 300), slice(380, 430), slice(-3, None)])
def test_a_key_held_for_twenty_seconds_is_one_key(lost: slice) -> None:
    sent = long_press(20)
    del sent[lost]
    assert received(sent) == "5"


def test_a_gateway_that_stamps_each_packet_anew_still_presses_one_key() -> None:
    events = list(press("3"))
    own_stamps = [(1000 + 160 * place, event.pack()) for place, event in enumerate(events)]
    again = [(9000 + 160 * place, event.pack()) for place, event in enumerate(events)]
    assert received(own_stamps[:3] + own_stamps[4:-2] + again[:-2]) == "33"


@pytest.mark.parametrize("first", ["rtp", "info"])
def test_a_press_told_two_ways_is_one_key(first: str) -> None:
    other = {"rtp": "info", "info": "rtp"}[first]
    once = OncePerPress()
    told = [once.new("1", first, 0.0), once.new("1", other, 0.1), once.new("1", first, 0.5), once.new("1", other, 0.6)]
    assert told == [True, False, True, False]


def test_presses_told_one_way_each_are_all_keys() -> None:
    once = OncePerPress()
    assert [once.new("1", "rtp", 0.0), once.new("2", "info", 0.1), once.new("1", "info", 2.0)] == [True] * 3
    assert [once.new("1", "rtp", 3.0), once.new("1", "rtp", 3.2), once.new("1", "rtp", 3.4)] == [True] * 3


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
