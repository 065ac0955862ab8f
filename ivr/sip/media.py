"""The sound of one leg: an aiortp session on one 20 ms clock that sends and receives a frame each tick."""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiortp.clock import MediaClock
from aiortp.codecs import Codec, PcmaCodec, PcmuCodec
from aiortp.dtmf import DtmfReceiver
from aiortp.jitterbuffer import JitterFrame
from aiortp.packet import RtpPacket
from aiortp.playout import AdaptivePlayout
from aiortp.sender import RtpSender
from aiortp.session import RTPSession
from aiortp.transport import RtpTransport

from ivr.sip.contract import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES
from ivr.sip.keys import KeyEvent, KeyReceiver, press
from ivr.sip.playback import Mark, Playback
from ivr.sip.ports import RtpPorts
from ivr.sip.reframer import Reframer
from ivr.sip.session_description import Agreement

SILENCE: Final = bytes(FRAME_BYTES)
RTP_TIMEOUT_S: Final = 30.0
"""A far end that sends neither RTP nor RTCP for this long has gone without a BYE."""
_SOURCE_REST_S: Final = 1.0
"""Another address may take a stream over once its source has been quiet for this long."""
_CN_TYPE: Final = 13
_CODECS: Final[dict[str, type[Codec]]] = {"PCMA": PcmaCodec, "PCMU": PcmuCodec}


@dataclass(slots=True)
class Taps:
    """Ears for measuring at the moments packets come and go, where the jitter buffer has no say."""

    arrival: Callable[[bytes], None] | None = None
    """Samples of each packet as it comes in."""
    departure: Callable[[bytes], None] | None = None
    """Each frame as its packet leaves, silence included: one a tick, so recordings of both ways line up."""


class _Keys(DtmfReceiver):
    """aiortp's place for key packets, reading them our way (on the first packet, see :class:`KeyReceiver`)."""

    def __init__(self, report: Callable[[str], None]) -> None:
        super().__init__(lambda digit, duration: None)
        self._receiver = KeyReceiver(report)

    def handle_packet(self, packet: RtpPacket) -> None:
        self._receiver.feed(packet.timestamp, packet.payload)


class Media(RTPSession):
    """Sends what ``playback`` holds, silence otherwise; gives ``on_frame`` one frame each 20 ms whatever arrives."""

    def __init__(self, agreed: Agreement, ports: RtpPorts, playback: Playback, *, taps: Taps, timeout_s: float) -> None:
        self._g711 = _CODECS[agreed.codec]()
        super().__init__(
            payload_type=agreed.payload_type,
            codec=self._g711,
            dtmf_payload_type=-1 if agreed.keys_in is None else agreed.keys_in,
            cname="hotline",
            symmetric_rtp=True,
            skip_audio_gaps=True,
            jitter_prefetch=0,
            plc=False,
        )
        self._playout = self._buffer = AdaptivePlayout(self._g711)
        self.agreed = agreed
        self.malformed = 0
        self.on_frame: Callable[[bytes], None] = lambda frame: None
        self.on_key: Callable[[str], None] = lambda key: None
        self.on_timeout: Callable[[], None] = lambda: None
        self.taps = taps
        self._ports = ports
        self._playback = playback
        self._timeout_s = timeout_s
        self._dtmf_receiver = _Keys(lambda key: self.on_key(key))
        self._reframer = Reframer(self._g711.encode(b"\0\0"))
        self._silent_payload = self._g711.encode(SILENCE)
        self._key_packets: deque[tuple[KeyEvent, int, asyncio.Future[None] | None]] = deque()
        self._source: tuple[str, int] | None = None
        self._heard_at = 0.0
        self._timed_out = False

    @property
    def port(self) -> int:
        """Our RTP port, as the SDP names it."""
        return self._ports.port

    async def open(self) -> None:
        """Take over the reserved sockets and start the clock."""
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        self._discard_early_packets()
        await self._bind_transports((self._ports.host, self._ports.port), self.agreed.remote)
        self._playout_clock = MediaClock(FRAME_MS / 1000, self._playout_tick)
        self._playout_clock.start()

    async def close(self) -> None:
        self._playback.close()
        self._drop_keys()
        await super().close()

    def move(self, agreed: Agreement) -> None:
        """Follow a re-INVITE: another address or direction; the codec stays."""
        if agreed.remote != self.agreed.remote:
            self.update_remote(agreed.remote)
            self._source = None
        self.agreed = agreed
        self._heard_at = asyncio.get_running_loop().time()

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
        """What the leg reports: packets, losses, jitter in ms, what was concealed or refused."""
        raw: dict[str, Any] = self.stats
        return {
            "packets_sent": float(raw["packets_sent"]),
            "packets_received": float(raw.get("packets_received", 0)),
            "packets_lost": float(max(0, raw.get("packets_lost", 0))),
            "jitter_ms": float(raw.get("jitter", 0)) / 8,
            "concealed_frames": float(raw["concealed_frames"]),
            "malformed": float(self.malformed),
        }

    # --- one tick -----------------------------------------------------------------------------------------------

    def _playout_tick(self) -> None:
        self._send_one()
        frame = self._buffer.tick()
        self.on_frame(SILENCE if frame is None else frame[0])
        if not self._timed_out and asyncio.get_running_loop().time() - self._heard_at > self._timeout_s:
            self._timed_out = True
            if self.agreed.direction in ("sendrecv", "recvonly"):
                self.on_timeout()

    def _send_one(self) -> None:
        sender = self._out
        frame = SILENCE
        marks: tuple[Mark, ...] = ()
        if self._key_packets:
            self._send_key_packet(sender)
        elif self.agreed.direction not in ("sendrecv", "sendonly"):
            sender.advance_timestamp()
        else:
            frame, marks = self._playback.take() or (SILENCE, ())
            payload = self._silent_payload if frame is SILENCE else self._g711.encode(frame)
            sender.send_frame_auto(payload, addr=self._remote_addr)
        for mark in marks:
            mark()
        if self.taps.departure is not None:
            self.taps.departure(frame)

    def _send_key_packet(self, sender: RtpSender) -> None:
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

    def _handle_rtp(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) < 12 or data[0] >> 6 != 2 or not self._known_type(data[1] & 0x7F):
            self.malformed += 1
            return
        now = asyncio.get_running_loop().time()
        if self._source is not None and addr != self._source and now - self._heard_at < _SOURCE_REST_S:
            self.malformed += 1
            return
        self._source = addr
        self._heard_at, self._timed_out = now, False
        try:
            super()._handle_rtp(data, addr)
            self._tell_arrival(data)
        except (ValueError, IndexError, struct.error):
            self.malformed += 1

    def _handle_rtcp(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._source is not None and addr[0] != self._source[0]:
            self.malformed += 1
            return
        self._heard_at = asyncio.get_running_loop().time()
        try:
            super()._handle_rtcp(data, addr)
        except (ValueError, IndexError, struct.error):
            self.malformed += 1

    def _known_type(self, payload_type: int) -> bool:
        return payload_type in (self.agreed.payload_type, self.agreed.keys_in, _CN_TYPE)

    def _tell_arrival(self, data: bytes) -> None:
        if self.taps.arrival is not None and data[1] & 0x7F == self.agreed.payload_type:
            self.taps.arrival(self._g711.decode(RtpPacket.parse(data).payload))

    def _deliver_audio_frame(self, frame: JitterFrame) -> None:
        for timestamp, payload in self._reframer.feed(frame.timestamp, frame.data):
            self._buffer.put(timestamp, payload)

    def _remote_ssrc_changed(self, ssrc: int) -> None:
        super()._remote_ssrc_changed(ssrc)
        self._reframer.reset()

    # --- sockets ------------------------------------------------------------------------------------------------

    async def _bind_transports(self, local_addr: tuple[str, int], remote_addr: tuple[str, int]) -> None:
        """As aiortp's, on sockets that are bound already."""
        self._loop = asyncio.get_running_loop()
        self._remote_addr = remote_addr
        self._remote_rtcp_addr = self._compute_rtcp_addr(remote_addr)
        self._rtp_transport = await self._receive_on(self._ports.rtp)
        self._rtcp_transport = await self._receive_on(self._ports.rtcp)
        self._sender = self._out = RtpSender(
            transport=self._rtp_transport,
            payload_type=self._payload_type,
            ssrc=self._ssrc,
            clock_rate=self._clock_rate,
            enable_history=False,
        )
        self._out.timestamp_increment = FRAME_SAMPLES
        self._rtcp_task = asyncio.create_task(self._run_rtcp(), name="rtcp")

    async def _receive_on(self, sock: socket.socket) -> RtpTransport:
        protocol = RtpTransport(on_rtp=self._handle_rtp, on_rtcp=self._handle_rtcp)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: protocol, sock=sock)
        return protocol

    def _discard_early_packets(self) -> None:
        """Throw away what came in between the SDP and now: it is old."""
        for sock in (self._ports.rtp, self._ports.rtcp):
            with contextlib.suppress(OSError):
                while True:
                    sock.recv(2048)
