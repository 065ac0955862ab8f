"""RTP as real far ends send it: other packet lengths, loss, two sources, broken packets. Real sockets on loopback."""

import asyncio
import math
import random
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiortp.codecs import PcmaCodec, PcmuCodec
from aiortp.packet import RtcpRrPacket, RtpPacket

from ivr.sip.clock import frame_clock
from ivr.sip.contract import FRAME_BYTES
from ivr.sip.media import Media, Taps
from ivr.sip.playback import Playback
from ivr.sip.ports import NoPortFree, PortRange
from ivr.sip.session_description import Agreement


def quiet_tone(hertz: float, samples: int, level: float) -> bytes:
    """A sine at ``level`` (peak, full scale 32768)."""
    return struct.pack(
        f"<{samples}h", *(round(level * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(samples))
    )


def signal_to_noise(pcm: bytes, hertz: float) -> float:
    """DB of the one frequency over all the rest."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    count = len(samples)
    real = 2 / count * sum(s * math.cos(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    imaginary = 2 / count * sum(s * math.sin(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    rest = sum(
        (s - real * math.cos(2 * math.pi * hertz * n / 8000) - imaginary * math.sin(2 * math.pi * hertz * n / 8000))
        ** 2
        for n, s in enumerate(samples)
    )
    return 10 * math.log10((real**2 + imaginary**2) / 2 / (rest / count))


class FarEnd:
    """A bare RTP socket and the media under test, which sends to it."""

    def __init__(self, codec: str = "PCMA", timeout_s: float = 30.0, keys: int | None = 101) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.ports = PortRange("127.0.0.1", 0, 0).reserve()
        payload_type = {"PCMA": 8, "PCMU": 0}[codec]
        agreed = Agreement(codec, payload_type, ("127.0.0.1", self.socket.getsockname()[1]), keys, keys)
        self.playback = Playback()
        self.departed: list[bytes] = []
        self.arrived: list[bytes] = []
        taps = Taps(self.arrived.append, self.departed.append)
        self.media = Media(agreed, self.ports, self.playback, taps=taps, timeout_s=timeout_s)
        self.heard = bytearray()
        self.keys: list[str] = []
        self.media.on_frame = self._hear
        self._more = asyncio.Event()
        self.media.on_key = self.keys.append
        self.codec = {"PCMA": PcmaCodec, "PCMU": PcmuCodec}[codec]()
        self.payload_type = payload_type

    def send(self, number: int, timestamp: int, payload: bytes, *, kind: int | None = None, ssrc: int = 7) -> None:
        packet = RtpPacket(
            payload_type=self.payload_type if kind is None else kind,
            sequence_number=number % 65_536,
            timestamp=timestamp % (1 << 32),
            ssrc=ssrc,
            payload=payload,
        )
        self.socket.sendto(packet.serialize(), ("127.0.0.1", self.ports.port))

    async def receive(self, count: int) -> list[RtpPacket]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            return [RtpPacket.parse(await loop.sock_recv(self.socket, 2048)) for _ in range(count)]

    async def hear(self, frames: int) -> None:
        """Wait until the media has given that many frames."""
        async with asyncio.timeout(10):
            while len(self.heard) < frames * FRAME_BYTES:
                self._more.clear()
                await self._more.wait()

    def _hear(self, frame: bytes) -> None:
        self.heard += frame
        self._more.set()


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    far = FarEnd()
    await far.media.open()
    yield far
    await far.media.close()
    far.socket.close()


def step(far: FarEnd, packets: dict[int, list[int]], sound: bytes, samples: int = 160, ticks: int = 50) -> None:
    """Tick by hand, whatever the machine is doing; before tick n the packets with the numbers ``packets[n]`` arrive."""
    frame_clock().leave(far.media._hear)
    for tick in range(ticks):
        for number in packets.get(tick, []):
            piece = sound[number * 2 * samples : (number + 1) * 2 * samples]
            far.send(number, number * samples, far.codec.encode(piece))
        far.media._hear()


def in_time(sound: bytes, samples: int) -> dict[int, list[int]]:
    """Each packet at the tick in which its last sample was spoken."""
    arrivals: dict[int, list[int]] = {}
    for number in range(len(sound) // (2 * samples)):
        arrivals.setdefault(((number + 1) * samples - 1) // 160, []).append(number)
    return arrivals


async def stream(far: FarEnd, sound: bytes, samples: int) -> None:
    """Send ``sound`` in packets of ``samples`` at its own pace."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(len(sound) // (2 * samples)):
        piece = sound[number * 2 * samples : (number + 1) * 2 * samples]
        far.send(number, number * samples, far.codec.encode(piece))
        await asyncio.sleep(max(0.0, began + (number + 1) * samples / 8000 - loop.time()))


@pytest.mark.parametrize("samples", [80, 160, 240, 480])
async def test_every_packet_length_is_heard_whole(far_end: FarEnd, samples: int) -> None:
    sound = quiet_tone(500, 8000, 4000)
    step(far_end, in_time(sound, samples), sound, samples)
    start = next(at for at in range(0, len(far_end.heard), FRAME_BYTES) if any(far_end.heard[at : at + FRAME_BYTES]))
    steady = bytes(far_end.heard[start + 4800 : start + 4800 + 6400])
    assert signal_to_noise(steady, 500) > 25


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_a_quiet_caller_keeps_his_sixteen_bits(codec: str) -> None:
    far = FarEnd(codec)
    await far.media.open()
    sound = quiet_tone(500, 4000, 600)
    step(far, in_time(sound, 160), sound, ticks=25)
    await far.media.close()
    far.socket.close()
    start = next(at for at in range(0, len(far.heard), FRAME_BYTES) if any(far.heard[at : at + FRAME_BYTES]))
    assert signal_to_noise(bytes(far.heard[start + 960 : start + 960 + 3200]), 500) > 24


async def test_frames_come_no_faster_than_the_clock_with_nothing_arriving(far_end: FarEnd) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await far_end.hear(25)
    assert loop.time() - began > 0.45
    assert not any(far_end.heard)


async def test_one_packet_each_tick_and_the_recording_lines_up(far_end: FarEnd) -> None:
    far_end.playback.add(quiet_tone(500, 320, 4000))
    packets = await far_end.receive(10)
    numbers = [packet.sequence_number for packet in packets]
    assert numbers == [(numbers[0] + n) % 65_536 for n in range(10)]
    stamps = [packet.timestamp for packet in packets]
    assert stamps == [(stamps[0] + 160 * n) % (1 << 32) for n in range(10)]
    assert sum(any(frame) for frame in far_end.departed) == 2
    assert abs(len(far_end.departed) - len(far_end.heard) // FRAME_BYTES) <= 1


async def test_a_key_is_sent_on_the_clock_with_one_timestamp(far_end: FarEnd) -> None:
    await far_end.media.press("7")
    await far_end.hear(15)
    packets = [packet for packet in await far_end.receive(12) if packet.payload_type == 101]
    assert len({packet.timestamp for packet in packets}) == 1
    assert packets[0].marker == 1
    assert {packet.payload[0] for packet in packets} == {7}


@pytest.mark.parametrize(("keys", "expected"), [(None, ["5"]), (101, [])])
async def test_tones_are_keys_only_where_no_events_were_agreed(keys: int | None, expected: list[str]) -> None:
    far = FarEnd(keys=keys)
    await far.media.open()
    row, column = quiet_tone(770, 960, 5000), quiet_tone(1336, 960, 5000)
    both = [sum(pair) for pair in zip(*(struct.unpack("<960h", tone) for tone in (row, column)), strict=True)]
    sound = struct.pack("<960h", *both) + bytes(1600)
    step(far, in_time(sound, 160), sound, ticks=12)
    await far.media.close()
    far.socket.close()
    assert far.keys == expected


async def test_broken_packets_are_counted_and_harm_nothing(far_end: FarEnd) -> None:
    target = ("127.0.0.1", far_end.ports.port)
    for broken in (
        b"",
        b"\x80",
        b"\x80\x08",
        bytes(12),
        b"\x80\x65" + bytes(10),
        b"\x9f\x08" + bytes(12),
        b"\xff" * 200,
    ):
        far_end.socket.sendto(broken, target)
    far_end.send(1, 160, b"", kind=8)
    far_end.send(2, 320, b"\x01", kind=101)
    far_end.send(3, 480, b"x" * 160, kind=9)
    await stream(far_end, quiet_tone(500, 4000, 4000), 160)
    assert far_end.media.counters["malformed"] >= 5
    assert any(far_end.heard)


async def test_a_second_source_cannot_talk_over_the_first(far_end: FarEnd) -> None:
    intruder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    intruder.bind(("127.0.0.1", 0))
    loud = PcmaCodec().encode(quiet_tone(2000, 160, 20_000))
    for number in range(20):
        far_end.send(number, 160 * number, far_end.codec.encode(quiet_tone(500, 160, 4000)))
        packet = RtpPacket(payload_type=8, sequence_number=number, timestamp=160 * number, ssrc=9, payload=loud)
        intruder.sendto(packet.serialize(), ("127.0.0.1", far_end.ports.port))
        await asyncio.sleep(0.02)
    intruder.close()
    assert max(abs(value) for (value,) in struct.iter_unpack("<h", bytes(far_end.heard))) < 5000
    assert far_end.media.counters["foreign"] == 20


async def test_an_outsider_who_sprays_the_port_gets_nothing_in_or_out(far_end: FarEnd) -> None:
    outsider = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outsider.bind(("127.0.0.1", 0))
    outsider.setblocking(False)
    target = ("127.0.0.1", far_end.ports.port)
    loud = PcmaCodec().encode(quiet_tone(2000, 160, 20_000))
    for number in range(3):
        far_end.send(number, 160 * number, far_end.codec.encode(bytes(320)))
    await far_end.hear(5)
    for number in range(60):  # the caller is silent: the outsider has the port to himself for longer than the rest
        for kind, payload in ((8, loud), (101, b"\x01\x0a\x00\xa0"), (13, b"\x0a")):
            packet = RtpPacket(
                payload_type=kind, sequence_number=number, timestamp=160 * number, ssrc=9, payload=payload
            )
            outsider.sendto(packet.serialize(), target)
        if number % 5 == 4:
            await far_end.hear(len(far_end.heard) // FRAME_BYTES + 5)
    assert far_end.keys == []
    assert not any(far_end.heard[-20 * FRAME_BYTES :])
    assert far_end.media.counters["foreign"] == 180
    with pytest.raises(BlockingIOError):
        outsider.recv(2048)
    outsider.close()


async def test_a_reinvite_moves_the_sound_to_the_new_address(far_end: FarEnd) -> None:
    other = FarEnd()
    sound = PcmaCodec().encode(quiet_tone(500, 160, 4000))
    for number in range(5):
        far_end.send(number, 160 * number, sound)
    await far_end.hear(8)
    far_end.media.move(replace(far_end.media.agreed, remote=other.socket.getsockname()))
    target = ("127.0.0.1", far_end.ports.port)
    for number in range(10):
        packet = RtpPacket(payload_type=8, sequence_number=number, timestamp=160 * number, ssrc=8, payload=sound)
        other.socket.sendto(packet.serialize(), target)
    await far_end.hear(len(far_end.heard) // FRAME_BYTES + 5)
    assert any(far_end.heard[-5 * FRAME_BYTES :])
    assert await other.receive(2)
    far_end.send(5, 800, sound)
    await far_end.hear(len(far_end.heard) // FRAME_BYTES + 1)
    assert far_end.media.counters["foreign"] == 1
    other.socket.close()
    other.ports.close()


async def test_the_sound_goes_on_under_a_new_ssrc_and_new_numbers(far_end: FarEnd) -> None:
    sound = far_end.codec.encode(quiet_tone(500, 160, 4000))
    for number in range(10):
        far_end.send(number, 160 * number, sound)
    await far_end.hear(15)
    for number in range(10):
        far_end.send(40_000 + number, 3_000_000 + 160 * number, sound, ssrc=4711)
    await far_end.hear(len(far_end.heard) // FRAME_BYTES + 5)
    assert any(far_end.heard[-3 * FRAME_BYTES :])
    assert far_end.media.counters["stream_changes"] == 1


async def test_lost_repeated_and_swapped_packets_are_hardly_heard(far_end: FarEnd) -> None:
    sound = quiet_tone(500, 8000, 4000)
    arrivals = {tick: [tick, tick] for tick in range(50)}
    arrivals[20], arrivals[21], arrivals[30] = arrivals[21], arrivals[20], []
    step(far_end, arrivals, sound)
    start = next(at for at in range(0, len(far_end.heard), FRAME_BYTES) if any(far_end.heard[at : at + FRAME_BYTES]))
    frames = [far_end.heard[at : at + FRAME_BYTES] for at in range(start, start + 45 * FRAME_BYTES, FRAME_BYTES)]
    assert all(any(frame) for frame in frames)
    counters = far_end.media.counters
    assert counters["repeated"] == 49
    assert counters["packets_received"] == 49
    assert counters["packets_lost"] == 1
    assert counters["concealed_frames"] >= 1


async def test_comfort_noise_is_heard_as_noise_until_speech_comes_back(far_end: FarEnd) -> None:
    sound = far_end.codec.encode(quiet_tone(500, 160, 4000))
    for number in range(4):
        far_end.send(number, 160 * number, sound)
    far_end.send(4, 640, b"\x28", kind=13)
    await far_end.hear(30)
    noise = [abs(value) for (value,) in struct.iter_unpack("<h", bytes(far_end.heard[-10 * FRAME_BYTES :]))]
    assert 100 < max(noise) < 2000
    assert far_end.media.counters["malformed"] == 0


async def test_random_datagrams_are_counted_and_the_call_goes_on(far_end: FarEnd) -> None:
    rng = random.Random(12345)  # noqa: S311  # rubbish, no secret
    for number in range(300):
        rubbish = rng.randbytes(rng.choice((0, 1, 11, 12, 20, 172, 1400, 9000)))
        far_end.socket.sendto(rubbish, ("127.0.0.1", far_end.ports.port + number % 2))
        if number % 50 == 0:
            await far_end.hear(len(far_end.heard) // FRAME_BYTES + 1)
    await stream(far_end, quiet_tone(500, 3200, 4000), 160)
    await far_end.hear(len(far_end.heard) // FRAME_BYTES + 2)
    assert any(far_end.heard[-10 * FRAME_BYTES :])
    assert far_end.media.counters["malformed"] > 200


async def test_a_probe_by_stun_gets_no_answer(far_end: FarEnd) -> None:
    prober = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    prober.bind(("127.0.0.1", 0))
    prober.setblocking(False)
    binding = struct.pack("!HHI", 1, 0, 0x2112A442) + bytes(12)
    prober.sendto(binding, ("127.0.0.1", far_end.ports.port))
    await far_end.hear(5)
    with pytest.raises(BlockingIOError):
        prober.recv(2048)
    prober.close()


async def test_reports_that_nothing_arrives_are_passed_on() -> None:
    far = FarEnd()
    told: list[str] = []
    far.media.on_one_way = told.append
    await far.media.open()
    far.send(0, 0, far.codec.encode(quiet_tone(500, 160, 4000)))
    await far.hear(2)
    empty = bytes(RtcpRrPacket(ssrc=7, reports=[]))
    for _ in range(3):
        far.socket.sendto(empty, ("127.0.0.1", far.ports.port + 1))
    await far.hear(25)
    assert told == ["not_heard"]
    assert far.media.counters["one_way"] == 1
    await far.media.close()
    far.socket.close()


async def test_a_silent_far_end_is_noticed_once() -> None:
    far = FarEnd(timeout_s=0.1)
    noticed: list[bool] = []
    far.media.on_timeout = lambda: noticed.append(True)
    await far.media.open()
    await far.hear(20)
    await far.media.close()
    far.socket.close()
    assert noticed == [True]


async def test_a_far_end_that_stays_silent_after_a_hold_is_noticed_again() -> None:
    far = FarEnd(timeout_s=0.1)
    noticed: list[bool] = []
    far.media.on_timeout = lambda: noticed.append(True)
    await far.media.open()
    far.media.move(replace(far.media.agreed, direction="inactive"))
    await far.hear(20)
    assert noticed == []
    far.media.move(replace(far.media.agreed, direction="sendrecv"))
    await far.hear(40)
    await far.media.close()
    far.socket.close()
    assert noticed == [True]


def test_ports_are_handed_out_in_turn_and_run_out() -> None:
    probe = PortRange("127.0.0.1", 0, 0).reserve()
    low = probe.port
    probe.close()
    ports = PortRange("127.0.0.1", low, low + 1)
    first = ports.reserve()
    assert first.port == low
    with pytest.raises(NoPortFree, match="已全部占用"):
        ports.reserve()
    first.close()
    second = ports.reserve()
    assert second.port == low
    second.close()
