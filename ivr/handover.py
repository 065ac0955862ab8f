"""Where a call stands between the bot and a person, and what the gateway is told of it."""

from typing import Literal

from ivr.call_parts import CallParts
from ivr.handover_leg import HandoverLeg, State
from ivr.protocol import Transfer, TransferState


class Handover:
    """``state``: ``over`` once an agent has talked to the caller and gone."""

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self.state: Literal["none", "ringing", "bridged", "over"] = "none"

    @property
    def bridged(self) -> bool:
        return self.state == "bridged"

    @property
    def idle(self) -> bool:
        """Whether nobody else has the caller and nobody is being rung."""
        return self.state in ("none", "over")

    def begin(self, command: Transfer) -> None:
        """Carry ``command`` out, unless one is being carried out."""
        if self.idle:
            self._parts.tasks.start(self._run(command))

    async def _run(self, command: Transfer) -> None:
        parts = self._parts
        self.state = "ringing"
        parts.guard.settle()
        parts.turn.wait_for_reply()

        def on_state(state: State, code: int) -> None:
            self._changed(command.id, state, code)

        await HandoverLeg(parts.around.endpoint, parts.leg, parts.playback, on_state).run(command)

    def _changed(self, id: str, state: State, code: int) -> None:
        wire = self._parts.wire
        if state == "connected":
            self.state = "bridged"
        elif state in ("failed", "ended"):
            self.state = "over" if state == "ended" else "none"
            self._parts.guard.owe()
        wire.send(TransferState(call=wire.call, seq=wire.next(), id=id, state=state, sip_code=code))
