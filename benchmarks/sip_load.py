"""Many calls at once from one thread of a process of its own: the load of ``bench media`` and ``bench soak``.

``python -m benchmarks.sip_load JSON`` with the fields of :class:`Plan`; the findings come as one JSON document. Packets are
stamped by the kernel as they arrive, so what is measured does not depend on when this program reads them. It registers
whoever asks, since pyVoIP cannot do without a registrar. Everything stays on 127.0.0.1.
"""

import itertools
import json
import os
import re
import socket
import struct
import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.report import percentile
from ivr.sip.ports import PortRange, RtpPorts

HOST: Final = "127.0.0.1"
IN_TIME_MS: Final = 30.0
"""A packet is delivered in time when it comes no later than this after the one before it."""
_STAMP: Final = 35
"""SO_TIMESTAMPNS."""
_STAMP_SIZE: Final = socket.CMSG_SPACE(16)
_ROUND_S: Final = 0.0025
_SWEEP_ROUNDS: Final = 8
_FRAME_S: Final = 0.02
_THIN_RATE: Final = 45.0
_T1_S: Final = 0.5
_GIVE_UP_S: Final = 8.0
_SDP_PORT: Final = re.compile(r"^m=audio (\d+) ", re.MULTILINE)
_SDP_HOST: Final = re.compile(r"^c=IN IP4 (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to call and how. ``pid``: the measured process."""

    target_port: int
    pid: int
    calls: int
    sip_port: int = 0
    per_second: float = 20.0
    """New calls a second."""
    call_s: float = 0.0
    """How long each call lasts; 0: until the window has passed."""
    settle_s: float = 3.0
    window_s: float = 20.0
    """Only what happens in this time, ``settle_s`` after the last call was answered, is measured (calls that stay)."""
    sound: str = ""
    """A file of µ-law bytes, said again and again; empty: noise."""


@dataclass(slots=True, eq=False)
class Call:
    """One call and what it received."""

    number: int
    ports: RtpPorts
    sound_at: int
    call_id: str = field(default_factory=lambda: os.urandom(8).hex())
    state: str = "waiting"
    began: float = 0.0
    asked: float = 0.0
    waits: float = _T1_S
    answered: float = 0.0
    remote: tuple[str, int] = ("", 0)
    to: str = ""
    contact: str = ""
    sequence: int = 0
    arrived: "array[int]" = field(default_factory=lambda: array("q"))
    numbers: "array[int]" = field(default_factory=lambda: array("H"))


def processor_s(pid: int) -> float:
    """Processor time that process ``pid`` has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Load:
    """Carries a :class:`Plan` out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._target = (HOST, plan.target_port)
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind((HOST, plan.sip_port))
        self._sip.setblocking(False)
        self._own_port = self._sip.getsockname()[1]
        self._sound = Path(plan.sound).read_bytes() if plan.sound else os.urandom(160 * 97)
        self._range = PortRange(HOST, 0, 0)
        self._calls: dict[str, Call] = {}
        self._talking: deque[tuple[float, Call]] = deque()
        self._started = 0
        self._counts = {"answered": 0, "failed": 0, "ended_by_far_end": 0, "thin": 0, "packets": 0}
        self._waits: list[float] = []
        self._window: tuple[float, float, float] | None = None
        """Its start, and the processor time of the measured process and of this one at that moment."""

    def run(self) -> dict[str, Any]:
        """Make the calls; returns what was found."""
        began = time.monotonic()
        findings: dict[str, Any] = {}
        rounds = 0
        while True:
            now = time.monotonic()
            self._start_due(now - began)
            self._signal(now)
            self._speak(now)
            rounds += 1
            if rounds % _SWEEP_ROUNDS == 0:
                self._sweep()
                findings = findings or self._look(now)
                if self._finished(bool(findings)):
                    break
            time.sleep(max(0.0, now + _ROUND_S - time.monotonic()))
        self._sip.close()
        return findings | self._counts | {"answer_ms": self._waits, "own_processor_s": time.process_time()}

    # --- calls --------------------------------------------------------------------------------------------------

    def _start_due(self, elapsed: float) -> None:
        while self._started < min(self._plan.calls, int(elapsed * self._plan.per_second)):
            self._started += 1
            ports = self._range.reserve()
            ports.rtp.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
            call = Call(self._started, ports, 160 * (7 * self._started % (len(self._sound) // 160)))
            call.state, call.began = "inviting", time.monotonic()
            self._calls[call.call_id] = call
            self._invite(call)

    def _finished(self, measured: bool) -> bool:
        if self._started < self._plan.calls:
            return False
        if measured:
            for call in self._calls.values():
                if call.state == "up":
                    self._hang_up(call)
        return not self._calls

    def _close(self, call: Call) -> None:
        call.state = "over"
        call.ports.close()
        del self._calls[call.call_id]

    def _look(self, now: float) -> dict[str, Any]:
        """Open the window when all calls have been up for a while, close it in time; the findings once it is closed."""
        if self._plan.call_s:
            return {}
        if self._window is not None:
            return self._findings(now, *self._window) if now - self._window[0] >= self._plan.window_s else {}
        settled = all(call.state == "up" and now - call.answered > self._plan.settle_s for call in self._calls.values())
        if self._started == self._plan.calls and settled:
            for call in self._calls.values():
                del call.arrived[:], call.numbers[:]
            self._window = (now, processor_s(self._plan.pid), time.process_time())
        return {}

    def _findings(self, now: float, began: float, theirs: float, ours: float) -> dict[str, Any]:
        return {
            "window_s": now - began,
            "processor_s": processor_s(self._plan.pid) - theirs,
            "generator_processor_s": time.process_time() - ours,
            **streams(list(self._calls.values()), now - began),
        }

    # --- sound --------------------------------------------------------------------------------------------------

    def _speak(self, now: float) -> None:
        """Send what is due. All calls send every 20 ms, so the queue stays in order."""
        talking = self._talking
        while talking and talking[0][0] <= now:
            due, call = talking.popleft()
            if call.state != "up":
                continue
            if self._plan.call_s and now - call.answered >= self._plan.call_s:
                self._hang_up(call)
                continue
            call.sequence += 1
            header = struct.pack("!BBHII", 0x80, 0, call.sequence & 0xFFFF, 160 * call.sequence, call.number)
            call.sound_at = (call.sound_at + 160) % (len(self._sound) - 159)
            call.ports.rtp.sendto(header + self._sound[call.sound_at : call.sound_at + 160], call.remote)
            talking.append((due + _FRAME_S, call))

    def _sweep(self) -> None:
        for call in self._calls.values():
            receive = call.ports.rtp.recvmsg
            try:
                while True:
                    data, ancillary, _, _ = receive(2048, _STAMP_SIZE)
                    if len(data) > 12 and ancillary:
                        seconds, nanos = struct.unpack("qq", ancillary[0][2])
                        call.arrived.append(seconds * 1_000_000_000 + nanos)
                        call.numbers.append(data[2] << 8 | data[3])
                        self._counts["packets"] += 1
            except BlockingIOError:
                continue

    # --- signalling ---------------------------------------------------------------------------------------------

    def _signal(self, now: float) -> None:
        for text in self._datagrams():
            first = text.partition("\r\n")[0]
            if first.startswith("SIP/2.0 "):
                self._answered(text, int(first.split()[1]), now)
            elif not first.startswith("ACK "):
                self._asked(text, first.split()[0])
        for call in list(self._calls.values()):
            if call.state in ("inviting", "leaving") and now - call.asked > call.waits:
                self._again(call, now)

    def _datagrams(self) -> Iterator[str]:
        try:
            while True:
                yield self._sip.recv(8192).decode("utf-8", "replace")
        except BlockingIOError:
            return

    def _again(self, call: Call, now: float) -> None:
        if now - call.began > _GIVE_UP_S and call.state == "inviting":
            self._counts["failed"] += 1
            self._close(call)
        elif now - call.began > _GIVE_UP_S:
            self._close(call)
        else:
            call.waits *= 2
            (self._invite if call.state == "inviting" else self._bye)(call)

    def _answered(self, text: str, status: int, now: float) -> None:
        call = self._calls.get(_header(text, "Call-ID"))
        if call is None:
            return
        if _header(text, "CSeq").endswith("BYE"):
            self._close(call)
            return
        if status < 200:
            call.waits = _GIVE_UP_S
            return
        call.to, call.contact = _header(text, "To"), _uri(_header(text, "Contact"))
        self._request(call, "ACK", 1)
        if call.state != "inviting":
            return
        host, port = _SDP_HOST.search(text), _SDP_PORT.search(text)
        if status >= 300 or host is None or port is None:
            self._counts["failed"] += 1
            self._close(call)
            return
        call.state, call.answered, call.remote = "up", now, (host[1], int(port[1]))
        self._counts["answered"] += 1
        self._waits.append((now - call.began) * 1000)
        self._talking.append((now + _FRAME_S, call))

    def _asked(self, text: str, method: str) -> None:
        """A request from the measured side: register whoever asks, take its BYE."""
        lines = [line for line in text.split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq|Contact):", line)]
        answer = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        self._sip.sendto(answer.encode(), self._target)
        call = self._calls.get(_header(text, "Call-ID"))
        if method == "BYE" and call is not None:
            self._counts["ended_by_far_end"] += call.state == "up"
            self._close(call)

    def _invite(self, call: Call) -> None:
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {call.ports.port} RTP/AVP 0 101\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
        )
        self._request(call, "INVITE", 1, sdp)

    def _hang_up(self, call: Call) -> None:
        lasted = time.monotonic() - call.answered
        self._counts["thin"] += self._plan.call_s > 0 and len(call.arrived) < _THIN_RATE * lasted
        call.state, call.began, call.waits = "leaving", time.monotonic(), _T1_S
        self._bye(call)

    def _bye(self, call: Call) -> None:
        self._request(call, "BYE", 2)

    def _request(self, call: Call, method: str, number: int, body: str = "") -> None:
        call.asked = time.monotonic()
        to = call.to or f"<sip:12345@{HOST}:{self._plan.target_port}>"
        lines = [
            f"{method} {call.contact or f'sip:12345@{HOST}:{self._plan.target_port}'} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{self._own_port};branch=z9hG4bK{call.call_id}{method};rport",
            "Max-Forwards: 70",
            f'From: "{call.number}" <sip:1380000{call.number:04d}@{HOST}:{self._own_port}>;tag=t{call.number}',
            f"To: {to}",
            f"Call-ID: {call.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:load@{HOST}:{self._own_port}>",
            "User-Agent: bench",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._sip.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._target)


def streams(calls: list[Call], window_s: float) -> dict[str, Any]:
    """What the calls received in the window: packets a second (mean, and of the worst call), gaps in ms, losses."""
    gaps = [(later - earlier) / 1e6 for call in calls for earlier, later in itertools.pairwise(call.arrived)]
    rates = [len(call.arrived) / window_s for call in calls]
    if not gaps:
        return {"streams": 0}
    return {
        "streams": len(calls),
        "received": sum(len(call.arrived) for call in calls),
        "lost": sum(_missing(call.numbers) for call in calls),
        "rate_mean": sum(rates) / len(rates),
        "rate_worst": min(rates),
        "in_time": sum(gap <= IN_TIME_MS for gap in gaps),
        "gap_ms": {name: percentile(gaps, share) for name, share in _SHARES.items()} | {"worst": max(gaps)},
    }


_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def _missing(numbers: "array[int]") -> int:
    steps = ((later - earlier) % 65_536 for earlier, later in itertools.pairwise(numbers))
    return sum(step - 1 for step in steps if 1 < step < 1000)


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*?)\s*$", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _uri(contact: str) -> str:
    return contact.partition("<")[2].partition(">")[0] or contact


def main(load: Callable[[Plan], dict[str, Any]] = lambda plan: Load(plan).run()) -> None:
    """Entry point of the process."""
    plan = Plan(**json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps({"plan": asdict(plan), **load(plan)}))


if __name__ == "__main__":
    main()
