"""Tickets: taken down by the bot, put right by an agent, filed under a number, asked after by the caller."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock, local
from store.engine import Database
from store.ids import new_id
from store.number import normalise_number
from store.schema import contacts, conversations, sequences, tickets
from store.upsert import increment
from store.vault import Vault
from tickets.errors import TicketError, TicketNotFound
from tickets.model import (
    ELEMENT_LABELS,
    STATUS_LABELS,
    TYPE_LABELS,
    Element,
    ElementName,
    ElementStatus,
    FiveElements,
    SetBy,
    Ticket,
    TicketStatus,
    TicketType,
)
from tickets.repository import add_event, fetch, fetch_many, write_elements
from tickets.serial import element_to_json


@dataclass(frozen=True, slots=True)
class Progress:
    """What a caller is told about a ticket; without ``verified`` only what is not personal (Z35)."""

    no: str
    verified: bool
    status: TicketStatus
    text: str


class Tickets:
    """The tickets of one city."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, city: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._city = city

    async def draft(
        self, conversation_id: str, contact_id: str | None, channel: str, type: str, elements: FiveElements
    ) -> str:
        """Write what was taken down so far into the conversation's open draft, making one where there is none.

        Returns the ticket's id. What an agent entered is kept: a machine does not overwrite a person.
        """
        kind = TicketType(type)
        async with self._database.begin() as connection:
            await _lock_conversation(connection, conversation_id)
            draft = await fetch(connection, self._vault, where=_is_draft_of(conversation_id), lock=True)
            if draft is None:
                return await self._create(connection, conversation_id, contact_id, channel, kind, elements)
            kept = [name for name in ElementName if draft.elements.get(name).set_by is SetBy.AGENT]
            fresh = [elements.get(name) for name in ElementName if name not in kept]
            changed = [element for element in fresh if element != draft.elements.get(element.name)]
            await write_elements(connection, self._vault, draft.id, changed)
            await connection.execute(
                update(tickets)
                .where(tickets.c.id == draft.id)
                .values(type=kind.value, contact_id=contact_id or draft.contact_id)
            )
            return draft.id

    async def update(
        self,
        ticket_id: str,
        elements: FiveElements | Mapping[ElementName, Element],
        by: str,
        type: str | None = None,
    ) -> Ticket:
        """Take in an agent's changes; each one is ``set_by`` agent and logged, before and after, encrypted.

        Raises :class:`TicketNotFound`, and :class:`TicketError` for an element that is filled with nothing.
        """
        if isinstance(elements, FiveElements):
            elements = {name: elements.get(name) for name in ElementName}
        for name, element in elements.items():
            if element.status is ElementStatus.FILLED and not element.value:
                raise TicketError("empty_element", f"“{ELEMENT_LABELS[name]}”没有内容，请填写，或改为未提供并写明原因")
        async with self._database.begin() as connection:
            ticket = await self._must_find(connection, tickets.c.id == ticket_id, ticket_id, lock=True)
            before = {name: ticket.elements.get(name) for name in elements}
            after = {
                name: replace(element, name=name, set_by=SetBy.AGENT, confidence=1.0)
                for name, element in elements.items()
                if not _says_the_same(element, before[name])
            }
            kind = TicketType(type) if type else ticket.type
            if not after and kind is ticket.type:
                return ticket
            await write_elements(connection, self._vault, ticket_id, after.values())
            await connection.execute(update(tickets).where(tickets.c.id == ticket_id).values(type=kind.value))
            detail = {
                "before": {name.value: element_to_json(before[name]) for name in after},
                "after": {name.value: element_to_json(element) for name, element in after.items()},
                "type": {"before": ticket.type.value, "after": kind.value},
            }
            now = self._clock.now()
            await add_event(connection, self._vault, ticket_id, kind="edited", by=by, at=now, detail=detail)
            return await self._must_find(connection, tickets.c.id == ticket_id, ticket_id)

    async def file(self, ticket_id: str, by: str) -> str:
        """Give the ticket its number (local date and five digits) and return it; a filed ticket keeps the one it has.

        Nothing is asked of the elements here: the gate is at dispatch (:func:`may_dispatch`).
        """
        async with self._database.begin() as connection:
            ticket = await self._must_find(connection, tickets.c.id == ticket_id, ticket_id, lock=True)
            if ticket.no is not None:
                return ticket.no
            now = self._clock.now()
            no = await _next_number(connection, now)
            await connection.execute(
                update(tickets)
                .where(tickets.c.id == ticket_id)
                .values(no=no, status=TicketStatus.FILED.value, filed_by=by, filed_at=now)
            )
            await add_event(connection, self._vault, ticket_id, kind="filed", by=by, at=now, detail={"no": no})
            return no

    async def get(self, no: str) -> Ticket:
        """The ticket of that number; raises :class:`TicketNotFound`."""
        async with self._database.connect() as connection:
            return await self._must_find(connection, tickets.c.no == no, no)

    async def get_by_id(self, ticket_id: str) -> Ticket:
        """The ticket of that id, draft or filed; raises :class:`TicketNotFound`."""
        async with self._database.connect() as connection:
            return await self._must_find(connection, tickets.c.id == ticket_id, ticket_id)

    async def of_conversation(self, conversation_id: str) -> Ticket | None:
        """The conversation's open draft, else the ticket that was filed last in it."""
        where = tickets.c.conversation_id == conversation_id
        async with self._database.connect() as connection:
            draft = await fetch(connection, self._vault, where=_is_draft_of(conversation_id))
            return draft or await fetch(connection, self._vault, where=where)

    async def list(self, limit: int = 50, *, drafts: bool = False) -> tuple[Ticket, ...]:
        """The newest filed tickets of the city (and drafts, where asked for), newest first."""
        filed: ColumnElement[bool] = true() if drafts else tickets.c.status != TicketStatus.DRAFT.value
        async with self._database.connect() as connection:
            return await fetch_many(connection, self._vault, where=filed & (tickets.c.city == self._city), limit=limit)

    async def status_for_caller(self, no: str, number: str | None) -> Progress | None:
        """How far a ticket has come, for the one who asks; ``None`` when there is no such ticket.

        Kind and date are told only to the number that the matter was reported from.
        """
        normal = normalise_number(number)
        async with self._database.connect() as connection:
            ticket = await fetch(connection, self._vault, where=tickets.c.no == no)
            if ticket is None:
                return None
            owner = select(contacts.c.number_key).where(contacts.c.id == ticket.contact_id)
            key = (await connection.execute(owner)).scalar()
        verified = normal is not None and key is not None and self._vault.key(normal) == key
        state = STATUS_LABELS[ticket.status]
        if not verified or ticket.filed_at is None:
            return Progress(no, verified, ticket.status, f"该工单{state}。")
        day = local(ticket.filed_at)
        text = f"您{day.month}月{day.day}日反映的{TYPE_LABELS[ticket.type]}{state}。"
        return Progress(no, verified, ticket.status, text)

    async def _create(
        self,
        connection: AsyncConnection,
        conversation_id: str,
        contact_id: str | None,
        channel: str,
        kind: TicketType,
        elements: FiveElements,
    ) -> str:
        ticket_id, now = new_id(), self._clock.now()
        await connection.execute(
            insert(tickets).values(
                id=ticket_id,
                conversation_id=conversation_id,
                contact_id=contact_id,
                channel=channel,
                city=self._city,
                type=kind.value,
                status=TicketStatus.DRAFT.value,
                filed_by="",
                created_at=now,
            )
        )
        await write_elements(connection, self._vault, ticket_id, map(elements.get, ElementName))
        await add_event(connection, self._vault, ticket_id, kind="drafted", by="bot", at=now)
        return ticket_id

    async def _must_find(
        self, connection: AsyncConnection, where: ColumnElement[bool], key: str, *, lock: bool = False
    ) -> Ticket:
        ticket = await fetch(connection, self._vault, where=where, lock=lock)
        if ticket is None:
            raise TicketNotFound(key)
        return ticket


def may_dispatch(ticket: Ticket) -> bool:
    """The gate at dispatch (Z26; 湛府办函〔2022〕116号 第十条): filed, and no element missing without a reason."""
    return ticket.status is not TicketStatus.DRAFT and ticket.elements.complete


def _is_draft_of(conversation_id: str) -> ColumnElement[bool]:
    return (tickets.c.conversation_id == conversation_id) & (tickets.c.status == TicketStatus.DRAFT.value)


async def _lock_conversation(connection: AsyncConnection, conversation_id: str) -> None:
    """Two drafts of one conversation are written one after the other (PostgreSQL)."""
    query = select(conversations.c.id).where(conversations.c.id == conversation_id).with_for_update()
    if (await connection.execute(query)).first() is None:
        raise TicketError("unknown_conversation", "没有这次会话，无法登记工单")


def _says_the_same(new: Element, old: Element) -> bool:
    return (new.value, new.status, new.reason) == (old.value, old.status, old.reason)


async def _next_number(connection: AsyncConnection, now: datetime) -> str:
    day = local(now).strftime("%Y%m%d")
    return f"{day}{await increment(connection, sequences, f'ticket:{day}'):05d}"
