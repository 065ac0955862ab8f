"""One call, from answer to end: what the caller says goes to the gateway, what it decides comes back to be heard.

The node decides what must happen within 300 ms (turns, barge-in, keys, falling silent); the gateway decides what things mean.
Time is counted in frames of 20 ms from the answer.
"""

import asyncio
from typing import Final, Literal

import structlog

from ivr.call_tasks import CallTasks, first_of
from ivr.handover_leg import HandoverLeg, State
from ivr.listening import Listening
from ivr.playback import Playback, Saying
from ivr.protocol import (
    CallEnded,
    CallStarted,
    Dtmf,
    Expect,
    GatewayFrame,
    HangUp,
    LiveCall,
    NodeFrame,
    NoInput,
    PlaybackDone,
    PlaybackStarted,
    Say,
    SpeechFinal,
    SpeechPartial,
    StopSaying,
    Transfer,
    TransferState,
)
from ivr.rescue import rescue
from ivr.restricted_call import NOTICE_MS, RestrictedCall
from ivr.silence_guard import RECOVERY_MS, SILENCE_MS, SilenceGuard
from ivr.sip.contract import FRAME_MS, CallLeg
from ivr.surroundings import Surroundings
from ivr.turn_taking import SpeechEnded, TurnTaking

_log = structlog.get_logger("ivr")

EndedBy = Literal["caller", "bot", "agent", "policy", "fault"]
PATIENCE_MS: Final = 10_000
"""How long a call waits for a gateway that went away (DESIGN §5)."""
FILLERS: Final = 3
"""So often the caller is asked to wait for an answer; then we listen again, and silence is told to the gateway."""


class CallFlow:
    """Runs one call. ``notice``: the caller is restricted and hears this; ``patience_ms``: set when the gateway is away."""

    def __init__(
        self, leg: CallLeg, around: Surroundings, *, notice: str | None = None, patience_ms: int | None = None
    ) -> None:
        self._leg = leg
        self._around = around
        self._turn = TurnTaking()
        self._playback = Playback(leg, around.voice, self)
        self._listening = Listening(around.recognisers, self._turn, self)
        self._guard = SilenceGuard()
        self._gate = RestrictedCall(around.emergencies, notice) if notice is not None else None
        self._restricted = notice is not None
        self._patience_ms = patience_ms
        self._seq_sent = 0
        self._seq_seen = 0
        self._carried_out: set[str] = set()
        self._let_go = asyncio.Event()
        self._tasks = CallTasks(self._failed)
        self._handover: Literal["none", "ringing", "bridged", "over"] = "none"
        self._ended_by: EndedBy | None = None
        self._told_of_recovery = False
        self._owed_before = False
        self._ask_again = False
        self._advised: set[str] = set()

    @property
    def call_id(self) -> str:
        return self._leg.call_id

    @property
    def restricted(self) -> bool:
        return self._restricted

    @property
    def live(self) -> LiveCall:
        """How this call is named in ``hello``."""
        return LiveCall(
            call=self.call_id,
            number=self._leg.number,
            restricted=self._restricted,
            last_seq_seen=self._seq_seen,
            bridged=self._handover == "bridged",
        )

    async def run(self) -> None:
        """Answer and stay until the call is over. Everything it started has ended when this returns."""
        await self._leg.answer()
        self._announce()
        for work in (self._hear(), self._keys(), self._playback.run(), self._listening.run()):
            self._tasks.start(work)
        if self._gate:
            self._say_notice(self._gate.notice)
        else:
            self._owe_a_word()
        try:
            how = await self._until_over()
        finally:
            await self._tasks.stop()
            await self._listening.close()
        by: EndedBy = "caller" if how == "remote" else "fault" if how == "fault" else self._ended_by or "bot"
        self._send(CallEnded(call=self.call_id, seq=self._next(), ended_by=by, duration_ms=self._turn.now_ms))
        _log.info("call_ended", call=self.call_id, by=by, ms=self._turn.now_ms)

    async def _until_over(self) -> str:
        """Wait for the far end to go or for our own hang-up; ``local``, ``remote`` or ``fault``."""
        await first_of(self._let_go.wait(), self._leg.wait_ended())
        if not self._leg.ended:
            await self._leg.hangup()
        return await self._leg.wait_ended()

    # --- what the gateway asks ----------------------------------------------------------------------------------

    def command(self, frame: GatewayFrame) -> None:
        """Carry out a command, once."""
        self._seq_seen = max(self._seq_seen, frame.seq)
        id = getattr(frame, "id", "")
        if id and id in self._carried_out:
            return
        self._carried_out.add(id)
        if (self._gate and not isinstance(frame, HangUp)) or self._ended_by is not None:
            return
        if isinstance(frame, Say):
            self._guard.settle()
            text = self._around.prompts.get(frame.prompt, frame.text)
            keep = bool(frame.prompt) and text != frame.text
            self._playback.say(Saying(id=frame.id, text=text, barge_in=frame.barge_in, keep=keep))
        elif isinstance(frame, StopSaying):
            self._playback.stop(force=True)
        elif isinstance(frame, Expect):
            self._guard.settle()
            self._turn.expect(frame.state, frame.no_input_s)
            self._listening.expect(frame.hints)
        elif isinstance(frame, Transfer) and self._handover in ("none", "over"):
            self._tasks.start(self._hand_over(frame))
        elif isinstance(frame, HangUp):
            self._tasks.start(self.hang_up(frame.reason))

    async def hang_up(self, by: EndedBy) -> None:
        """End the call after what is being said (at once while an agent is on the line)."""
        self._guard.settle()
        self._ended_by = by
        if self._handover != "bridged":
            await self._playback.idle()
        self._let_go.set()

    def end_now(self) -> None:
        """The node goes down: let the caller go without further words."""
        self._ended_by = self._ended_by or "fault"
        self._let_go.set()

    def link_lost(self) -> None:
        """The gateway is away: hold the caller."""
        if self._patience_ms is None:
            self._patience_ms = self._turn.now_ms + PATIENCE_MS
            self._owed_before = self._guard.owed
            if self._handover in ("none", "over") and not self._gate and self._ended_by is None:
                self._guard.owe(RECOVERY_MS)

    def link_restored(self, *, known: bool) -> None:
        """The gateway is back. ``known`` false: it does not know this call and is told of it anew."""
        if self._patience_ms is None or self._ended_by is not None:
            return
        self._patience_ms = None
        if not known:
            self._announce()
        if self._handover in ("none", "over") and not self._gate:
            self._guard.settle()
            if not known:
                self._guard.owe()
            elif self._owed_before:
                self._ask_again = True
                self._guard.owe(RECOVERY_MS)
            elif self._told_of_recovery:
                self._say_own("resumed")
            else:
                self._turn.listen_again()
        self._told_of_recovery = False

    # --- what is heard ------------------------------------------------------------------------------------------

    def barged_in(self) -> None:
        self._playback.stop()

    def words_so_far(self, text: str, start_ms: int) -> None:
        if self._held_back(text):
            return
        self._send(SpeechPartial(call=self.call_id, seq=self._next(), text=text, start_ms=start_ms))

    def utterance(self, text: str, confidence: float, ended: SpeechEnded) -> None:
        if self._held_back(text) or self._handover == "bridged":
            return
        self._turn.wait_for_reply()
        self._owe_a_word()
        self._send(
            SpeechFinal(
                call=self.call_id,
                seq=self._next(),
                text=text,
                confidence=confidence,
                start_ms=ended.start_ms,
                end_ms=ended.end_ms,
                endpoint_ms=ended.at_ms,
                recogniser=self._around.recognisers.name,
            )
        )

    def utterance_lost(self) -> None:
        if not self._gate and self._handover in ("none", "over"):
            self._say_own("not_heard")

    def no_input(self, count: int) -> None:
        if self._gate or self._handover not in ("none", "over") or self._patience_ms is not None:
            return
        self._guard.owe()
        self._send(NoInput(call=self.call_id, seq=self._next(), count=count))

    def saying_started(self, id: str, synthesis_ms: float) -> None:
        self._send(
            PlaybackStarted(
                call=self.call_id, seq=self._next(), id=id, at_ms=self._turn.now_ms, synthesis_ms=round(synthesis_ms, 1)
            )
        )

    def saying_done(self, id: str, *, interrupted: bool) -> None:
        self._send(PlaybackDone(call=self.call_id, seq=self._next(), id=id, interrupted=interrupted))

    def prompt_started(self, *, barge_in: bool) -> None:
        self._turn.prompt_started(barge_in=barge_in)

    def prompt_ended(self) -> None:
        self._turn.prompt_ended()
        if self._guard.owed:
            self._turn.wait_for_reply()

    # --- inside -------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        async for pcm in self._leg.frames():
            if self._handover == "bridged":
                self._turn.pass_time(FRAME_MS)
                continue
            self._listening.frame(pcm)
            self._keep_company()

    def _keep_company(self) -> None:
        if self._gate and self._gate.over(self._turn.now_ms, speaking=self._turn.speaking):
            self._gate.closing = True
            self._tasks.start(self.hang_up("policy"))
        audible = self._playback.playing or self._turn.speaking or self._handover == "ringing"
        if self._patience_ms is not None and self._turn.now_ms >= self._patience_ms and self._ended_by is None:
            self._give_up()
        elif self._guard.frame(FRAME_MS, audible=audible) and self._ended_by is None:
            self._speak_up()

    def _owe_a_word(self) -> None:
        self._guard.owe(SILENCE_MS if self._patience_ms is None else RECOVERY_MS)

    def _speak_up(self) -> None:
        if self._patience_ms is not None:
            self._told_of_recovery = True
            self._say_own("recovering")
        elif self._ask_again:
            self._ask_again = False
            self._guard.settle()
            self._say_own("again")
        elif self._handover == "over":
            self._say_own("goodbye")
            self._tasks.start(self.hang_up("agent"))
        elif self._guard.told > FILLERS:
            self._guard.settle()
            self._turn.listen_again()
        else:
            self._say_own("wait")

    def _give_up(self) -> None:
        """Nobody answers this caller: another line, or a promise."""
        if self._handover == "bridged" or self._gate:
            return
        self._guard.settle()
        self._ended_by = "fault"
        self._tasks.start(self._rescue())

    async def _rescue(self) -> None:
        await rescue(self._leg, self._playback, self._around)
        self._let_go.set()

    async def _keys(self) -> None:
        async for digit in self._leg.dtmf():
            if self._handover == "bridged":
                continue
            if self._gate:
                if not self._gate.key(digit):
                    continue
                self._open_gate()
            self._playback.stop(force=digit == "0")
            self._turn.heard()
            self._turn.listen_again()
            self._send(Dtmf(call=self.call_id, seq=self._next(), digit=digit, at_ms=self._turn.now_ms))

    def _held_back(self, text: str) -> bool:
        """Whether these words stay in the node: a restricted caller's, unless they mean an emergency."""
        if self._gate:
            if self._gate.words(text) is None:
                return True
            self._open_gate()
        if self._patience_ms is not None:
            self._advise(text)
        return False

    def _advise(self, text: str) -> None:
        """With nobody else to answer, an emergency gets its number from the node itself."""
        incident = self._around.emergencies.find(text)
        if incident and incident.id not in self._advised:
            self._advised.add(incident.id)
            self._playback.stop()
            self._playback.say(Saying(id="", text=incident.advice, barge_in=False))

    def _open_gate(self) -> None:
        """A restricted caller in need: from here on a call like any other."""
        self._gate = None
        self._playback.stop(force=True)
        self._guard.owe()
        _log.info("restricted_call_let_through", call=self.call_id)

    def _say_notice(self, notice: str) -> None:
        gate = self._gate

        def said() -> None:
            if gate:
                gate.notice_said(self._turn.now_ms)

        self._playback.say(Saying(id="", text=notice, barge_in=False, keep=True, limit_ms=NOTICE_MS, then=said))

    def _say_own(self, prompt: str) -> None:
        self._playback.say(Saying(id="", text=self._around.prompts[prompt], keep=True))

    async def _hand_over(self, command: Transfer) -> None:
        self._handover = "ringing"
        self._guard.settle()
        self._turn.wait_for_reply()

        def on_state(state: State, code: int) -> None:
            self._handover_state(command.id, state, code)

        await HandoverLeg(self._around.endpoint, self._leg, self._playback, on_state).run(command)

    def _handover_state(self, id: str, state: State, code: int) -> None:
        if state == "connected":
            self._handover = "bridged"
        elif state in ("failed", "ended"):
            self._handover = "over" if state == "ended" else "none"
            self._guard.owe()
        self._send(TransferState(call=self.call_id, seq=self._next(), id=id, state=state, sip_code=code))

    def _announce(self) -> None:
        self._send(
            CallStarted(
                call=self.call_id,
                seq=self._next(),
                number=self._leg.number,
                called=self._leg.called,
                restricted=self._restricted,
            )
        )

    def _send(self, frame: NodeFrame) -> None:
        self._around.send(frame)

    def _next(self) -> int:
        self._seq_sent += 1
        return self._seq_sent

    def _failed(self, error: BaseException) -> None:
        _log.error("call_task_failed", call=self.call_id, exc_info=error)
        if not self._leg.ended:
            self.end_now()
