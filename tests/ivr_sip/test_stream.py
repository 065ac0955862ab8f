"""What one source sends, in its order."""

from ivr.sip.rtp import Packet
from ivr.sip.stream import Place, StreamOrder

FIRST, NEXT, REPEATED, STRANGE = Place.FIRST, Place.NEXT, Place.REPEATED, Place.STRANGE


def places(order: StreamOrder, *numbers: int, ssrc: int = 7) -> list[Place]:
    return [order.place(Packet(8, False, number % 65_536, 160 * number, ssrc, b"x")) for number in numbers]


def test_in_order_over_the_wrap() -> None:
    assert places(StreamOrder(), 65_534, 65_535, 65_536, 65_537) == [FIRST, NEXT, NEXT, NEXT]


def test_a_repeated_packet_is_known_whenever_it_comes() -> None:
    order = StreamOrder()
    assert places(order, 1, 2, 2, 4, 1, 3, 3, 4) == [FIRST, NEXT, REPEATED, NEXT, REPEATED, NEXT, REPEATED, REPEATED]
    assert order.changes == 0


def test_a_long_gap_forgets_what_was_before() -> None:
    assert places(StreamOrder(), 1, 500, 500, 499) == [FIRST, NEXT, REPEATED, NEXT]


def test_a_sender_that_starts_its_numbers_again_goes_on() -> None:
    assert places(StreamOrder(), 30_000, 5, 6, 6) == [FIRST, NEXT, NEXT, REPEATED]


def test_a_new_stream_is_taken_with_its_second_packet() -> None:
    order = StreamOrder()
    places(order, 1, 2, 3)
    assert places(order, 900, 901, 902, ssrc=8) == [STRANGE, FIRST, NEXT]
    assert order.changes == 1


def test_of_two_mixed_streams_one_is_heard() -> None:
    order = StreamOrder()
    places(order, 1)
    mixed = [place for number in range(2, 30) for place in places(order, number) + places(order, number, ssrc=8)]
    assert mixed == [NEXT, STRANGE] * 28
