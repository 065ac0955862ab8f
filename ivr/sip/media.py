"""The sound of one leg: one frame out and one frame in on each tick of the shared 20 ms clock."""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiortp.base_session import BaseRTPSession
from aiortp.cn import parse_cn_payload
from aiortp.codecs import Codec, PcmaCodec, PcmuCodec
from aiortp.packet import RtcpPacket, RtcpRrPacket, RtcpSrPacket

from ivr.sip.clock import frame_clock
from ivr.sip.contract import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES
from ivr.sip.inband_keys import InbandKeys
from ivr.sip.keys import KeyEvent, KeyReceiver, press
from ivr.sip.playback import Frame, Playback
from ivr.sip.playout import Playout
from ivr.sip.ports import RtpPorts
from ivr.sip.reframer import Reframer
from ivr.sip.rtp import Packet, Sender, read
from ivr.sip.rtp_socket import MOST_A_TICK, ReportSocket, RtpSocket, is_report
from ivr.sip.session_description import Agreement
from ivr.sip.sound_watch import OneWay, SoundWatch
from ivr.sip.source import Address, SourceLatch
from ivr.sip.stream import Place, Reception, StreamOrder

SILENCE: Final = bytes(FRAME_BYTES)
RTP_TIMEOUT_S: Final = 30.0
"""A far end that sends neither RTP nor RTCP for this long has gone without a BYE."""
_CN_TYPE: Final = 13
_CODECS: Final[dict[str, type[Codec]]] = {"PCMA": PcmaCodec, "PCMU": PcmuCodec}
_LOOK_EVERY: Final = 200 // FRAME_MS
"""Ticks between two looks at what takes seconds."""


@dataclass(slots=True)
class Taps:
    """Ears for measuring at the moments packets come and go, where the jitter buffer has no say."""

    arrival: Callable[[bytes], None] | None = None
    """Samples of each packet as it comes in."""
    departure: Callable[[bytes], None] | None = None
    """Each frame as its packet leaves, silence included: one a tick, so recordings of both ways line up."""


class Media(BaseRTPSession):
    """Sends what ``playback`` holds, silence otherwise; gives ``on_frame`` one frame each 20 ms whatever arrives.

    Packets wait in the socket until the tick, which is when they are needed.
    """

    def __init__(self, agreed: Agreement, ports: RtpPorts, playback: Playback, *, taps: Taps, timeout_s: float) -> None:
        super().__init__(payload_type=agreed.payload_type, cname="hotline", symmetric_rtp=True)
        self._g711 = _CODECS[agreed.codec]()
        self.agreed = agreed
        self.malformed = 0
        self.on_frame: Callable[[bytes], None] = lambda frame: None
        self.on_key: Callable[[str], None] = lambda key: None
        self.on_timeout: Callable[[], None] = lambda: None
        self.on_one_way: Callable[[OneWay], None] = lambda what: None
        self.taps = taps
        self._ports = ports
        self._socket = RtpSocket(ports.rtp)
        self._playback = playback
        playback.encode = self._g711.encode
        self._timeout_s = timeout_s
        self._latch = SourceLatch(agreed.remote)
        self._order = StreamOrder()
        self._reception = Reception()
        self._reframer = Reframer(self._g711.encode(b"\0\0"))
        self._playout = Playout(self._g711)
        self._keys = KeyReceiver(lambda key: self.on_key(key))
        self._inband = InbandKeys() if agreed.keys_in is None else None
        self._silent = Frame(SILENCE, (), self._g711.encode(SILENCE))
        self._key_packets: deque[tuple[KeyEvent, int, asyncio.Future[None] | None]] = deque()
        self._foreign = self._repeated = self._one_way = self._ticks = 0
        self._heard_at = 0.0
        self._timed_out = False

    @property
    def port(self) -> int:
        """Our RTP port, as the SDP names it."""
        return self._ports.port

    async def open(self) -> None:
        """Take over the reserved sockets and start to tick."""
        self._heard_at = asyncio.get_running_loop().time()
        self._watch = SoundWatch(self._heard_at)
        self._socket.discard()
        await self._bind_transports((self._ports.host, self._ports.port), self.agreed.remote)
        frame_clock().join(self._hear, self._speak)

    async def close(self) -> None:
        self._playback.close()
        self._drop_keys()
        frame_clock().leave(self._hear)
        await super().close()

    def move(self, agreed: Agreement) -> None:
        """Follow a re-INVITE: another address or direction; the codec stays."""
        if agreed.remote != self.agreed.remote:
            self.update_remote(agreed.remote)
            self._latch.expect(agreed.remote)
        self.agreed = agreed
        self._heard_at, self._timed_out = asyncio.get_running_loop().time(), False
        self._watch.restart(self._heard_at)

    def press(self, key: str) -> asyncio.Future[None]:
        """Send ``key``; the future is done when its last packet has left. Audio pauses meanwhile (RFC 4733 §2.5.1.2)."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.agreed.keys_out is None or self._closed:
            done.set_result(None)
            return done
        packets = list(press(key))
        for number, event in enumerate(packets, start=1):
            self._key_packets.append((event, number, done if number == len(packets) else None))
        return done

    @property
    def counters(self) -> dict[str, float]:
        """What the leg reports, see :attr:`ivr.sip.contract.CallLeg.stats`."""
        received = self._reception
        return {
            "packets_sent": float(self._sender.packets_sent if self._sender else 0),
            "packets_received": float(received.packets_received),
            "packets_lost": float(received.packets_lost),
            "jitter_ms": received.jitter / 8,
            "concealed_frames": float(self._playout.concealed_frames),
            "late": float(self._playout.late_dropped),
            "repeated": float(self._repeated),
            "malformed": float(self.malformed),
            "foreign": float(self._foreign),
            "stream_changes": float(self._order.changes),
            "one_way": float(self._one_way),
        }

    # --- one tick -----------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        now = asyncio.get_running_loop().time()
        for _ in range(MOST_A_TICK):
            arrival = self._socket.receive()
            if arrival is None:
                break
            data, source, self._playout.clock = arrival
            if is_report(data):
                self._handle_rtcp(data, source)
            else:
                self._take_in(data, source, now)
        self._playout.clock = now
        frame = self._playout.tick()
        self.on_frame(SILENCE if frame is None else frame[0])
        if self._inband is not None and frame is not None:
            self._tell_inband(self._inband.feed(frame[0]))
        self._ticks += 1
        if self._ticks % _LOOK_EVERY == 0:
            self._look(now)

    def _tell_inband(self, key: str | None) -> None:
        if key is not None:
            self.on_key(key)

    def _look(self, now: float) -> None:
        hearing = self.agreed.direction in ("sendrecv", "recvonly")
        heard = self.agreed.direction in ("sendrecv", "sendonly")
        what = self._watch.trouble(now, hearing=hearing, heard=heard)
        if what is not None:
            self._one_way += 1
            self.on_one_way(what)
        if not self._timed_out and now - self._heard_at > self._timeout_s:
            self._timed_out = True
            if hearing:
                self.on_timeout()

    def _speak(self) -> None:
        sender = self._out
        frame = self._silent
        if self._key_packets:
            self._send_key_packet(sender)
        elif self.agreed.direction not in ("sendrecv", "sendonly"):
            sender.advance_timestamp()
        else:
            frame = self._playback.take() or self._silent
            sender.send_audio(frame.payload or self._g711.encode(frame.pcm), self._remote_addr)
        for mark in frame.marks:
            mark()
        if self.taps.departure is not None:
            self.taps.departure(frame.pcm)

    def _send_key_packet(self, sender: Sender) -> None:
        event, number, done = self._key_packets.popleft()
        started = (sender.current_timestamp - (number - 1) * sender.timestamp_increment) % (1 << 32)
        if self.agreed.keys_out is not None:
            marker = 1 if number == 1 else 0
            sender.send_raw(self.agreed.keys_out, event.pack(), started, marker=marker, addr=self._remote_addr)
        sender.advance_timestamp()
        if done is not None and not done.done():
            done.set_result(None)

    def _drop_keys(self) -> None:
        for _, _, done in self._key_packets:
            if done is not None and not done.done():
                done.set_result(None)
        self._key_packets.clear()

    # --- what arrives -------------------------------------------------------------------------------------------

    def _handle_rtp(self, data: bytes, addr: Address) -> None:
        """RTP that came to the RTCP port is nobody's."""
        self.malformed += 1

    def _take_in(self, data: bytes, addr: Address, now: float) -> None:
        packet = read(data)
        if packet is None or not self._makes_sense(packet):
            self.malformed += 1
            return
        if not self._latch.admits(addr, packet, now):
            self._foreign += 1
            return
        self._latch_rtp_addr(addr)
        self._heard_at, self._timed_out = now, False
        place = self._order.place(packet)
        if place is Place.NEXT or place is Place.FIRST:
            if place is Place.FIRST:
                self._remote_ssrc_changed(packet.ssrc)
            self._take(packet)
        elif place is Place.REPEATED:
            self._repeated += 1

    def _makes_sense(self, packet: Packet) -> bool:
        if packet.payload_type == self.agreed.payload_type:
            return bool(packet.payload)
        if packet.payload_type == self.agreed.keys_in:
            return len(packet.payload) >= 4
        return packet.payload_type == _CN_TYPE

    def _take(self, packet: Packet) -> None:
        self._reception.add(packet, self._playout.clock)
        if packet.payload_type == self.agreed.payload_type:
            if self._watch.listening:
                self._watch.audio(packet.payload)
            self._playout.frames_a_packet = len(packet.payload) // FRAME_SAMPLES
            if self._reframer.passes(packet.timestamp, packet.payload):
                self._playout.put(packet.timestamp, packet.payload)
            else:
                for timestamp, payload in self._reframer.feed(packet.timestamp, packet.payload):
                    self._playout.put(timestamp, payload)
            if self.taps.arrival is not None:
                self.taps.arrival(self._g711.decode(packet.payload))
        elif packet.payload_type == self.agreed.keys_in:
            self._watch.noise()
            self._playout.suppress()
            self._keys.feed(packet.timestamp, packet.payload)
        else:
            self._watch.noise()
            self._playout.set_cn(parse_cn_payload(packet.payload), packet.timestamp)

    def _remote_ssrc_changed(self, ssrc: int) -> None:
        self._remote_ssrc = ssrc
        self._reception = Reception()
        self._stream_stats = self._reception  # type: ignore[assignment]  # what aiortp reports from
        self._reframer.reset()
        self._playout.reset()

    def _handle_rtcp(self, data: bytes, addr: Address) -> None:
        if not self._latch.admits_report(addr):
            self._foreign += 1
            return
        try:
            packets = RtcpPacket.parse(data)
        except (ValueError, IndexError, struct.error):
            self.malformed += 1
            return
        self._heard_at = asyncio.get_running_loop().time()
        self._latch_rtcp_addr(addr)
        reports = [packet for packet in packets if isinstance(packet, (RtcpSrPacket, RtcpRrPacket))]
        for packet in reports:
            if isinstance(packet, RtcpSrPacket):
                self._record_incoming_sr(packet.sender_info.ntp_timestamp)
            self._process_receiver_reports(packet.reports)
        if reports:
            ours = [block.fraction_lost for packet in reports for block in packet.reports if block.ssrc == self._ssrc]
            self._watch.report(ours[0] if ours else None)

    # --- sockets ------------------------------------------------------------------------------------------------

    async def _bind_transports(self, local_addr: Address, remote_addr: Address) -> None:
        """As aiortp's, on sockets that are bound already."""
        self._loop = asyncio.get_running_loop()
        self._remote_addr = remote_addr
        self._remote_rtcp_addr = self._compute_rtcp_addr(remote_addr)
        self._rtcp_transport = ReportSocket(on_rtp=self._handle_rtp, on_rtcp=self._handle_rtcp)
        reports = self._rtcp_transport
        await self._loop.create_datagram_endpoint(lambda: reports, sock=self._ports.rtcp)
        self._sender = self._out = Sender(
            transport=self._socket,  # type: ignore[arg-type]  # it sends, which is all a sender asks
            payload_type=self._payload_type,
            ssrc=self._ssrc,
            clock_rate=self._clock_rate,
            enable_history=False,
        )
        self._out.timestamp_increment = FRAME_SAMPLES
        self._rtcp_task = asyncio.create_task(self._run_rtcp(), name="rtcp")

    def _on_closing(self) -> None:
        self._socket.close()
