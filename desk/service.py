"""The desk: takes hand-overs from the channels, finds an agent for each, and never leaves one without an end.

Every change of a hand-over is on disk before anybody is told of it. What happens when is decided by the plain functions
of :mod:`desk.queue` in :meth:`Desk.tick`, which runs four times a second and after every event.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from config.clock import Clock
from desk.attendance import Attendance
from desk.contract import (
    EMERGENCY_PRIORITY,
    WITH_AGENT,
    HandoverRequest,
    HandoverStatus,
    Hub,
    Line,
    QueueState,
)
from desk.duty_calls import DUTY, DutyCalls, OnDuty
from desk.handovers import Handover, Handovers
from desk.patience import is_orphan, phone_is_dead
from desk.pops import LiveHandover, PhoneState, Pops, as_waiting, stamp, waiting_json
from desk.presence import GONE_AFTER_S, Presence, PresenceState
from desk.queue import Waiting, in_order, next_offers, overdue, positions, to_promise
from desk.talk_times import TalkTimes
from desk.words import CUT_OFF, NEXT_AGENT, PHONE_DEAD, PROMISE, PROMISE_ASKED, phone_hint, promise_text
from store.accounts import Accounts

log = structlog.get_logger("desk")

TICK_S: Final = 0.25


class Desk:
    """Hand-overs in progress, and the agents who take them. ``lines``: one per channel."""

    def __init__(
        self,
        *,
        clock: Clock,
        handovers: Handovers,
        accounts: Accounts,
        presence: Presence,
        pops: Pops,
        hub: Hub,
        answer_timeout_s: float,
        queue_timeout_s: float,
        agent_attempts: int = 3,
        on_duty: OnDuty = lambda number: None,
        outgoing_uri: str = "",
    ) -> None:
        self.clock: Final = clock
        self.handovers: Final = handovers
        self.accounts: Final = accounts
        self.presence: Final = presence
        self.pops: Final = pops
        self.hub: Final = hub
        self.lines: dict[str, Line] = {}
        self.live: dict[str, LiveHandover] = {}
        self.lock: Final = asyncio.Lock()
        self.answer_timeout_s: Final = answer_timeout_s
        self._queue_timeout_s = queue_timeout_s
        self._agent_attempts = agent_attempts
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._queue_shown: object = None
        self._talks = TalkTimes(handovers, presence, clock)
        self._returning: datetime | None = None
        self.attendance: Final = Attendance(self)
        self._duty = DutyCalls(self, on_duty, outgoing_uri)
        presence.on_change = self._show_presence

    async def start(self) -> None:
        """Take up what is open on disk; an offer that nobody answered before a restart waits again."""
        await self.presence.restore()
        await self.attendance.know_leaders()
        for handover in await self.handovers.open():
            live = LiveHandover(handover, restored_at=self.clock.now())
            if handover.status is HandoverStatus.OFFERED:
                await self.move(live, HandoverStatus.WAITING, agent_id=None, offered_at=None)
            if handover.status is HandoverStatus.CONNECTED:
                live.phone.state = "connected"
            self.live[handover.id] = live
            self._returning = self.clock.now() + timedelta(seconds=GONE_AFTER_S)
        self._task = asyncio.create_task(self._run(), name="desk")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    # --- what the channels say -----------------------------------------------------------------------------------

    async def request(self, request: HandoverRequest) -> None:
        """A conversation needs a person; asking again changes nothing but its priority."""
        handover = await self.handovers.create(request)
        async with self.lock:
            live = self.live.setdefault(handover.id, LiveHandover(handover))
            live.emergency_number = request.emergency_number or live.emergency_number
            if request.reason == "emergency" or request.priority > handover.priority:
                await self._raise(live, request)
                if live.handover.agent_id is not None:
                    pop = await self.pops.pop(live, self.left_s(live))
                    self.hub.send(live.handover.agent_id, {"type": "offer", "pop": pop})
        log.info("handover_requested", handover=handover.id, channel=handover.channel, reason=request.reason)
        self._wake.set()

    async def changed(self, conversation_id: str) -> None:
        """Something was said: show it to the agent who is asked or who serves."""
        live = self.of_conversation(conversation_id)
        if live is not None and live.handover.agent_id is not None:
            for frame in await self.pops.news(live):
                self.hub.send(live.handover.agent_id, frame)

    async def record(self, conversation_id: str, sender: str, text: str, agent_id: str | None = None) -> dict[str, Any]:
        """Write one sentence down outside the bot's turns, show it to the agent, and return it as an item."""
        message_id = await self.handovers.message(conversation_id, sender, text, agent_id)
        item = {
            "id": message_id,
            "turn": None,
            "from": sender,
            "text": text,
            "at": stamp(self.clock.now()),
            "entry": None,
            "audio_start_ms": None,
        }
        live = self.of_conversation(conversation_id)
        if live is not None and live.handover.agent_id is not None:
            live.shown.add(message_id)
            frame = {"type": "transcript", "handover": live.handover.id, "item": item}
            self.hub.send(live.handover.agent_id, frame)
        return item

    def citizen_typing(self, conversation_id: str) -> None:
        live = self.of_conversation(conversation_id)
        if live is not None and live.handover.status in WITH_AGENT and live.handover.agent_id:
            frame = {"type": "typing", "handover": live.handover.id, "from": "citizen", "on": True}
            self.hub.send(live.handover.agent_id, frame)

    async def citizen_left(self, conversation_id: str, ended_by: str) -> None:
        """The citizen is gone. Lost through our own fault while waiting: a callback is written down."""
        async with self.lock:
            live = self.of_conversation(conversation_id)
            if live is not None:
                await self._leave(live, ended_by)
        self._wake.set()

    async def _leave(self, live: LiveHandover, ended_by: str) -> None:
        handover, agent_id = live.handover, live.handover.agent_id
        if handover.status in WITH_AGENT:
            await self.finish(live, ended_by)
            return
        if ended_by == "fault" and handover.number:
            await self.handovers.promise(handover, "lost", PROMISE)
        else:
            await self.move(live, HandoverStatus.ABANDONED, ended_at=self.clock.now())
        del self.live[handover.id]
        if agent_id:
            self.hub.send(agent_id, {"type": "withdrawn", "handover": handover.id, "reason": "citizen_left"})

    async def phone(self, conversation_id: str, state: str, sip_code: int = 0) -> bool:
        """How the agent's phone fares: ringing | connected | failed | ended (the agent hung up).

        True when the citizen was told what happens now.
        """
        async with self.lock:
            live = self.of_conversation(conversation_id)
            if live is None or live.handover.status not in WITH_AGENT or live.handover.agent_id is None:
                return False
            if state == "connected" and live.handover.status is HandoverStatus.ACCEPTED:
                await self.move(live, HandoverStatus.CONNECTED, connected_at=self.clock.now())
            await self.set_phone(live, state, sip_code)
            if state == "failed" and live.handover.agent_id == DUTY:
                await self._duty.not_reached(live)
                return False
            if state == "failed" and live.handover.status is HandoverStatus.CONNECTED:
                await self.requeue(live, CUT_OFF)
                return True
            if state == "failed" and self._somebody_else(live):
                await self.requeue(live, NEXT_AGENT)
                return True
            if state == "ended":
                await self.finish(live, "agent")
                await self.line(live).released(conversation_id)
        return state == "ended"

    def state_of(self, conversation_id: str) -> QueueState | None:
        """Where a conversation stands with the desk; ``None``: nowhere, the bot has it."""
        live = self.of_conversation(conversation_id)
        if live is None:
            return None
        agent_id = live.handover.agent_id if live.handover.status in WITH_AGENT else None
        return QueueState(live.position or 0, agent_id, self._talks.wait_s(live.position or 0))

    async def callback_asked(self, conversation_id: str) -> bool:
        """The caller would rather be called back than wait; false where that cannot be: no number, an agent, an emergency."""
        async with self.lock:
            live = self.of_conversation(conversation_id)
            if live is None or live.handover.status in WITH_AGENT or live.emergency or not live.handover.number:
                return False
            agent_id = live.handover.agent_id
            await self._promise(live, "asked", PROMISE_ASKED)
            if agent_id:
                frame = {"type": "withdrawn", "handover": live.handover.id, "reason": "citizen_left"}
                self.hub.send(agent_id, frame)
        return True

    def of_conversation(self, conversation_id: str) -> LiveHandover | None:
        """The conversation's hand-over in progress."""
        for live in self.live.values():
            if live.handover.conversation_id == conversation_id and live.handover.status is not HandoverStatus.ENDED:
                return live
        return None

    # --- what goes on by itself ----------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Look at the queue, the agents and the clock, and do what is due."""
        async with self.lock:
            now = self.clock.now()
            await self.attendance.look()
            for one in overdue(self._waiting(), now, self.answer_timeout_s):
                await self.unanswered(self.live[one.id])
            for live in [live for live in self.live.values() if phone_is_dead(live, now, self.answer_timeout_s)]:
                await self.requeue(live, PHONE_DEAD)
            for live in list(self.live.values()):
                present = self.line(live).present(live.handover.conversation_id)
                live.restored_at = None if present else live.restored_at
                if is_orphan(live, now, present=present):
                    await self._leave(live, "fault")
            anyone = bool(self.presence.online()) or bool(self._returning and now < self._returning)
            for one in to_promise(self._waiting(), now, self._queue_timeout_s, anyone_logged_in=anyone):
                await self._nobody(self.live[one.id])
            for offer in next_offers(self._waiting(), self.attendance.ready()):
                await self._offer(self.live[offer.handover_id], offer.agent_id)
            await self._tell_positions()
            self._show_queue()

    def wake(self) -> None:
        """Do :meth:`tick` soon."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.tick()
            except Exception:
                log.exception("desk_tick_failed")
                await asyncio.sleep(TICK_S)

    async def _offer(self, live: LiveHandover, agent_id: str) -> None:
        if not await self.move(live, HandoverStatus.OFFERED, agent_id=agent_id, offered_at=self.clock.now()):
            del self.live[live.handover.id]
            return
        self.hub.send(agent_id, {"type": "offer", "pop": await self.pops.pop(live, self.answer_timeout_s)})
        log.info("handover_offered", handover=live.handover.id, agent=agent_id)

    async def unanswered(self, live: LiveHandover) -> None:
        agent_id = live.handover.agent_id or ""
        live.refused_by.add(agent_id)
        await self.move(live, HandoverStatus.WAITING, agent_id=None, offered_at=None)
        await self.attendance.set_aside(agent_id)
        self.hub.send(agent_id, {"type": "withdrawn", "handover": live.handover.id, "reason": "timeout"})
        reason = f"{self.answer_timeout_s:g} 秒未接，已转给下一位，您被置为小休"
        self.hub.send(agent_id, {"type": "presence", "state": "busy", "reason": reason})
        log.info("handover_unanswered", handover=live.handover.id, agent=agent_id)

    async def _nobody(self, live: LiveHandover) -> None:
        """Nobody serves this caller in time: a callback, as it may honestly be promised."""
        handover = live.handover
        if await self._duty.reach(live):
            return
        promise = promise_text(
            handover.channel, number_known=handover.number is not None, emergency_number=live.emergency_number
        )
        await self._promise(live, "queue_timeout" if self.presence.online() else "no_agent", promise)

    async def _promise(self, live: LiveHandover, reason: str, promise: str) -> None:
        """Write the callback down, then promise it."""
        handover = live.handover
        await self.handovers.promise(handover, reason, promise)
        del self.live[handover.id]
        await self.tell(handover, promise)
        await self.line(live).promised(handover.conversation_id)
        log.info("callback_promised", handover=handover.id, reason=reason)

    async def requeue(self, live: LiveHandover, told: str) -> None:
        """Take a hand-over back from an agent who cannot serve it."""
        agent_id = live.handover.agent_id or ""
        live.refused_by.add(agent_id)
        live.phone, live.agent_gone_since = PhoneState(), None
        live.attempts += 1
        if live.attempts <= self._agent_attempts or live.again_since is None:
            live.again_since = self.clock.now()
        await self.move(live, HandoverStatus.WAITING, agent_id=None, offered_at=None, accepted_at=None)
        await self.attendance.set_aside(agent_id)
        self.hub.send(agent_id, {"type": "withdrawn", "handover": live.handover.id, "reason": "timeout"})
        await self.tell(live.handover, told)
        log.info("handover_requeued", handover=live.handover.id, agent=agent_id)

    async def _tell_positions(self) -> None:
        for handover_id, place in positions(self._waiting()).items():
            live = self.live[handover_id]
            if live.position != place:
                live.position = place
                await self._talks.refresh()
                state = QueueState(place, wait_s=self._talks.wait_s(place))
                await self.line(live).queued(live.handover.conversation_id, state)

    def _somebody_else(self, live: LiveHandover) -> bool:
        """Whether another agent could take this caller at once."""
        passed_over = live.refused_by | {live.handover.agent_id}
        return any(agent.id not in passed_over for agent in self.presence.ready())

    # --- steps shared with the agent's actions ---------------------------------------------------------------------

    async def tell(self, handover: Handover, text: str, speech: str = "") -> bool:
        """Tell the citizen a sentence of the desk's and write it down; true when the citizen is there to hear it."""
        item = await self.record(handover.conversation_id, "system", text)
        return await self.lines[handover.channel].tell(handover.conversation_id, item, speech or text)

    async def move(self, live: LiveHandover, to: HandoverStatus, **values: Any) -> bool:
        """Change a hand-over on disk, then here; false when another gateway was first."""
        moved = await self.handovers.move(live.handover.id, live.handover.status, to, **values)
        if moved:
            known = {name: values[name] for name in ("agent_id", "offered_at", "accepted_at") if name in values}
            live.handover = replace(live.handover, status=to, **known)
        return moved

    async def finish(self, live: LiveHandover, ended_by: str) -> None:
        """The talk with the agent is over; the pop stays on the screen until the agent closes it."""
        live.ended_at = self.clock.now()
        await self.move(live, HandoverStatus.ENDED, ended_at=live.ended_at)
        if live.phone.state != "failed":
            live.phone.state = "ended"
        frame = {"type": "ended", "handover": live.handover.id, "ended_by": ended_by}
        self.hub.send(live.handover.agent_id or "", frame)
        log.info("handover_ended", handover=live.handover.id, ended_by=ended_by)

    async def set_phone(self, live: LiveHandover, state: str, sip_code: int = 0) -> None:
        """Note how the agent's phone fares and show it, with what to do when it failed."""
        hint = phone_hint(live.handover.agent_id or "", sip_code) if state == "failed" else ""
        live.phone = PhoneState(state, sip_code, hint, self.clock.now())
        frame = {"type": "phone", "handover": live.handover.id, **live.phone.to_json()}
        self.hub.send(live.handover.agent_id or "", frame)

    def left_s(self, live: LiveHandover) -> float:
        """How long the agent has left to accept; 0 once that does not matter."""
        if live.handover.status is not HandoverStatus.OFFERED or live.handover.offered_at is None:
            return 0.0
        return max(0.0, self.answer_timeout_s - (self.clock.now() - live.handover.offered_at).total_seconds())

    def line(self, live: LiveHandover) -> Line:
        return self.lines[live.handover.channel]

    def queue_json(self) -> dict[str, Any]:
        """``{"waiting", "agents"}`` for the pages."""
        waiting = [waiting_json(self.live[one.id], self.clock.now()) for one in in_order(self._waiting())]
        return {"waiting": waiting, "agents": self.presence.counts()}

    def _show_presence(self, agent_id: str, state: PresenceState) -> None:
        self.hub.send(agent_id, {"type": "presence", "state": state.value, "reason": ""})

    def _show_queue(self) -> None:
        state: Mapping[str, Any] = self.queue_json()
        shape = ([(one["handover"], one["status"], one["priority"]) for one in state["waiting"]], state["agents"])
        if shape != self._queue_shown:
            self._queue_shown = shape
            for agent_id in self.hub.present():
                self.hub.send(agent_id, {"type": "queue", **state})

    async def _raise(self, live: LiveHandover, request: HandoverRequest) -> None:
        priority = max(request.priority, EMERGENCY_PRIORITY if request.reason == "emergency" else 0)
        if priority > live.handover.priority or request.reason != live.handover.reason:
            await self.handovers.raise_priority(live.handover.id, priority, request.reason)
            live.handover = replace(live.handover, priority=priority, reason=request.reason)

    def _waiting(self) -> list[Waiting]:
        """The hand-overs that wait or are offered, as the queue's functions see them."""
        waits = {HandoverStatus.WAITING, HandoverStatus.OFFERED}
        return [as_waiting(live) for live in self.live.values() if live.handover.status in waits]
