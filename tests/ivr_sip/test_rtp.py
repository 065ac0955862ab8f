"""RTP packets out of bytes: true ones read as aiortp reads them, lying ones refused."""

import struct

import pytest
from aiortp.packet import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.rtp import LONGEST, Packet, Sender, read

AUDIO = b"\xd5" * 160


def header(first: int = 0x80, kind: int = 8, number: int = 1, timestamp: int = 160, ssrc: int = 7) -> bytes:
    return struct.pack("!BBHII", first, kind, number, timestamp, ssrc)


def test_a_plain_packet() -> None:
    assert read(header(kind=0x88, number=65_535) + AUDIO) == Packet(8, True, 65_535, 160, 7, AUDIO)


def test_csrc_extension_and_padding_are_stepped_over() -> None:
    lists = bytes(8) + struct.pack("!HH", 0xBEDE, 1) + bytes(4)
    packet = read(header(0xB2) + lists + AUDIO + b"\0\0\0\x04")
    assert packet is not None
    assert packet.payload == AUDIO


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        header()[:11],
        header(0x00) + AUDIO,
        header(0x40) + AUDIO,
        header(0xC0) + AUDIO,
        header(0x8F) + bytes(59),
        header(0x90),
        header(0x90) + struct.pack("!HH", 0xBEDE, 100) + AUDIO,
        header(0x90) + struct.pack("!HH", 0xBEDE, 0xFFFF) + AUDIO,
        header(0xA0) + AUDIO[:-1] + b"\0",
        header(0xA0) + AUDIO[:-1] + b"\xff",
        header() + bytes(LONGEST),
    ],
    ids=[
        "empty",
        "one byte",
        "short",
        "version 0",
        "version 1",
        "version 3",
        "more sources than bytes",
        "extension without a header",
        "extension longer than the packet",
        "longest extension",
        "padding of nothing",
        "more padding than packet",
        "huge",
    ],
)
def test_what_cannot_be_true_is_refused(data: bytes) -> None:
    assert read(data) is None


@given(st.binary(max_size=1600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    packet = read(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, data: bytes, addr: tuple[str, int] | None = None) -> None:
        self.sent.append(data)


def test_what_is_sent_reads_back_and_the_number_wraps() -> None:
    wire = Wire()
    sender = Sender(wire, payload_type=8, ssrc=99)  # type: ignore[arg-type]
    sender.timestamp_increment = 160
    start = sender.sequence_number
    for _ in range(65_536 - start + 2):
        sender.send_frame_auto(AUDIO, marker=1)
    packets = [RtpPacket.parse(data) for data in wire.sent[-3:]]
    assert [packet.sequence_number for packet in packets] == [65_535, 0, 1]
    assert {(packet.payload_type, packet.marker, packet.ssrc, packet.payload) for packet in packets} == {
        (8, 1, 99, AUDIO)
    }
    assert sender.packets_sent == len(wire.sent)
    assert sender.octets_sent == 160 * len(wire.sent)
