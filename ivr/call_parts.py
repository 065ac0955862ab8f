"""What the concerns of one call share: its leg, its turns, what is being said, how it ends, and the way to the gateway."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ivr.call_tasks import CallTasks
from ivr.playback import Playback, Saying
from ivr.protocol import CallStarted, NodeFrame
from ivr.silence_guard import SilenceGuard
from ivr.sip.contract import CallLeg
from ivr.surroundings import Surroundings
from ivr.turn_taking import TurnTaking

EndedBy = Literal["caller", "bot", "agent", "policy", "fault"]
Overflow = Literal["", "queue", "notice"]
"""What becomes of a caller for whom no recogniser was free (see :class:`ivr.protocol.CallStarted`)."""


class CallWire:
    """Frames of one call on their way to the gateway, numbered from 1."""

    def __init__(self, call: str, send: Callable[[NodeFrame], None]) -> None:
        self.call = call
        self._send = send
        self._sent = 0

    def next(self) -> int:
        """The number of the frame that is sent next; each is taken once."""
        self._sent += 1
        return self._sent

    def send(self, frame: NodeFrame) -> None:
        self._send(frame)


@dataclass(slots=True)
class CallEnding:
    """``by``: set once the end is decided; ``now``: set when the caller may be let go."""

    by: EndedBy | None = None
    now: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def decided(self) -> bool:
        return self.by is not None


@dataclass(frozen=True, slots=True)
class CallParts:
    """The parts of one call. ``restricted``, ``overflow``: how it was admitted, whatever came of it."""

    leg: CallLeg
    around: Surroundings
    restricted: bool
    turn: TurnTaking
    playback: Playback
    guard: SilenceGuard
    tasks: CallTasks
    wire: CallWire
    ending: CallEnding
    overflow: Overflow = ""

    def say_own(self, prompt: str) -> None:
        """Say one of the node's own prompts."""
        self.playback.say(Saying(id="", text=self.around.prompts[prompt], keep=True))

    def announce(self) -> None:
        """Tell the gateway of the call."""
        self.wire.send(
            CallStarted(
                call=self.leg.call_id,
                seq=self.wire.next(),
                number=self.leg.number,
                called=self.leg.called,
                restricted=self.restricted,
                overflow=self.overflow,
            )
        )

    async def hang_up(self, by: EndedBy, *, at_once: bool = False) -> None:
        """End the call after what is being said, or ``at_once``."""
        self.guard.settle()
        self.ending.by = by
        if not at_once:
            await self.playback.idle()
        self.ending.now.set()
