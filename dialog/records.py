"""Conversations and turns in the store. A turn is on disk before its reply is given (DESIGN §1, principle 5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, insert, select, update

from callers.identity import Callers
from config.errors import HotlineError
from dialog.contract import Channel, Contact, Reply, Utterance
from dialog.state import State
from dialog.transcript import reply_to_json
from knowledge.consultations import Consultation, Consultations, Settled
from store.engine import Database
from store.ids import new_id
from store.schema import callbacks, conversations, turns
from store.vault import Vault

log = structlog.get_logger("dialog")


@dataclass(slots=True)
class Record:
    """One conversation as it stands."""

    id: str
    channel: Channel
    contact_id: str | None
    restricted: bool
    seq: int
    state: State


class UnknownConversation(HotlineError):
    """There is no such conversation, or it is over."""

    def __init__(self) -> None:
        super().__init__("unknown_conversation", "会话不存在或已结束，请重新开始")


class Records:
    """Reads and writes conversations."""

    def __init__(
        self, database: Database, vault: Vault, callers: Callers, consultations: Consultations | None = None
    ) -> None:
        self._database = database
        self._vault = vault
        self._callers = callers
        self._consultations = consultations

    async def begin(self, channel: Channel, contact: Contact, external_id: str, at: datetime) -> Record:
        """A new conversation; its caller's number is remembered, encrypted."""
        contact_id = await self._callers.remember(contact.number) if contact.number else None
        record = Record(new_id(), channel, contact_id, contact.restricted, 0, State())
        async with self._database.begin() as connection:
            await connection.execute(
                insert(conversations).values(
                    id=record.id,
                    channel=channel.value,
                    external_id=external_id,
                    contact_id=contact_id,
                    restricted=contact.restricted,
                    state_enc=self._seal(record.state),
                    started_at=at,
                )
            )
        return record

    async def load(self, conversation_id: str) -> Record:
        """The conversation as its last turn left it; raises :class:`UnknownConversation`."""
        last = select(func.coalesce(func.max(turns.c.seq), 0)).where(turns.c.conversation_id == conversation_id)
        wanted = select(conversations, last.scalar_subquery().label("seq")).where(conversations.c.id == conversation_id)
        async with self._database.connect() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None or row.ended_at is not None:
            raise UnknownConversation
        stored = self._vault.decrypt_json(row.state_enc)
        state = State.from_json(stored) if isinstance(stored, dict) else State()
        return Record(row.id, Channel(row.channel), row.contact_id, row.restricted, row.seq, state)

    async def commit(
        self,
        record: Record,
        utterance: Utterance | None,
        reply: Reply,
        at: datetime,
        asked: Sequence[Consultation] = (),
        settled: Sequence[Settled] = (),
    ) -> None:
        """Write the turn and the state it left, in one transaction. ``utterance`` ``None``: the bot spoke unasked.

        ``asked``, ``settled``: questions of this turn, and what became of earlier ones. Where they alone cannot be
        written, the citizen is answered all the same.
        """
        record.seq += 1
        entry = next((message for message in reply.messages if message.entry_id), None)
        async with self._database.begin() as connection:
            await connection.execute(
                insert(turns).values(
                    id=reply.turn_id,
                    conversation_id=record.id,
                    seq=record.seq,
                    said=utterance.said.value if utterance else "",
                    text_enc=self._vault.encrypt(utterance.text if utterance else ""),
                    confidence=utterance.confidence if utterance else 1.0,
                    audio_start_ms=utterance.audio_start_ms if utterance else None,
                    audio_end_ms=utterance.audio_end_ms if utterance else None,
                    act=reply.act,
                    engine=reply.engine,
                    reply_enc=self._vault.encrypt_json(reply_to_json(reply)),
                    entry_id=entry.entry_id if entry else None,
                    entry_version=entry.entry_version if entry else None,
                    emergency=reply.emergency,
                    at=at,
                )
            )
            await connection.execute(
                update(conversations).where(conversations.c.id == record.id).values(state_enc=self._seal(record.state))
            )
            if self._consultations is not None and (asked or settled):
                try:
                    async with connection.begin_nested():
                        await self._consultations.write(connection, asked, settled)
                except Exception as error:
                    log.error("consultation_not_recorded", error=type(error).__name__)

    async def book(self, record: Record, reason: str, promise: str, at: datetime) -> None:
        """Note that this caller is to be called back; on disk before it is promised."""
        number = await self.number_of(record)
        async with self._database.begin() as connection:
            await connection.execute(
                insert(callbacks).values(
                    id=new_id(),
                    conversation_id=record.id,
                    number_enc=self._vault.encrypt(number) if number else None,
                    reason=reason,
                    promise=promise,
                    status="open",
                    created_at=at,
                )
            )

    async def end(self, conversation_id: str, ended_by: str, at: datetime) -> None:
        """Close the conversation; closing it again changes nothing."""
        async with self._database.begin() as connection:
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == conversation_id, conversations.c.ended_at.is_(None))
                .values(ended_at=at, ended_by=ended_by)
            )

    async def number_of(self, record: Record) -> str | None:
        """The caller's number, where it is known."""
        return await self._callers.number_of(record.contact_id) if record.contact_id else None

    def _seal(self, state: State) -> str:
        return self._vault.encrypt_json(state.to_json())
