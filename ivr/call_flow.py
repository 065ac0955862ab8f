"""One call, from answer to end: what the caller says goes to the gateway, what it decides comes back to be heard.

The node decides what must happen within 300 ms (turns, barge-in, keys, falling silent); the gateway decides what things mean.
Each concern has a module: :mod:`ivr.heard` (words and keys on their way out), :mod:`ivr.gate` (restricted callers),
:mod:`ivr.gateway_loss`, :mod:`ivr.handover`. Time is counted in frames of 20 ms from the answer.
"""

from typing import Final

import structlog

from ivr.call_parts import CallEnding, CallParts, CallWire, EndedBy, Overflow
from ivr.call_tasks import CallTasks, first_of
from ivr.gate import Gate
from ivr.gateway_loss import PATIENCE_MS, GatewayLoss
from ivr.handover import Handover
from ivr.heard import Heard
from ivr.hold_audio import HoldAudio
from ivr.listening import Listening
from ivr.playback import Playback, Saying
from ivr.protocol import (
    CallEnded,
    Expect,
    GatewayFrame,
    HangUp,
    LiveCall,
    PlaybackDone,
    PlaybackStarted,
    RecordingPause,
    RecordingResume,
    Say,
    StopSaying,
    Transfer,
)
from ivr.protocol import HoldAudio as HoldAudioSwitch
from ivr.recording import CallRecording
from ivr.rescue import promise
from ivr.silence_guard import SilenceGuard
from ivr.sip.contract import FRAME_BYTES, FRAME_MS, CallLeg
from ivr.surroundings import Surroundings
from ivr.turn_taking import TurnTaking

__all__ = ["FILLERS", "PATIENCE_MS", "CallFlow", "EndedBy"]

_log = structlog.get_logger("ivr")

FILLERS: Final = 3
"""So often the caller is asked to wait for an answer; then we listen again, and silence is told to the gateway."""
_SILENCE: Final = bytes(FRAME_BYTES)


class CallFlow:
    """Runs one call. ``notice``: this is all that the caller hears, being restricted or beyond our means (``overflow``).

    ``overflow``: he is not listened to, only his keys count. ``patience_ms``: set when the gateway is away.
    """

    def __init__(
        self,
        leg: CallLeg,
        around: Surroundings,
        *,
        notice: str | None = None,
        overflow: Overflow = "",
        patience_ms: int | None = None,
    ) -> None:
        self._leg = leg
        self._turn = TurnTaking()
        self._hold = HoldAudio(leg, around.hold_sound, around.voice, self._may_hold)
        self._playback = Playback(leg, self._hold.voice, self)
        self._guard = SilenceGuard()
        self._tasks = CallTasks(self._failed)
        self._wire = CallWire(leg.call_id, around.send)
        self._ending = CallEnding()
        self._parts = CallParts(
            leg,
            around,
            notice is not None and not overflow,
            self._turn,
            self._playback,
            self._guard,
            self._tasks,
            self._wire,
            self._ending,
            overflow,
        )
        self._gate = Gate(self._parts, notice)
        self._handover = Handover(self._parts)
        self._loss = GatewayLoss(self._parts, self._gate, self._handover, patience_ms)
        self._heard = Heard(self._parts, self._gate, self._loss, self._handover)
        self._listening = Listening(around.recognisers, self._turn, self._heard)
        self._heard.finish_utterance = self._listening.finish_utterance
        leg.on_one_way(self._heard.no_sound)
        self._prompts = around.prompts
        self._recording: CallRecording | None = None
        self._seq_seen = 0
        self._carried_out: set[str] = set()

    @property
    def call_id(self) -> str:
        return self._leg.call_id

    @property
    def restricted(self) -> bool:
        return self._parts.restricted

    @property
    def listened_to(self) -> bool:
        """Whether a recogniser hears this caller."""
        return not self._parts.overflow

    @property
    def live(self) -> LiveCall:
        """How this call is named in ``hello``."""
        return LiveCall(
            call=self.call_id,
            number=self._leg.number,
            restricted=self.restricted,
            last_seq_seen=self._seq_seen,
            bridged=self._handover.bridged,
        )

    async def run(self) -> None:
        """Answer and stay until the call is over. Everything it started has ended when this returns."""
        await self._leg.answer()
        self._parts.announce()
        for work in (
            self._hear(),
            self._heard.keys(),
            self._playback.run(),
            self._listening.run(),
            self._hold.run(self._playback),
        ):
            self._tasks.start(work)
        if self._gate.closed:
            self._gate.say_notice()
        else:
            self._loss.owe_a_word()
        try:
            how = await self._until_over()
        finally:
            await self._tasks.stop()
            await self._listening.close()
            if self._recording:
                self._recording.close()
        by: EndedBy = "caller" if how == "remote" else "fault" if how == "fault" else self._ending.by or "bot"
        self._wire.send(CallEnded(call=self.call_id, seq=self._wire.next(), ended_by=by, duration_ms=self._turn.now_ms))
        _log.info("call_ended", call=self.call_id, by=by, ms=self._turn.now_ms)

    async def _until_over(self) -> str:
        """Wait for the far end to go or for our own hang-up; ``local``, ``remote`` or ``fault``."""
        await first_of(self._ending.now.wait(), self._leg.wait_ended())
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
        if (self._gate.closed and not isinstance(frame, HangUp)) or self._ending.decided:
            return
        if isinstance(frame, Say):
            self._guard.settle()
            text = self._prompts.get(frame.prompt, frame.text)
            keep = bool(frame.prompt) and text != frame.text
            self._playback.say(Saying(id=frame.id, text=text, barge_in=frame.barge_in, keep=keep))
        elif isinstance(frame, StopSaying):
            self._playback.stop(force=True)
        elif isinstance(frame, Expect):
            self._guard.settle()
            self._turn.expect(frame.state, frame.no_input_s, digits=frame.digits)
            self._listening.expect(frame.hints)
        elif isinstance(frame, RecordingPause | RecordingResume):
            self._pause_recording(frame)
        elif isinstance(frame, HoldAudioSwitch):
            self._hold.switch(frame.on)
        elif isinstance(frame, Transfer):
            self._hold.switch(False)
            self._handover.begin(frame)
        elif isinstance(frame, HangUp):
            self._tasks.start(self.hang_up(frame.reason))

    async def hang_up(self, by: EndedBy) -> None:
        """End the call after what is being said (at once while an agent is on the line)."""
        await self._parts.hang_up(by, at_once=self._handover.bridged)

    def end_with_promise(self) -> None:
        """The node must leave: the bot's caller is promised a call back, an agent's is let go."""
        if self._ending.decided or self._handover.bridged or self._gate.closed:
            self.end_now()
            return
        self._ending.by = "fault"
        self._guard.settle()
        self._tasks.start(self._promise())

    def end_now(self) -> None:
        """The node goes down: let the caller go without further words."""
        self._ending.by = self._ending.by or "fault"
        self._ending.now.set()

    def link_lost(self) -> None:
        """The gateway is away: hold the caller."""
        self._loss.lost()

    def link_restored(self, *, known: bool) -> None:
        """The gateway is back. ``known`` false: it does not know this call and is told of it anew."""
        if not known:
            self._hold.switch(False)
        self._loss.restored(known=known)

    # --- what is said -------------------------------------------------------------------------------------------

    def saying_started(self, id: str, synthesis_ms: float) -> None:
        self._wire.send(
            PlaybackStarted(
                call=self.call_id,
                seq=self._wire.next(),
                id=id,
                at_ms=self._turn.now_ms,
                synthesis_ms=round(synthesis_ms, 1),
            )
        )

    def saying_done(self, id: str, *, interrupted: bool, said_ms: int, unsaid: str) -> None:
        self._wire.send(
            PlaybackDone(
                call=self.call_id,
                seq=self._wire.next(),
                id=id,
                interrupted=interrupted,
                said_ms=said_ms,
                unsaid=unsaid,
            )
        )

    def prompt_started(self, *, barge_in: bool) -> None:
        self._turn.prompt_started(barge_in=barge_in)

    def prompt_ended(self) -> None:
        self._turn.prompt_ended()
        if self._guard.owed:
            self._turn.wait_for_reply()

    # --- inside -------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        frames = self._leg.frames()
        recording = self._recording = self._begin_recording()
        async for pcm in frames:
            if recording:
                recording.heard(pcm)
            if self._handover.bridged:
                self._turn.pass_time(FRAME_MS)
                continue
            self._listening.frame(_SILENCE if self._parts.overflow else pcm)
            self._keep_company()

    async def _promise(self) -> None:
        await promise(self._leg, self._playback, self._parts.around)
        self._ending.now.set()

    def _may_hold(self) -> bool:
        return self._handover.idle and not self._ending.decided

    def _begin_recording(self) -> CallRecording | None:
        """Record from the first frame that is listened to; a restricted caller's notice is not recorded."""
        around = self._parts.around
        if around.recordings is None or self._gate.closed:
            return None
        recording = around.recordings.begin(self.call_id, around.clock.now())
        if recording:
            self._leg.on_sent(recording.sent)
        return recording

    def _pause_recording(self, frame: RecordingPause | RecordingResume) -> None:
        if self._recording is None:
            return
        if isinstance(frame, RecordingPause):
            self._recording.pause(frame.from_ms)
        else:
            self._recording.resume()

    def _keep_company(self) -> None:
        """Nobody waits in silence, and nobody for ever."""
        self._gate.frame()
        audible = self._playback.playing or self._turn.speaking or self._handover.state == "ringing"
        if self._loss.gave_up():
            return
        if self._guard.frame(FRAME_MS, audible=audible) and not self._ending.decided:
            self._speak_up()

    def _speak_up(self) -> None:
        if self._handover.state == "over":
            self._parts.say_own("goodbye")
            self._tasks.start(self.hang_up("agent"))
        elif self._loss.speaks_up():
            return
        elif self._guard.told > FILLERS:
            self._guard.settle()
            self._turn.listen_again()
        else:
            self._parts.say_own("wait")

    def _failed(self, error: BaseException) -> None:
        _log.error("call_task_failed", call=self.call_id, exc_info=error)
        if not self._leg.ended:
            self.end_now()
