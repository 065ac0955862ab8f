"""The phone channel: all calls of all nodes, and the citizen's line for the desk (:class:`desk.contract.Line`)."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Row, select

from callers.restrictions import Restrictions
from config.clock import Clock
from desk.contract import QueueState
from desk.service import Desk
from dialog.contract import DialogEngine
from dialog.transcript import Transcripts
from gateway import metrics
from gateway.node_link import NodeLink
from gateway.phone_call import PhoneCall
from gateway.phone_line import TransferMode
from gateway.phone_surroundings import Around, Mode
from gateway.timeline import CallTimeline, Timelines, from_records
from ivr.protocol import (
    Ack,
    Admit,
    AdmitRestricted,
    CallbackRecorded,
    CallEnded,
    CallOffered,
    CallStarted,
    GatewayFrame,
    LiveCall,
    NodeFrame,
)
from store.accounts import Account
from store.engine import Database
from store.schema import callbacks, conversations
from store.upsert import insert
from store.vault import Vault
from tickets.service import Tickets

log = structlog.get_logger("gateway")

OFFER_WITHIN_S: Final = 0.4
"""The node admits by itself after 500 ms (``OFFER_TIMEOUT_S``)."""


class Phone:
    """Calls by Call-ID. Implements the link's ``CallHandler`` and the desk's ``Line``."""

    def __init__(
        self,
        *,
        link: NodeLink,
        dialog: DialogEngine,
        desk: Desk,
        database: Database,
        vault: Vault,
        clock: Clock,
        restrictions: Restrictions,
        tickets: Tickets,
        notice: Callable[[], str],
        mode_for: Callable[[str], TransferMode],
        longest_call_s: float = 0.0,
    ) -> None:
        self._link = link
        self._database = database
        self._vault = vault
        self._clock = clock
        self._desk = desk
        self._restrictions = restrictions
        self._tickets = tickets
        self._notice = notice
        self._transcripts = Transcripts(database, vault)
        self._around = Around(dialog, desk, clock, link.send, link.network_ms, mode_for, longest_call_s)
        self._calls: dict[str, PhoneCall] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.timelines: Final = Timelines(clock)

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    def pass_time(self) -> None:
        """Look at how long calls have lasted; every second or so."""
        for call in self._calls.values():
            call.pass_time()

    async def stop(self) -> None:
        """Let go of all calls; their nodes hold them for the next gateway."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what the link says ----------------------------------------------------------------------------------------

    async def take(self, frame: NodeFrame) -> None:
        """A frame about a call; only queued here, so that one call never waits for another."""
        if isinstance(frame, CallStarted) and frame.call not in self._calls:
            metrics.CALLS.labels("restricted" if frame.restricted else "normal").inc()
            timeline = self.timelines.begin(frame.call, restricted=frame.restricted)
            self._keep(PhoneCall(frame.call, timeline, self._around))
        call = self._calls.get(getattr(frame, "call", ""))
        if call is not None:
            call.take(frame)

    async def resume(self, live: LiveCall) -> bool:
        """Go on with a call after a cut; after a restart of the gateway, from the database."""
        if live.call in self._calls:
            return True
        row = await self._open_conversation(live.call)
        if row is None:
            return False
        timeline = self.timelines.begin(live.call, restricted=live.restricted)
        timeline.started -= (self._clock.now() - row.started_at).total_seconds()
        for record in await self._transcripts.turns_of(row.id):
            after_s = (record.at - row.started_at).total_seconds()
            timeline.turn(record.text, record.reply, now=timeline.started + after_s)
        call = PhoneCall(live.call, timeline, self._around)
        call.conversation_id = row.id
        self._keep(call)
        await self._find_place(call, live)
        log.info("call_resumed", call=live.call, mode=call.mode.value)
        return True

    async def lost(self, call: str) -> None:
        """The node went away with the call."""
        if call in self._calls:
            self._calls[call].take(CallEnded(call=call, ended_by="fault", duration_ms=0))

    async def ended_unseen(self, frame: CallEnded) -> None:
        """A call ended while no gateway was there: close its conversation, once the core is loaded."""
        row = await self._open_conversation(frame.call)
        if row is None:
            return

        async def close() -> None:
            await self._desk.citizen_left(row.id, frame.ended_by)
            await self._around.dialog.close(row.id, frame.ended_by, self._clock.now())

        self._tasks[f"close {frame.call}"] = task = asyncio.create_task(close(), name="phone-close")
        task.add_done_callback(lambda _: self._tasks.pop(f"close {frame.call}", None))

    async def offered(self, frame: CallOffered) -> GatewayFrame:
        """Admit, unless the number is restricted; when that cannot be found out in time, admit and count it."""
        try:
            async with asyncio.timeout(OFFER_WITHIN_S):
                found = await self._restrictions.active(frame.number, self._clock.now())
        except Exception as error:
            metrics.ADMITTED_UNCHECKED.inc()
            log.error("restriction_lookup_failed", error=type(error).__name__)
            return Admit(call=frame.call)
        return AdmitRestricted(call=frame.call, notice=self._notice()) if found else Admit(call=frame.call)

    async def recorded(self, frame: CallbackRecorded) -> GatewayFrame:
        """Put a node's promise among the callbacks, once; acknowledged when it is on disk."""
        row_id = hashlib.sha256(frame.id.encode()).hexdigest()[:32]
        async with self._database.begin() as connection:
            conversation = (
                await connection.execute(
                    select(conversations.c.id).where(
                        conversations.c.external_id == frame.call, conversations.c.channel == "phone"
                    )
                )
            ).scalar()
            made = insert(connection, callbacks).values(
                id=row_id,
                conversation_id=conversation,
                external_id=frame.call,
                number_enc=self._vault.encrypt(frame.number) if frame.number else None,
                reason="gateway_away",
                promise=frame.promise,
                status="open",
                created_at=datetime.fromisoformat(frame.at),
            )
            await connection.execute(made.on_conflict_do_nothing(index_elements=["id"]))
        return Ack(id=frame.id)

    # --- what the desk says ----------------------------------------------------------------------------------------

    def present(self, conversation_id: str) -> bool:
        return self._of(conversation_id) is not None

    async def tell(self, conversation_id: str, item: Mapping[str, Any], speech: str) -> bool:
        call = self._of(conversation_id)
        return call.tell(speech) if call else False

    async def queued(self, conversation_id: str, state: QueueState) -> None:
        if call := self._of(conversation_id):
            call.place(state)

    async def accepted(self, conversation_id: str, handover_id: str, agent: Account) -> None:
        if call := self._of(conversation_id):
            call.put_through(handover_id, agent.id, f"{agent.id}号话务员", agent.sip_uri)

    async def put_outside(self, conversation_id: str, handover_id: str, name: str, uri: str) -> None:
        if call := self._of(conversation_id):
            call.put_through(handover_id, name, name, uri)

    async def agent_said(self, conversation_id: str, item: Mapping[str, Any]) -> None:
        """An agent does not write to a caller."""

    async def agent_typing(self, conversation_id: str) -> None:
        """See :meth:`agent_said`."""

    async def pause_recording(self, conversation_id: str, paused: bool) -> None:
        if call := self._of(conversation_id):
            call.pause_recording(paused)

    async def promised(self, conversation_id: str) -> None:
        if call := self._of(conversation_id):
            call.say_goodbye("bot")

    async def released(self, conversation_id: str) -> None:
        if call := self._of(conversation_id):
            call.say_goodbye("agent")

    # --- for operators ---------------------------------------------------------------------------------------------

    async def timeline(self, call: str) -> CallTimeline | None:
        """A call by Call-ID, also one that this process did not see; with the ticket that an agent filed for it."""
        query = select(conversations).where(conversations.c.external_id == call, conversations.c.channel == "phone")
        async with self._database.connect() as connection:
            row = (await connection.execute(query.order_by(conversations.c.started_at.desc()))).first()
        known = self.timelines.get(call)
        if row is None:
            return known
        if known is None:
            records = await self._transcripts.turns_of(row.id)
            known = from_records(
                call, records, restricted=row.restricted, started_at=row.started_at, ended_by=row.ended_by
            )
        if known.ticket is None and (ticket := await self._tickets.of_conversation(row.id)):
            known.ticket = ticket.no
        return known

    async def _open_conversation(self, call: str) -> Row[Any] | None:
        query = (
            select(conversations)
            .where(conversations.c.external_id == call, conversations.c.channel == "phone")
            .where(conversations.c.ended_at.is_(None))
            .order_by(conversations.c.started_at.desc())
        )
        async with self._database.connect() as connection:
            return (await connection.execute(query)).first()

    async def _find_place(self, call: PhoneCall, live: LiveCall) -> None:
        """Where a resumed call stands: with an agent, in the queue, or with the bot."""
        state = self._desk.state_of(call.conversation_id)
        mode = Mode.BRIDGED if live.bridged else Mode.QUEUED if state is not None else Mode.TALKING
        call.goes_on(number_known=live.number is not None, mode=mode)
        if mode is Mode.QUEUED and state is not None and state.agent_id is not None:
            await self._desk.phone(call.conversation_id, "failed", 408)

    def _keep(self, call: PhoneCall) -> None:
        self._calls[call.call] = call
        task = asyncio.create_task(call.run(), name="phone-call")
        self._tasks[call.call] = task

        def over(done: asyncio.Task[None]) -> None:
            self._calls.pop(call.call, None)
            self._tasks.pop(call.call, None)
            self._link.forget(call.call)
            if not done.cancelled() and done.exception() is not None:
                log.error("call_failed", call=call.call, exc_info=done.exception())

        task.add_done_callback(over)

    def _of(self, conversation_id: str) -> PhoneCall | None:
        return next((call for call in self._calls.values() if call.conversation_id == conversation_id), None)
