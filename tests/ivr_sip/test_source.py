"""Whose packets a leg takes."""

from ivr.sip.rtp import Packet
from ivr.sip.source import PROOF, PROOF_SAME_HOST, REST_S, Address, SourceLatch

NAMED = ("10.0.0.5", 4000)
BEHIND_NAT = ("203.0.113.7", 31_000)
OUTSIDER = ("198.51.100.9", 5000)


def packet(number: int, ssrc: int = 7) -> Packet:
    return Packet(8, False, number % 65_536, 160 * number, ssrc, b"\xd5" * 160)


def admitted(latch: SourceLatch, address: Address, numbers: range, *, ssrc: int = 7, at: float = 0.0) -> list[bool]:
    return [latch.admits(address, packet(number, ssrc), at + 0.02 * place) for place, number in enumerate(numbers)]


def test_the_address_of_the_sdp_is_taken_at_once() -> None:
    assert all(admitted(SourceLatch(NAMED), NAMED, range(3)))


def test_behind_a_nat_the_first_consistent_source_is_taken() -> None:
    taken = admitted(SourceLatch(NAMED), BEHIND_NAT, range(65_534, 65_534 + PROOF + 2))
    assert taken == [False] * (PROOF - 1) + [True] * 3


def test_another_port_of_the_same_host_needs_less_proof() -> None:
    taken = admitted(SourceLatch(NAMED), (NAMED[0], 4444), range(4))
    assert taken == [False] * (PROOF_SAME_HOST - 1) + [True] * (5 - PROOF_SAME_HOST)


def test_packets_at_random_never_prove_anything() -> None:
    latch = SourceLatch(NAMED)
    assert not any(latch.admits(OUTSIDER, packet(number * 997, ssrc=number), number * 0.02) for number in range(200))


def test_sprayers_from_many_ports_do_not_keep_a_caller_behind_a_nat_out() -> None:
    latch = SourceLatch(NAMED)
    for number in range(40):
        for port in range(10):
            latch.admits((OUTSIDER[0], 6000 + port), packet(number * 331 + port), number * 0.02)
        latch.admits(BEHIND_NAT, packet(number), number * 0.02)
    assert latch.source == BEHIND_NAT


def test_nobody_takes_a_stream_over_who_does_not_know_it() -> None:
    latch = SourceLatch(NAMED)
    admitted(latch, NAMED, range(10))
    for at in (0.2, 5.0, 60.0):
        assert not any(admitted(latch, OUTSIDER, range(10, 200), ssrc=1, at=at))
        assert not any(admitted(latch, (NAMED[0], 9999), range(10, 200), ssrc=1, at=at))
    assert latch.admits(NAMED, packet(500), 100.0)


def test_a_stream_that_goes_on_from_another_address_after_a_pause_is_followed() -> None:
    latch = SourceLatch(NAMED)
    admitted(latch, NAMED, range(10))
    assert not any(admitted(latch, BEHIND_NAT, range(10, 20), at=0.2))
    assert admitted(latch, BEHIND_NAT, range(20, 30), at=0.2 + REST_S)[-1]
    assert latch.source == BEHIND_NAT


def test_knowing_the_stream_is_not_enough_while_its_source_speaks() -> None:
    latch = SourceLatch(NAMED)
    for number in range(100):
        assert latch.admits(NAMED, packet(number), 0.02 * number)
        assert not latch.admits(OUTSIDER, packet(number + 1), 0.02 * number)


def test_the_address_of_the_sdp_replaces_one_that_was_first() -> None:
    latch = SourceLatch(NAMED)
    admitted(latch, OUTSIDER, range(20), ssrc=1)
    assert latch.source == OUTSIDER
    assert latch.admits(NAMED, packet(0), 1.0)
    assert not any(admitted(latch, OUTSIDER, range(20, 300), ssrc=1, at=1.0))


def test_a_reinvite_latches_anew_and_outlives_what_still_comes_from_before() -> None:
    latch = SourceLatch(NAMED)
    admitted(latch, NAMED, range(10))
    moved = ("10.0.0.6", 7000)
    latch.expect(moved)
    admitted(latch, NAMED, range(10, 30), at=0.2)
    assert latch.admits(moved, packet(0, ssrc=8), 1.0)
    assert not any(admitted(latch, NAMED, range(30, 90), at=1.0))


def test_reports_are_taken_from_the_hosts_of_the_call_only() -> None:
    latch = SourceLatch(NAMED)
    assert latch.admits_report((NAMED[0], 4001))
    assert not latch.admits_report(OUTSIDER)
    admitted(latch, BEHIND_NAT, range(10))
    assert latch.admits_report((BEHIND_NAT[0], 31_001))
    assert not latch.admits_report((NAMED[0], 4001))
