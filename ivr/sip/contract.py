"""``SipEndpoint`` and ``CallLeg``: what the phone channel asks of any SIP back end.

Audio is always 8 kHz mono int16 little-endian, 20 ms = 160 samples = 320 bytes a frame.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, Protocol

SAMPLE_RATE: Final = 8000
FRAME_SAMPLES: Final = 160
FRAME_BYTES: Final = 320
FRAME_MS: Final = 20


class CallLeg(Protocol):
    """One leg of a call. Every method may be called once the far end has gone; it then does nothing."""

    @property
    def call_id(self) -> str: ...

    @property
    def number(self) -> str | None:
        """The caller's normalised number; ``None`` when withheld."""
        ...

    @property
    def called(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def codec(self) -> str:
        """``PCMA`` or ``PCMU``, once the media is agreed."""
        ...

    async def answer(self) -> None: ...

    async def reject(self, code: int, *, retry_after_s: int | None = None) -> None:
        """Refuse the call, not yet answered, with a SIP ``code``.

        ``retry_after_s`` tells an edge when this node may take calls again (RFC 3261 §20.33): it goes out with a 503
        (and 404, 413, 480, 486, 500, 600, 603, where the RFC allows it); ``None``: nothing is said about it.
        """
        ...

    def play(self, pcm: bytes, mark: Callable[[], None] | None = None) -> None:
        """Queue audio to be sent at its own pace (any whole number of samples; kept in order).

        ``mark`` is called once, at the moment the packet that carries the first sample of this ``pcm`` leaves, so
        the moment an answer starts to be heard is measured where it happens. It is never called when that audio is
        flushed before, or the call ends. With an empty queue that moment is at most 20 ms away.
        """
        ...

    def flush(self) -> int:
        """Drop what is queued and not yet sent, without a click, and go back to 0 dB; returns the number of ms dropped."""
        ...

    def set_gain(self, db: float) -> None:
        """Send what is queued at ``db`` (0: as it is; below −60: silent) from the next frame on, which ramps there.

        Holds until it is set again or the queue is flushed. Ducking a prompt is ``set_gain(-15)``.
        """
        ...

    def on_sent(self, listener: Callable[[bytes], None]) -> None:
        """Have ``listener`` told each frame that leaves, silence included: one for each of :meth:`frames`, within 20 ms of it."""
        ...

    @property
    def queued_ms(self) -> int:
        """Audio queued and not yet sent."""
        ...

    async def drained(self) -> None:
        """Return when everything queued has been sent (or flushed, or the call is over)."""
        ...

    def frames(self) -> AsyncIterator[bytes]:
        """What the far end says, one 20 ms frame at a time at wall-clock pace (silence where packets are missing).

        Several readers may listen at once, each from the moment it starts. Ends with the call.
        """
        ...

    def dtmf(self) -> AsyncIterator[str]:
        """Keys, once each, from ``0123456789*#ABCD``; those pressed before the first reader came are kept for it."""
        ...

    def on_one_way(self, report: Callable[[str], None]) -> None:
        """Have ``report`` called once for each way in which the call turns out to be silent although it is up.

        ``nothing_heard``: no audio packet 5 s after the answer; ``digital_silence``: packets without any sound for 10 s;
        ``not_heard``: the far end reports that nothing of ours arrives.
        """
        ...

    async def send_dtmf(self, digit: str) -> None: ...

    async def refer(self, target: str) -> bool: ...

    async def bridge(self, other: "CallLeg") -> None:
        """Pass audio between the two legs until one of them ends; returns then."""
        ...

    async def hangup(self) -> None: ...

    @property
    def ended(self) -> bool: ...

    async def wait_ended(self) -> str:
        """Return when the leg is over: ``local`` | ``remote`` | ``fault``."""
        ...

    @property
    def stats(self) -> Mapping[str, float]:
        """``packets_sent``, ``packets_received``, ``packets_lost``; where there is media also ``jitter_ms``,
        ``concealed_frames``, ``late`` and ``repeated`` packets, ``malformed`` ones, ``foreign`` ones (of a source that is
        not the far end), ``stream_changes`` (new SSRC) and ``one_way`` (see :meth:`on_one_way`).
        """
        ...


OnCall = Callable[[CallLeg], Awaitable[None]]


class DialFailed(Exception):
    """The far end did not take the call; ``code`` is its SIP answer (408: none came)."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"呼叫未接通：{code} {reason}".strip())
        self.code = code


class SipEndpoint(Protocol):
    """A SIP user agent on one UDP address."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Hang up what is left and free the port."""
        ...

    @property
    def address(self) -> tuple[str, int]: ...

    @property
    def registered(self) -> bool | None:
        """Whether the trunk's registrar sends calls here; ``None``: this node need not register."""
        ...

    def drain(self) -> None:
        """Answer OPTIONS with 503 from here on, so that an edge that probes sends new calls elsewhere.

        Calls that come all the same still reach the handler, which refuses them.
        """
        ...

    def on_call(self, handler: OnCall) -> None:
        """``handler`` is called with each incoming leg, not yet answered (180 is sent)."""
        ...

    async def dial(
        self,
        uri: str,
        *,
        caller: str = "",
        timeout_s: float = 25.0,
        on_ringing: Callable[[], None] | None = None,
    ) -> CallLeg:
        """Call ``uri``; returns the answered leg, or raises :class:`DialFailed`."""
        ...
