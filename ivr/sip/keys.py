"""Telephone keys: RFC 4733 events in and out of an RTP stream, and keys in SIP INFO bodies."""

import re
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

KEYS: Final = "0123456789*#ABCD"
"""Key by its event code (RFC 4733 table 3)."""
_STEP: Final = 160
_WRAP: Final = 1 << 32
_SEGMENT: Final = 0xFFFF
_LIFTED: Final = 240
"""30 ms: presses of one key are further apart, even from a dialling machine."""
_OTHER_WAY_S: Final = 0.8
_FORGET_AFTER: Final = 16
_INFO_SIGNAL: Final = re.compile(r"^\s*Signal\s*=\s*([0-9*#A-Da-d]{1,2})\s*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One telephone-event payload; ``duration`` in samples."""

    code: int
    end: bool
    duration: int
    volume: int = 10

    def pack(self) -> bytes:
        return struct.pack("!BBH", self.code, (0x80 if self.end else 0) | self.volume, self.duration)

    @classmethod
    def parse(cls, payload: bytes) -> "KeyEvent":
        """Raises :class:`ValueError` on a short payload."""
        if len(payload) < 4:
            raise ValueError("telephone-event payload shorter than 4 bytes")
        code, flags, duration = struct.unpack("!BBH", payload[:4])
        return cls(code, bool(flags & 0x80), duration, flags & 0x3F)


@dataclass(slots=True)
class _Press:
    """The newest press: where its latest segment began, and how far it is known to reach."""

    code: int
    started: int
    reached: int
    ended: bool


class KeyReceiver:
    """Reports each key once, on its first packet: packets of one press share their RTP timestamp.

    Reporting on the first packet and not on the end keeps a key alive whose end packets are lost, and answers it 100 ms
    sooner. Marker bits are not needed either. A key held for more than 8 s goes on under a new timestamp
    (RFC 4733 §2.5.1.3), and some gateways give every packet of a press its own: an event that starts where the unended one
    before it reaches is the same press, since nobody lifts a finger for less than 30 ms.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._seen: deque[int] = deque(maxlen=_FORGET_AFTER)
        self._press: _Press | None = None

    def feed(self, timestamp: int, payload: bytes) -> None:
        """Take one packet. Raises :class:`ValueError` on a short payload."""
        event = KeyEvent.parse(payload)
        press = self._press
        if press is not None and timestamp == press.started:
            press.reached = max(press.reached, event.duration)
            press.ended = press.ended or event.end
            return
        if timestamp in self._seen:
            return
        self._seen.append(timestamp)
        goes_on = press is not None and self._goes_on(press, event, timestamp)
        self._press = _Press(event.code, timestamp, event.duration, event.end)
        if not goes_on and event.code < len(KEYS):
            self._report(KEYS[event.code])

    @staticmethod
    def _goes_on(press: _Press, event: KeyEvent, timestamp: int) -> bool:
        if press.ended or event.code != press.code:
            return False
        apart = (timestamp - press.started) % _WRAP
        return apart <= max(press.reached, _STEP) + _LIFTED or apart == _SEGMENT


class OncePerPress:
    """Lets a key through once when a phone sends each press two ways, as RTP events and by INFO."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str, float]] = []

    def new(self, key: str, way: str, at: float) -> bool:
        """Whether ``key``, come by ``way`` at ``at`` (seconds), is a press that no other way has told of."""
        self._waiting = [told for told in self._waiting if at - told[2] < _OTHER_WAY_S]
        for told in self._waiting:
            if told[0] == key and told[1] != way:
                self._waiting.remove(told)
                return False
        self._waiting.append((key, way, at))
        return True


def press(key: str, duration_ms: int = 160) -> Iterator[KeyEvent]:
    """The packets of one press, one each 20 ms: progress, then the end three times (RFC 4733 §2.5.1.4)."""
    code = KEYS.find(key.upper())
    if code < 0 or len(key) != 1:
        raise ValueError(f"没有按键“{key}”：可用 {KEYS}")
    total = max(2 * _STEP, duration_ms * 8)
    for duration in range(_STEP, total, _STEP):
        yield KeyEvent(code, False, duration)
    for _ in range(3):
        yield KeyEvent(code, True, total)


def key_of_info(content_type: str, body: str) -> str | None:
    """The key in an INFO request (``application/dtmf-relay`` or ``application/dtmf``), if it is one."""
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/dtmf-relay":
        match = _INFO_SIGNAL.search(body)
        text = match.group(1) if match else ""
    elif kind == "application/dtmf":
        text = body.strip()
    else:
        return None
    if text.isdigit() and 10 <= int(text) < len(KEYS):
        return KEYS[int(text)]
    return text.upper() if len(text) == 1 and text.upper() in KEYS else None
