"""One call's conversation: what the node hears becomes turns of the dialogue, what the dialogue answers is said.

Turns of a call go one after the other. When the caller has said something newer by the time an answer is ready, only the
newest answer is spoken, unless the older one does something or must be heard (a ticket number, an emergency).
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

from desk.contract import HandoverRequest, QueueState
from dialog.contract import Channel, Contact, Do, Reply, Said, Utterance
from gateway import metrics
from gateway.call_limits import END_TEXT, WARNING_TEXT, LongestCall, overflow_opening
from gateway.keypad import Keypad
from gateway.phone_line import (
    FAILED_TEXT,
    GOODBYE_TEXT,
    NO_CORE_TEXT,
    NO_DESK_TEXT,
    PHONE_FAILED_TEXT,
    PhoneLine,
)
from gateway.phone_secrets import PhoneSecrets
from gateway.phone_surroundings import Around, Mode
from gateway.phone_waiting import PhoneWaiting
from gateway.timeline import CallTimeline
from ivr.protocol import (
    CallEnded,
    CallStarted,
    Dtmf,
    NodeFrame,
    NoInput,
    PlaybackStarted,
    SpeechFinal,
    SpeechPartial,
    TransferState,
)

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class _Pending:
    """A turn to be taken: words, or silence for the ``silence``-th time."""

    utterance: Utterance | None
    received: float
    silence: int = 0
    endpoint_ms: int | None = None
    endpointing_ms: int = 0


class PhoneCall:
    """One call. Frames are put in with :meth:`take`; :meth:`run` lives as long as the call."""

    def __init__(self, call: str, timeline: CallTimeline, around: Around) -> None:
        self.call: Final = call
        self.conversation_id = ""
        self.mode = Mode.TALKING
        self.timeline: Final = timeline
        self._around = around
        self._line = PhoneLine(call, around.send)
        self._inbox: asyncio.Queue[NodeFrame] = asyncio.Queue()
        self._pending: deque[_Pending] = deque()
        self._turning: asyncio.Task[None] | None = None
        self._superseded = 0
        self._cut_off_ms: int | None = None
        self._cut_off_text = ""
        self._keypad = Keypad(self._keyed)
        self._waiting = PhoneWaiting(self._line, around.desk)
        self._secrets = PhoneSecrets(self._line)
        self._farewell = ""
        self._longest = LongestCall(around.longest_call_s)

    def take(self, frame: NodeFrame) -> None:
        """A frame from the node."""
        self._inbox.put_nowait(frame)

    def pass_time(self) -> None:
        """Every second or so: end a call that has long enough had the bot; never one in an emergency or with a person."""
        if self.mode is not Mode.TALKING or self.timeline.emergency:
            return
        match self._longest.due(self._around.clock.monotonic() - self.timeline.started):
            case "warn":
                self._line.say(WARNING_TEXT)
            case "end":
                log.info("longest_call_reached", call=self.call)
                self._line.say(END_TEXT, barge_in=False)
                self._hang_up("bot")

    async def run(self) -> None:
        """Live until ``call.ended``."""
        try:
            while True:
                frame = await self._inbox.get()
                try:
                    await self._frame(frame)
                except Exception:
                    log.exception("call_frame_failed", call=self.call, frame=frame.type)
                    await self._fail()
                if isinstance(frame, CallEnded):
                    return
        finally:
            self._keypad.close()
            await self._stop_turning()

    async def _frame(self, frame: NodeFrame) -> None:
        match frame:
            case CallStarted():
                await self._open(frame)
            case SpeechPartial():
                await self._partial(frame)
            case SpeechFinal():
                await self._final(frame)
            case Dtmf():
                await self._key(frame.digit)
            case NoInput():
                await self._silence(frame.count)
            case PlaybackStarted():
                self._heard(frame)
            case TransferState():
                await self._transfer_state(frame)
            case CallEnded():
                await self._close(frame)
            case _:
                pass

    async def _open(self, frame: CallStarted) -> None:
        if self.conversation_id:
            return
        contact = Contact(frame.number, restricted=frame.restricted)
        self._waiting.number_known = frame.number is not None
        around, started = self._around, self._around.clock.monotonic()
        try:
            self.conversation_id, reply = await around.dialog.open(
                Channel.PHONE, contact, frame.call, around.clock.now()
            )
        except Exception:
            log.exception("dialog_open_failed", call=self.call)
            self._line.say(NO_CORE_TEXT, barge_in=False)
            self._hang_up("bot")
            return
        greeted = not frame.restricted and not frame.overflow
        ids = self._render(reply) if greeted else ()
        line = self.timeline.turn("", reply, now=around.clock.monotonic(), say_ids=ids)
        line.stages["dialog_ms"] = (around.clock.monotonic() - started) * 1000
        if greeted:
            await self._carry_out(reply)
        elif frame.overflow == "queue":
            self._line.say(overflow_opening("".join(message.speech for message in reply.messages)), barge_in=False)
            await self._queue(HandoverRequest(self.conversation_id, "overflow"))

    # --- what the caller says --------------------------------------------------------------------------------------

    async def _partial(self, frame: SpeechPartial) -> None:
        """Words still being said: an emergency or a call for a person is answered at once."""
        self._secrets.heard(frame)
        if self.mode not in {Mode.TALKING, Mode.QUEUED} or frame.start_ms == self._cut_off_ms or not frame.text:
            return
        if not self.conversation_id or (self.mode is Mode.QUEUED and self.timeline.emergency):
            return
        around, started = self._around, self._around.clock.monotonic()
        reply = await around.dialog.partial(self.conversation_id, frame.text, around.clock.now(), settled=frame.settled)
        if reply is None or (self.mode is Mode.QUEUED and not reply.emergency):
            return
        self._cut_off_ms, self._cut_off_text = frame.start_ms, frame.text
        self._superseded += 1
        self._pending.clear()
        self._line.fall_silent()
        await self._answer(frame.text, reply, started)

    async def _final(self, frame: SpeechFinal) -> None:
        self._secrets.heard(frame)
        if self.mode is Mode.QUEUED:
            await self._while_queued(frame)
            return
        if self.mode is not Mode.TALKING or frame.start_ms == self._cut_off_ms or not frame.text:
            return
        utterance = Utterance(frame.text, Said.SPEECH, frame.confidence, frame.start_ms, frame.end_ms)
        self._take_turn(
            _Pending(
                utterance,
                self._around.clock.monotonic(),
                endpoint_ms=frame.endpoint_ms,
                endpointing_ms=frame.endpoint_ms - frame.end_ms,
            )
        )

    async def _while_queued(self, frame: SpeechFinal) -> None:
        """Words said while waiting are for the agent to read, and an emergency is still heard."""
        if frame.start_ms == self._cut_off_ms and frame.text == self._cut_off_text:
            return  # what brought him into the queue, and no word more
        if frame.start_ms != self._cut_off_ms:
            await self._partial(SpeechPartial(call=self.call, text=frame.text, start_ms=frame.start_ms))
        await self._around.desk.record(self.conversation_id, "citizen", frame.text)
        if self.mode is Mode.QUEUED:
            self._waiting.remind(self.conversation_id)

    async def _key(self, digit: str) -> None:
        """A key: for the desk while the caller waits, else an answer."""
        if self.mode is Mode.QUEUED:
            await self._waiting.key(self.conversation_id, digit)
        if self.mode is not Mode.TALKING or not self.conversation_id:
            return
        self._keypad.press(digit, busy=self._turning is not None)

    def _keyed(self, keys: str) -> None:
        """One answer by keys is complete."""
        if self.mode is Mode.TALKING:
            self._line.fall_silent()
            self._take_turn(_Pending(Utterance(keys, Said.KEYS), self._around.clock.monotonic()))

    async def _silence(self, count: int) -> None:
        if self.mode is Mode.QUEUED:
            self._waiting.remind(self.conversation_id)
        elif self.mode is Mode.TALKING and not self._pending and self._turning is None:
            self._take_turn(_Pending(None, self._around.clock.monotonic(), silence=count))

    # --- turns -----------------------------------------------------------------------------------------------------

    def _take_turn(self, pending: _Pending) -> None:
        self._pending.append(pending)
        if self._turning is None:
            self._turning = asyncio.create_task(self._turns(), name="phone-turns")

    async def _turns(self) -> None:
        try:
            while self._pending and self.mode is Mode.TALKING:
                pending, mark = self._pending.popleft(), self._superseded
                try:
                    reply = await self._ask(pending)
                except Exception:
                    log.exception("dialog_turn_failed", call=self.call)
                    await self._fail()
                    return
                stale = bool(self._pending) or mark != self._superseded
                if not stale or _must_be_heard(reply):
                    said = pending.utterance.text if pending.utterance else ""
                    await self._answer(said, reply, pending.received, pending)
        finally:
            self._turning = None

    async def _ask(self, pending: _Pending) -> Reply:
        around, at = self._around, self._around.clock.now()
        if pending.utterance is None:
            return await around.dialog.silence(self.conversation_id, pending.silence, at)
        return await around.dialog.turn(self.conversation_id, pending.utterance, at)

    async def _answer(self, said: str, reply: Reply, received: float, pending: _Pending | None = None) -> None:
        now = self._around.clock.monotonic()
        line = self.timeline.turn(said, reply, now=now, say_ids=self._render(reply))
        line.stages["dialog_ms"] = (now - received) * 1000
        if pending is not None and pending.endpoint_ms is not None:
            line.endpoint_ms = pending.endpoint_ms
            line.stages["endpointing_ms"] = pending.endpointing_ms
        metrics.TURNS.labels("phone", reply.engine or "none").inc()
        metrics.DIALOG_SECONDS.observe(now - received)
        await self._carry_out(reply)
        await self._around.desk.changed(self.conversation_id)

    def _render(self, reply: Reply) -> tuple[str, ...]:
        ids = self._line.render(reply)
        self._keypad.expected(reply.expect)
        return ids

    async def _carry_out(self, reply: Reply) -> None:
        for directive in reply.directives:
            if directive.do is Do.TRANSFER:
                await self._queue(
                    HandoverRequest(
                        self.conversation_id,
                        directive.reason or "asked",
                        directive.priority,
                        directive.emergency_number,
                    )
                )
            else:
                self._hang_up("bot")

    async def _queue(self, request: HandoverRequest) -> None:
        """Ask the desk for a person; from here on the caller waits."""
        if self.mode is Mode.TALKING:
            self.mode = Mode.QUEUED
            self._waiting.begin()
            self.timeline.transfer = {"agent": None, "ms": None, "connected": False}
            self.timeline.transfer_from = self._around.clock.monotonic()
        self._waiting.emergency = self._waiting.emergency or request.reason == "emergency"
        await self._around.desk.request(request)

    async def _fail(self) -> None:
        """A part of ours failed: a person takes over; without even a desk, an honest end."""
        if self.mode not in {Mode.TALKING, Mode.QUEUED}:
            return
        metrics.FAILURES.labels("phone").inc()
        self._pending.clear()
        try:
            if self.mode is Mode.TALKING:
                self._line.say(FAILED_TEXT)
                await self._queue(HandoverRequest(self.conversation_id, "failed"))
        except Exception:
            log.exception("handover_failed", call=self.call)
            self._line.say(NO_DESK_TEXT, barge_in=False)
            self._hang_up("bot")

    # --- with the desk ---------------------------------------------------------------------------------------------

    def tell(self, speech: str) -> bool:
        """Say a sentence of the desk's; while an agent talks it is kept for the end."""
        if self.mode is Mode.OVER:
            return False
        if self.mode is Mode.BRIDGED:
            self._farewell = speech
        else:
            self._line.say(speech)
            if self.mode is Mode.QUEUED:
                self._line.wait()
        return True

    def place(self, state: QueueState) -> None:
        """The place in the queue has changed."""
        if self.mode is Mode.QUEUED:
            self._waiting.place(state)

    def goes_on(self, *, number_known: bool, mode: Mode) -> None:
        """Taken up after a cut, in the middle of things."""
        self._waiting.number_known, self.mode = number_known, mode

    def put_through(self, handover_id: str, agent_id: str, who: str, target: str) -> None:
        """Ring a phone and put the caller through; ``who`` is what the caller is told."""
        if self.mode is Mode.OVER:
            return
        self._line.transfer(handover_id, who, target, self._around.mode_for(target))
        if self.timeline.transfer is not None:
            self.timeline.transfer["agent"] = agent_id

    def pause_recording(self, paused: bool) -> None:
        """The agent's word on what is being said now."""
        self._secrets.pause(paused)

    def say_goodbye(self, by: str) -> None:
        """Say what is still owed, then end the call."""
        if self.mode is not Mode.OVER:
            bridged = self.mode is Mode.BRIDGED
            if not bridged:
                self._line.say(self._farewell + GOODBYE_TEXT, barge_in=False)
            self._hang_up("agent" if by == "agent" else "bot")

    async def _transfer_state(self, frame: TransferState) -> None:
        if frame.state == "connected":
            self.mode = Mode.BRIDGED
            if self.timeline.transfer is not None:
                waited = self._around.clock.monotonic() - self.timeline.transfer_from
                self.timeline.transfer |= {"connected": True, "ms": round(waited * 1000)}
        elif frame.state in {"failed", "ended"}:
            self.mode = Mode.QUEUED
            self._secrets.over()
        told = await self._around.desk.phone(self.conversation_id, frame.state, frame.sip_code)
        if frame.state == "failed" and not told and self.mode is Mode.QUEUED:
            self._line.say(PHONE_FAILED_TEXT)
            self._line.wait()

    def _hang_up(self, by: str) -> None:
        self.mode = Mode.OVER
        self._line.hang_up(by)

    def _heard(self, frame: PlaybackStarted) -> None:
        stages = self.timeline.heard(frame.id, frame.at_ms, frame.synthesis_ms, self._around.network_ms(self.call))
        if stages and "total_ms" in stages:
            metrics.ANSWER_SECONDS.observe(stages["total_ms"] / 1000)

    async def _close(self, frame: CallEnded) -> None:
        self.mode = Mode.OVER
        await self._stop_turning()
        self.timeline.ended_by = frame.ended_by
        if self.conversation_id:
            await self._around.desk.citizen_left(self.conversation_id, frame.ended_by)
            await self._around.dialog.close(self.conversation_id, frame.ended_by, self._around.clock.now())

    async def _stop_turning(self) -> None:
        self._pending.clear()
        task, self._turning = self._turning, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def _must_be_heard(reply: Reply) -> bool:
    return bool(reply.emergency or reply.directives or reply.ticket_no)
