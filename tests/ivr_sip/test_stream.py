"""What one source sends, in its order."""

import pytest

from ivr.sip.rtp import Packet
from ivr.sip.stream import Place, Reception, StreamOrder

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


def received(*packets: tuple[int, float]) -> Reception:
    """A reception of ``(number, at)``, stamped as if each packet had been sent on time."""
    reception = Reception()
    for number, at in packets:
        reception.add(Packet(8, False, number % 65_536, 160 * number % (1 << 32), 7, b"x"), at)
    return reception


def test_losses_are_counted_over_the_wrap_and_reported_since_the_last_report() -> None:
    reception = received(*((number, 0.02 * number) for number in range(65_500, 65_600) if number % 4))
    assert (reception.packets_received, reception.packets_lost) == (75, 24)
    assert reception.cycles + (reception.max_seq or 0) == 65_599
    assert reception.fraction_lost == 24 * 256 // 99
    assert reception.fraction_lost == 0


def test_a_late_packet_is_not_lost() -> None:
    assert received((1, 0.0), (3, 0.04), (2, 0.05)).packets_lost == 0


@pytest.mark.parametrize(("late", "samples"), [(0.0, 0), (0.010, 80)])
def test_jitter_is_the_change_of_the_way_a_packet_takes(late: float, samples: int) -> None:
    reception = received(*((number, 1e9 + 0.02 * number + late * (number % 2)) for number in range(400)))
    assert reception.jitter == pytest.approx(samples, abs=1)


def test_before_the_first_packet_there_is_nothing_to_report() -> None:
    assert (Reception().packets_lost, Reception().fraction_lost, Reception().jitter) == (0, 0, 0)
