"""What is heard of the caller, on its way to the gateway: words, keys, silence."""

from collections.abc import Awaitable, Callable
from typing import Final

from ivr.barge_in import BargeIn
from ivr.call_parts import CallParts
from ivr.gate import Gate
from ivr.gateway_loss import GatewayLoss
from ivr.handover import Handover
from ivr.protocol import Dtmf, NoInput, SpeechFinal, SpeechPartial
from ivr.turn_taking import SpeechEnded
from ivr.utterance_forms import is_back_channel

ANSWERED_EARLY_MS: Final = 4000
"""Over the last so much of a yes-or-no question 对 is its answer; before, it only says that the caller is listening."""
MOST_NOISES: Final = 3
"""So many stretches of sound without a word, and the line is not held for them any longer."""
_SHORT_ANSWERS: Final = frozenset({"choose", "digits"})
_WORDS: Final = 2
_UNSURE: Final = 0.35
"""Over a prompt one character, or words as unsure as this, are an “嗯” or a cough that was heard as a word."""
PERSON_KEY: Final = "0"
"""Heard at once, whatever is being said."""
WAITING: Final = "waiting"
"""The state in which the caller waits for a person: a television beside him costs him no place."""


class Heard:
    """Implements :class:`ivr.listening.ListeningEvents`; :meth:`keys` is a task of the call."""

    def __init__(self, parts: CallParts, gate: Gate, loss: GatewayLoss, handover: Handover) -> None:
        self._parts = parts
        self._gate = gate
        self._loss = loss
        self._handover = handover
        self._noises = 0
        self._understood = False
        self.finish_utterance: Callable[[], Awaitable[None]] | None = None
        """Set by the call: ends what is being said, so that a key comes after it."""

    def over_prompt(self, do: BargeIn) -> None:
        """Somebody speaks over a prompt that may be interrupted."""
        playback = self._parts.playback
        match do:
            case BargeIn.DUCK:
                playback.duck()
            case BargeIn.HOLD:
                playback.hold()
            case BargeIn.STOP:
                playback.stop()
            case BargeIn.RESUME:
                playback.resume()

    def words_so_far(self, text: str, start_ms: int, *, settled: bool) -> None:
        if self._held_back(text):
            return
        wire = self._parts.wire
        frame = SpeechPartial(call=wire.call, seq=wire.next(), text=text, start_ms=start_ms, settled=settled)
        wire.send(frame)

    def utterance(self, text: str, confidence: float, ended: SpeechEnded) -> None:
        if self._held_back(text) or self._handover.bridged:
            return
        self._noises = 0
        self._understood = True
        if ended.over_prompt:
            if self._only_listens(text, confidence):
                self._parts.playback.resume()
                self._parts.turn.listen_again()
                return
            self._parts.playback.stop()
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
        self._parts.playback.stop()
        if not self._gate.closed and self._handover.idle:
            self._parts.say_own("not_heard")

    def nothing_said(self) -> None:
        self._parts.playback.resume()

    def noise(self) -> None:
        """Tell the caller that only noise is heard; the third time end politely, or fetch a person for somebody who spoke."""
        parts = self._parts
        busy = self._gate.closed or not self._handover.idle or self._loss.away or parts.ending.decided
        if busy or parts.turn.prompted or parts.turn.state == WAITING:
            return
        self._noises += 1
        if self._noises < MOST_NOISES:
            parts.say_own("noise" if self._noises == 1 else "noise_again")
        elif self._understood:
            self.no_input(MOST_NOISES)
        else:
            parts.say_own("noise_goodbye")
            parts.tasks.start(parts.hang_up("bot"))

    def no_sound(self, what: str) -> None:
        """Something is wrong with the sound (:meth:`ivr.sip.contract.CallLeg.on_one_way`).

        A caller of whom nothing comes can still press keys: he is told so once. One whose phone sends silence may only be listening.
        """
        parts = self._parts
        busy = self._gate.closed or not self._handover.idle or self._loss.away or parts.ending.decided
        if what == "nothing_heard" and not busy and parts.turn.state != WAITING:
            parts.say_own("no_sound")

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
            if digit != PERSON_KEY and self.finish_utterance:
                await self.finish_utterance()
            self._noises = 0
            self._understood = True
            parts.playback.stop(force=digit == PERSON_KEY)
            parts.turn.heard()
            parts.turn.listen_again()
            parts.wire.send(Dtmf(call=parts.wire.call, seq=parts.wire.next(), digit=digit, at_ms=parts.turn.now_ms))

    def _only_listens(self, text: str, confidence: float) -> bool:
        """Whether words said over a prompt are no turn: the prompt still goes on, and they do not answer its question."""
        playback, state = self._parts.playback, self._parts.turn.state
        if not playback.playing:
            return False
        if state == "confirm":
            return is_back_channel(text) and playback.left_ms > ANSWERED_EARLY_MS
        if is_back_channel(text):
            return True
        return state not in _SHORT_ANSWERS and (len(text) < _WORDS or confidence < _UNSURE)

    def _held_back(self, text: str) -> bool:
        """Whether these words stay in the node: a restricted caller's, unless they mean an emergency."""
        if self._gate.keeps_words(text):
            return True
        self._loss.advise(text)
        return False
