"""What is heard of the caller, on its way to the gateway: words, keys, silence."""

from ivr.call_parts import CallParts
from ivr.gate import Gate
from ivr.gateway_loss import GatewayLoss
from ivr.handover import Handover
from ivr.protocol import Dtmf, NoInput, SpeechFinal, SpeechPartial
from ivr.turn_taking import SpeechEnded


class Heard:
    """Implements :class:`ivr.listening.ListeningEvents`; :meth:`keys` is a task of the call."""

    def __init__(self, parts: CallParts, gate: Gate, loss: GatewayLoss, handover: Handover) -> None:
        self._parts = parts
        self._gate = gate
        self._loss = loss
        self._handover = handover

    def barged_in(self) -> None:
        self._parts.playback.stop()

    def words_so_far(self, text: str, start_ms: int) -> None:
        if self._held_back(text):
            return
        wire = self._parts.wire
        wire.send(SpeechPartial(call=wire.call, seq=wire.next(), text=text, start_ms=start_ms))

    def utterance(self, text: str, confidence: float, ended: SpeechEnded) -> None:
        if self._held_back(text) or self._handover.bridged:
            return
        self._parts.turn.wait_for_reply()
        self._loss.owe_a_word()
        wire = self._parts.wire
        wire.send(
            SpeechFinal(
                call=wire.call,
                seq=wire.next(),
                text=text,
                confidence=confidence,
                start_ms=ended.start_ms,
                end_ms=ended.end_ms,
                endpoint_ms=ended.at_ms,
                recogniser=self._parts.around.recognisers.name,
            )
        )

    def utterance_lost(self) -> None:
        if not self._gate.closed and self._handover.idle:
            self._parts.say_own("not_heard")

    def no_input(self, count: int) -> None:
        if self._gate.closed or not self._handover.idle or self._loss.away:
            return
        self._parts.guard.owe()
        wire = self._parts.wire
        wire.send(NoInput(call=wire.call, seq=wire.next(), count=count))

    async def keys(self) -> None:
        """Pass keys on until the call is over; an agent's are not ours."""
        parts = self._parts
        async for digit in parts.leg.dtmf():
            if self._handover.bridged or self._gate.keeps_key(digit):
                continue
            parts.playback.stop(force=digit == "0")
            parts.turn.heard()
            parts.turn.listen_again()
            parts.wire.send(Dtmf(call=parts.wire.call, seq=parts.wire.next(), digit=digit, at_ms=parts.turn.now_ms))

    def _held_back(self, text: str) -> bool:
        """Whether these words stay in the node: a restricted caller's, unless they mean an emergency."""
        if self._gate.keeps_words(text):
            return True
        self._loss.advise(text)
        return False
