"""A call whose gateway went away: the caller is held, taken up again, or saved by the node alone (DESIGN §5)."""

from typing import Final

from ivr.call_parts import CallParts
from ivr.gate import Gate
from ivr.handover import Handover
from ivr.playback import Saying
from ivr.rescue import rescue
from ivr.silence_guard import RECOVERY_MS, SILENCE_MS

PATIENCE_MS: Final = 10_000
"""How long a call waits for a gateway that went away (DESIGN §5)."""


class GatewayLoss:
    """``patience_ms``: until when, on the call's clock, the gateway is waited for; ``None`` while it is there."""

    def __init__(self, parts: CallParts, gate: Gate, handover: Handover, patience_ms: int | None) -> None:
        self._parts = parts
        self._gate = gate
        self._handover = handover
        self._patience_ms = patience_ms
        self._told = False
        self._owed_before = False
        self._ask_again = False
        self._advised: set[str] = set()

    @property
    def away(self) -> bool:
        return self._patience_ms is not None

    def lost(self) -> None:
        """The gateway is away: hold the caller."""
        parts = self._parts
        if self._patience_ms is None:
            self._patience_ms = parts.turn.now_ms + PATIENCE_MS
            self._owed_before = parts.guard.owed
            if self._handover.idle and not self._gate.closed and not parts.ending.decided:
                parts.guard.owe(RECOVERY_MS)

    def restored(self, *, known: bool) -> None:
        """The gateway is back. ``known`` false: it does not know this call and is told of it anew."""
        parts = self._parts
        if self._patience_ms is None or parts.ending.decided:
            return
        self._patience_ms = None
        if not known:
            parts.announce()
        if self._handover.idle and not self._gate.closed:
            parts.guard.settle()
            if not known:
                parts.guard.owe()
            elif self._owed_before:
                self._ask_again = True
                parts.guard.owe(RECOVERY_MS)
            elif self._told:
                parts.say_own("resumed")
            else:
                parts.turn.listen_again()
        self._told = False

    def owe_a_word(self) -> None:
        """The next word must come from us."""
        self._parts.guard.owe(RECOVERY_MS if self.away else SILENCE_MS)

    def speaks_up(self) -> bool:
        """The silence has lasted too long: say what the loss makes necessary, if it does."""
        if self.away:
            self._told = True
            self._parts.say_own("recovering")
            return True
        if self._ask_again:
            self._ask_again = False
            self._parts.guard.settle()
            self._parts.say_own("again")
            return True
        return False

    def advise(self, text: str) -> None:
        """With nobody else to answer, an emergency gets its number from the node itself."""
        incident = self._parts.around.emergencies.find(text) if self.away else None
        if incident and incident.id not in self._advised:
            self._advised.add(incident.id)
            self._parts.playback.stop()
            self._parts.playback.say(Saying(id="", text=incident.advice, barge_in=False))

    def gave_up(self) -> bool:
        """Whether nobody has come for this caller in time; then another line is sought, or a promise made."""
        parts = self._parts
        if self._patience_ms is None or parts.turn.now_ms < self._patience_ms or parts.ending.decided:
            return False
        if self._handover.state == "over":
            return False
        if not self._handover.bridged and not self._gate.closed:
            parts.guard.settle()
            parts.ending.by = "fault"
            parts.tasks.start(self._rescue())
        return True

    async def _rescue(self) -> None:
        await rescue(self._parts.leg, self._parts.playback, self._parts.around)
        self._parts.ending.now.set()
