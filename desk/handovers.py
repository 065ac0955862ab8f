"""Hand-overs and callbacks on disk: what the desk must never lose, written before anybody is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from callers.identity import mask_number
from config.clock import Clock, local
from desk.contract import OPEN_STATUSES, DeskError, HandoverRequest, HandoverStatus
from store.audit import record
from store.engine import Database
from store.ids import new_id
from store.schema import agent_messages, callbacks, contacts, conversations, handovers
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class Handover:
    """One row, with what the desk shows of its conversation. ``number`` is never logged."""

    id: str
    conversation_id: str
    channel: str
    reason: str
    priority: int
    status: HandoverStatus
    agent_id: str | None
    created_at: datetime
    offered_at: datetime | None
    accepted_at: datetime | None
    number: str | None
    contact_id: str | None
    conversation_ended: bool

    @property
    def caller(self) -> str:
        """The number as screens show it."""
        return mask_number(self.number) if self.channel == "phone" or self.number else "网页访客"


_COLUMNS = (
    handovers,
    conversations.c.channel,
    conversations.c.contact_id,
    conversations.c.ended_at.label("conversation_ended_at"),
    contacts.c.number_enc,
)


class Handovers:
    """Rows of ``handovers``, ``callbacks`` and ``agent_messages``."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def create(self, request: HandoverRequest) -> Handover:
        """Write a new hand-over, or return the one that the conversation already has open."""
        handover_id, now = new_id(), self._clock.now()
        async with self._database.begin() as connection:
            standing = select(handovers.c.id).where(
                handovers.c.conversation_id == request.conversation_id, handovers.c.status.in_(OPEN_STATUSES)
            )
            found = (await connection.execute(standing)).scalar()
            if found is None:
                await connection.execute(
                    insert(handovers).values(
                        id=handover_id,
                        conversation_id=request.conversation_id,
                        reason=request.reason,
                        priority=request.priority,
                        status=HandoverStatus.WAITING.value,
                        created_at=now,
                    )
                )
        return await self.get(str(found) if found else handover_id)

    async def get(self, handover_id: str) -> Handover:
        """One hand-over; raises :class:`DeskError` ``not_found``."""
        query = self._select().where(handovers.c.id == handover_id)
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise DeskError("not_found", "没有这个转接", 404)
        return self._handover(row)

    async def open(self) -> list[Handover]:
        """Every hand-over that is not over."""
        query = self._select().where(handovers.c.status.in_(OPEN_STATUSES)).order_by(handovers.c.created_at)
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [self._handover(row) for row in rows]

    async def move(self, handover_id: str, expected: HandoverStatus, to: HandoverStatus, **values: Any) -> bool:
        """Change the status if it still is ``expected``; false when somebody else was first."""
        change = (
            update(handovers)
            .where(handovers.c.id == handover_id, handovers.c.status == expected.value)
            .values(status=to.value, **values)
        )
        async with self._database.begin() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def handling_s(self, since: datetime, limit: int = 50) -> list[float]:
        """How long the latest talks that ended after ``since`` took their agents, in seconds, newest first."""
        query = (
            select(handovers.c.accepted_at, handovers.c.ended_at)
            .where(handovers.c.status == HandoverStatus.ENDED.value, handovers.c.ended_at >= since)
            .where(handovers.c.accepted_at.is_not(None))
            .order_by(handovers.c.ended_at.desc())
            .limit(limit)
        )
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [(row.ended_at - row.accepted_at).total_seconds() for row in rows]

    async def raise_priority(self, handover_id: str, priority: int, reason: str) -> None:
        """An emergency came up while waiting."""
        change = update(handovers).where(handovers.c.id == handover_id).values(priority=priority, reason=reason)
        async with self._database.begin() as connection:
            await connection.execute(change)

    async def promise(self, handover: Handover, reason: str, promise: str) -> None:
        """Turn a waiting hand-over into a callback record, in one transaction."""
        now = self._clock.now()
        async with self._database.begin() as connection:
            await connection.execute(
                update(handovers)
                .where(handovers.c.id == handover.id)
                .values(status=HandoverStatus.CALLBACK.value, ended_at=now)
            )
            await connection.execute(
                insert(callbacks).values(
                    id=new_id(),
                    conversation_id=handover.conversation_id,
                    number_enc=self._vault.encrypt(handover.number) if handover.number else None,
                    reason=reason,
                    promise=promise,
                    status="open",
                    created_at=now,
                )
            )

    async def message(self, conversation_id: str, sender: str, text: str, agent_id: str | None = None) -> str:
        """Record one sentence outside the bot's turns (``sender``: agent | citizen | system); returns its id."""
        message_id = new_id()
        async with self._database.begin() as connection:
            await connection.execute(
                insert(agent_messages).values(
                    id=message_id,
                    conversation_id=conversation_id,
                    agent_id=agent_id,
                    sender=sender,
                    text_enc=self._vault.encrypt(text),
                    at=self._clock.now(),
                )
            )
        return message_id

    async def callbacks(self, limit: int = 200) -> list[dict[str, Any]]:
        """The callbacks, open ones first, numbers masked."""
        query = select(callbacks).order_by(callbacks.c.status.desc(), callbacks.c.created_at.desc()).limit(limit)
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [
            {
                "id": row.id,
                "caller": mask_number(self._vault.decrypt(row.number_enc)) if row.number_enc else "未显示号码",
                "reason": row.reason,
                "promise": row.promise,
                "status": row.status,
                "at": local(row.created_at).isoformat(timespec="milliseconds"),
                "conversation": row.conversation_id,
            }
            for row in rows
        ]

    async def finish_callback(self, callback_id: str, by: str) -> None:
        """The citizen was called back."""
        async with self._database.begin() as connection:
            change = update(callbacks).where(callbacks.c.id == callback_id).values(status="done")
            if (await connection.execute(change)).rowcount != 1:
                raise DeskError("not_found", "没有这条回拨", 404)
            await record(connection, at=self._clock.now(), by=by, action="callback.done", subject=callback_id)

    async def callback_number(self, callback_id: str, by: str, reason: str) -> str | None:
        """The number in full, with an audit row that names the reason."""
        async with self._database.begin() as connection:
            row = (await connection.execute(select(callbacks).where(callbacks.c.id == callback_id))).first()
            if row is None:
                raise DeskError("not_found", "没有这条回拨", 404)
            await record(
                connection, at=self._clock.now(), by=by, action="number.shown", subject=callback_id, detail=reason
            )
        return self._vault.decrypt(row.number_enc) if row.number_enc else None

    async def show_number(self, handover: Handover, by: str, reason: str) -> str | None:
        """The caller's number in full, with an audit row that names the reason."""
        async with self._database.begin() as connection:
            await record(
                connection, at=self._clock.now(), by=by, action="number.shown", subject=handover.id, detail=reason
            )
        return handover.number

    async def note(self, handover: Handover, by: str, action: str) -> None:
        """An audit row about a hand-over."""
        async with self._database.begin() as connection:
            await record(connection, at=self._clock.now(), by=by, action=action, subject=handover.id)

    def _select(self) -> Any:
        joined = handovers.join(conversations, conversations.c.id == handovers.c.conversation_id)
        joined = joined.outerjoin(contacts, contacts.c.id == conversations.c.contact_id)
        return select(*_COLUMNS).select_from(joined)

    def _handover(self, row: Row[Any]) -> Handover:
        return Handover(
            id=row.id,
            conversation_id=row.conversation_id,
            channel=row.channel,
            reason=row.reason,
            priority=row.priority,
            status=HandoverStatus(row.status),
            agent_id=row.agent_id,
            created_at=row.created_at,
            offered_at=row.offered_at,
            accepted_at=row.accepted_at,
            number=self._vault.decrypt(row.number_enc) if row.number_enc else None,
            contact_id=row.contact_id,
            conversation_ended=row.conversation_ended_at is not None,
        )
