"""Packets of any length on one 20 ms grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.reframer import Reframer

WRAP = 1 << 32


def frames(packets: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    reframer = Reframer(b"\xd5")
    return [frame for timestamp, payload in packets for frame in reframer.feed(timestamp % WRAP, payload)]


@pytest.mark.parametrize("samples", [80, 160, 240, 320, 480, 100])
def test_any_packet_length_becomes_frames_of_160(samples: int) -> None:
    sound = bytes(number % 251 for number in range(4800))
    packets = [(7 + at, sound[at : at + samples]) for at in range(0, 4800, samples)]
    cut = frames(packets)
    assert b"".join(payload for _, payload in cut) == sound[: len(cut) * 160]
    assert [timestamp for timestamp, _ in cut] == [7 + 160 * number for number in range(30)]


def test_a_lost_packet_leaves_a_gap_on_the_grid() -> None:
    cut = frames([(0, b"a" * 240), (480, b"c" * 240), (720, b"d" * 240)])
    assert [timestamp for timestamp, _ in cut] == [0, 160, 480, 640, 800]
    assert cut[1][1] == b"a" * 80 + b"\xd5" * 80
    assert cut[3][1] == b"c" * 80 + b"d" * 80


def test_a_long_jump_starts_a_new_grid() -> None:
    cut = frames([(0, b"a" * 200), (100_003, b"b" * 160)])
    assert cut == [(0, b"a" * 160), (100_003, b"b" * 160)]


@given(st.integers(0, WRAP - 1), st.lists(st.tuples(st.integers(1, 500), st.booleans()), max_size=40))
def test_frames_stay_on_the_grid_whatever_is_lost(start: int, packets: list[tuple[int, bool]]) -> None:
    timestamp, sent = start, []
    for length, arrives in packets:
        if arrives:
            sent.append((timestamp, b"x" * length))
        timestamp += length
    seen = frames(sent)
    if sent and timestamp - start < 8000:
        assert {(stamp - sent[0][0]) % WRAP % 160 for stamp, _ in seen} <= {0}
        assert len({stamp for stamp, _ in seen}) == len(seen)
    assert all(len(payload) == 160 for _, payload in seen)


@pytest.mark.parametrize("samples", [80, 160, 240, 480])
def test_packets_that_change_places_are_put_in_order(samples: int) -> None:
    sound = bytes(number % 251 for number in range(2880))
    packets = [(at, sound[at : at + samples]) for at in range(0, 2880, samples)]
    packets[2], packets[3] = packets[3], packets[2]
    assert b"".join(payload for _, payload in sorted(frames(packets))) == sound


def test_a_packet_from_before_the_first_is_on_the_grid_too() -> None:
    assert frames([(160, b"b" * 160), (0, b"a" * 160)]) == [(160, b"b" * 160), (0, b"a" * 160)]


def test_what_comes_too_late_for_its_frame_is_left_out() -> None:
    assert frames([(0, b"a" * 80), (480, b"c" * 160), (80, b"b" * 80)]) == [
        (0, b"a" * 80 + b"\xd5" * 80),
        (480, b"c" * 160),
    ]


def test_a_clock_that_jumps_back_starts_a_new_grid() -> None:
    assert frames([(50_000, b"a" * 160), (7, b"b" * 160)])[-1] == (7, b"b" * 160)
