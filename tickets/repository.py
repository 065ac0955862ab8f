"""Rows of tickets, elements and events; each function works in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.ids import new_id
from store.schema import ticket_elements, ticket_events, tickets
from store.vault import Vault
from tickets.model import Element, ElementName, FiveElements, Ticket, TicketStatus, TicketType
from tickets.serial import element_from_json, span_to_json

_SELECTED: Final = select(tickets)


async def fetch(
    connection: AsyncConnection, vault: Vault, *, where: ColumnElement[bool], lock: bool = False
) -> Ticket | None:
    """The newest ticket that ``where`` selects, with its elements.

    ``lock``: no other transaction changes it before this one ends (PostgreSQL; on SQLite there is one writer anyway).
    """
    query = _SELECTED.where(where).order_by(tickets.c.created_at.desc()).limit(1)
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).first()
    return (await _with_elements(connection, vault, [row]))[0] if row else None


async def fetch_many(
    connection: AsyncConnection, vault: Vault, *, where: ColumnElement[bool], limit: int
) -> tuple[Ticket, ...]:
    """The newest tickets that ``where`` selects, newest first."""
    query = _SELECTED.where(where).order_by(tickets.c.created_at.desc(), tickets.c.no.desc()).limit(limit)
    return await _with_elements(connection, vault, (await connection.execute(query)).all())


async def write_elements(
    connection: AsyncConnection, vault: Vault, ticket_id: str, elements: Iterable[Element]
) -> None:
    """Replace these elements of the ticket."""
    rows = [_element_row(vault, ticket_id, element) for element in elements]
    if not rows:
        return
    names = [row["name"] for row in rows]
    await connection.execute(
        delete(ticket_elements).where(ticket_elements.c.ticket_id == ticket_id, ticket_elements.c.name.in_(names))
    )
    await connection.execute(insert(ticket_elements), rows)


async def add_event(
    connection: AsyncConnection,
    vault: Vault,
    ticket_id: str,
    *,
    kind: str,
    by: str,
    at: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add to the ticket's history; ``detail`` is encrypted."""
    await connection.execute(
        insert(ticket_events).values(
            id=new_id(),
            ticket_id=ticket_id,
            kind=kind,
            by=by,
            detail_enc=vault.encrypt_json(detail, ticket_id) if detail is not None else None,
            at=at,
        )
    )


def _element_row(vault: Vault, ticket_id: str, element: Element) -> dict[str, Any]:
    return {
        "ticket_id": ticket_id,
        "name": element.name.value,
        "value_enc": vault.encrypt_json(element.value, ticket_id) if element.value is not None else None,
        "status": element.status.value,
        "source_enc": vault.encrypt_json([span_to_json(span) for span in element.source], ticket_id),
        "confidence": element.confidence,
        "set_by": element.set_by.value,
        "reason": element.reason,
    }


async def _with_elements(connection: AsyncConnection, vault: Vault, rows: Sequence[Row[Any]]) -> tuple[Ticket, ...]:
    ids = [row.id for row in rows]
    query = select(ticket_elements).where(ticket_elements.c.ticket_id.in_(ids))
    found: dict[str, dict[str, Element]] = {ticket_id: {} for ticket_id in ids}
    for row in (await connection.execute(query)).all():
        found[row.ticket_id][row.name] = _element(vault, row)
    return tuple(_ticket(row, FiveElements(**found[row.id])) for row in rows)


def _element(vault: Vault, row: Row[Any]) -> Element:
    return element_from_json(
        ElementName(row.name),
        {
            "value": vault.decrypt_json(row.value_enc, row.ticket_id) if row.value_enc else None,
            "status": row.status,
            "source": vault.decrypt_json(row.source_enc, row.ticket_id),
            "confidence": row.confidence,
            "set_by": row.set_by,
            "reason": row.reason,
        },
    )


def _ticket(row: Row[Any], elements: FiveElements) -> Ticket:
    return Ticket(
        id=row.id,
        no=row.no,
        conversation_id=row.conversation_id,
        contact_id=row.contact_id,
        channel=row.channel,
        city=row.city,
        type=TicketType(row.type),
        status=TicketStatus(row.status),
        filed_by=row.filed_by,
        created_at=row.created_at,
        filed_at=row.filed_at,
        elements=elements,
    )
