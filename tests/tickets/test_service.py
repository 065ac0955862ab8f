"""Tickets: drafted once a conversation, edited with a trace, filed once under a number of the local day."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from config.clock import ManualClock
from store.engine import Database
from store.ids import new_id
from store.schema import contacts, ticket_elements, ticket_events
from store.vault import Vault
from tickets.errors import TicketError, TicketNotFound
from tickets.model import Element, ElementName, ElementStatus, FiveElements, SetBy, TicketStatus, TicketType
from tickets.service import Tickets

Converse = Callable[[], Awaitable[str]]
WANG = Element(ElementName.PERSON, {"text": "我姓王"}, ElementStatus.FILLED, set_by=SetBy.AGENT)


async def test_a_conversation_has_one_open_draft(tickets: Tickets, converse: Converse, noise: FiveElements) -> None:
    conversation = await converse()
    first = await tickets.draft(conversation, None, "phone", "help", FiveElements())
    assert await tickets.draft(conversation, None, "phone", "complaint", noise) == first
    ticket = await tickets.get_by_id(first)
    assert (ticket.no, ticket.status, ticket.type) == (None, TicketStatus.DRAFT, TicketType.COMPLAINT)
    assert ticket.elements == noise
    assert ticket.elements.missing() == (ElementName.PERSON,)


async def test_an_element_may_become_missing_again(tickets: Tickets, converse: Converse, noise: FiveElements) -> None:
    conversation = await converse()
    ticket_id = await tickets.draft(conversation, None, "phone", "complaint", noise)
    taken_back = replace(noise, demand=Element(ElementName.DEMAND))
    await tickets.draft(conversation, None, "phone", "complaint", taken_back)
    assert (await tickets.get_by_id(ticket_id)).elements == taken_back


async def test_filing_happens_once(tickets: Tickets, converse: Converse, noise: FiveElements) -> None:
    ticket_id = await tickets.draft(await converse(), None, "phone", "complaint", noise)
    numbers = await asyncio.gather(*(tickets.file(ticket_id, "bot") for _ in range(5)))
    assert set(numbers) == {"2023040300001"}
    ticket = await tickets.get("2023040300001")
    assert (ticket.status, ticket.filed_by, ticket.elements) == (TicketStatus.FILED, "bot", noise)


async def test_a_second_matter_is_a_second_ticket(tickets: Tickets, converse: Converse, noise: FiveElements) -> None:
    conversation = await converse()
    first = await tickets.draft(conversation, None, "phone", "complaint", noise)
    await tickets.file(first, "bot")
    second = await tickets.draft(conversation, None, "phone", "help", FiveElements())
    assert second != first
    latest = await tickets.of_conversation(conversation)
    assert latest is not None
    assert latest.id == second
    assert (await tickets.get_by_id(first)).elements == noise
    assert await tickets.file(second, "bot") == "2023040300002"


async def test_numbers_begin_anew_each_local_day(tickets: Tickets, converse: Converse, clock: ManualClock) -> None:
    async def file_one() -> str:
        return await tickets.file(await tickets.draft(await converse(), None, "web", "help", FiveElements()), "bot")

    assert [await file_one() for _ in range(2)] == ["2023040300001", "2023040300002"]
    clock.advance(14 * 3600 - 1)
    assert await file_one() == "2023040300003", "23:59:59 in Asia/Shanghai is still the same day"
    clock.advance(1)
    assert await file_one() == "2023040400001"


async def test_tickets_filed_at_once_get_different_numbers(tickets: Tickets, converse: Converse) -> None:
    drafts = [await tickets.draft(await converse(), None, "web", "help", FiveElements()) for _ in range(10)]
    numbers = await asyncio.gather(*(tickets.file(draft, "bot") for draft in drafts))
    assert sorted(numbers) == [f"20230403{n:05d}" for n in range(1, 11)]


async def test_an_agents_edit_is_traced_before_and_after(
    tickets: Tickets, converse: Converse, noise: FiveElements, database: Database, vault: Vault
) -> None:
    ticket_id = await tickets.draft(await converse(), None, "phone", "complaint", noise)
    edited = await tickets.update(ticket_id, {ElementName.PERSON: WANG}, "8001", type="report")
    assert edited.elements.person == replace(WANG, confidence=1.0)
    assert edited.elements.time == noise.time
    assert edited.type is TicketType.REPORT
    async with database.connect() as connection:
        query = select(ticket_events).where(ticket_events.c.kind == "edited")
        event = (await connection.execute(query)).one()
    assert event.by == "8001"
    assert "我姓王" not in event.detail_enc
    detail = vault.decrypt_json(event.detail_enc, ticket_id)
    assert isinstance(detail, dict)
    assert detail["before"]["person"]["status"] == "missing"
    assert detail["after"]["person"]["value"] == {"text": "我姓王"}
    assert detail["type"] == {"before": "complaint", "after": "report"}


async def test_saving_without_a_change_leaves_no_trace(
    tickets: Tickets, converse: Converse, noise: FiveElements, database: Database
) -> None:
    ticket_id = await tickets.draft(await converse(), None, "phone", "complaint", noise)
    await tickets.update(ticket_id, noise, "8001")
    assert (await tickets.get_by_id(ticket_id)).elements == noise
    async with database.connect() as connection:
        kinds = (await connection.execute(select(ticket_events.c.kind))).scalars().all()
    assert kinds == ["drafted"]


async def test_the_bot_does_not_overwrite_an_agent(tickets: Tickets, converse: Converse, noise: FiveElements) -> None:
    conversation = await converse()
    ticket_id = await tickets.draft(conversation, None, "phone", "complaint", noise)
    await tickets.update(ticket_id, {ElementName.PERSON: WANG}, "8001")
    await tickets.draft(conversation, None, "phone", "complaint", noise)
    assert (await tickets.get_by_id(ticket_id)).elements.person.value == {"text": "我姓王"}


async def test_an_element_cannot_be_filled_with_nothing(tickets: Tickets, converse: Converse) -> None:
    ticket_id = await tickets.draft(await converse(), None, "web", "help", FiveElements())
    empty = Element(ElementName.PLACE, {}, ElementStatus.FILLED, set_by=SetBy.AGENT)
    with pytest.raises(TicketError, match="“地点”没有内容"):
        await tickets.update(ticket_id, {ElementName.PLACE: empty}, "8001")


async def test_nothing_said_is_readable_in_the_table(
    tickets: Tickets, converse: Converse, noise: FiveElements, database: Database
) -> None:
    await tickets.draft(await converse(), None, "phone", "complaint", noise)
    async with database.connect() as connection:
        rows = (await connection.execute(select(ticket_elements))).all()
    assert len(rows) == 5
    assert "海滨" not in str(rows)


async def test_what_is_not_there_is_said(tickets: Tickets) -> None:
    with pytest.raises(TicketNotFound, match="没有找到工单 2023040399999"):
        await tickets.get("2023040399999")
    with pytest.raises(TicketNotFound):
        await tickets.file("nothing", "bot")
    with pytest.raises(TicketError, match="没有这次会话"):
        await tickets.draft("nowhere", None, "web", "help", FiveElements())
    assert await tickets.of_conversation("nowhere") is None


async def test_the_list_is_newest_first_and_without_drafts(
    tickets: Tickets, converse: Converse, clock: ManualClock
) -> None:
    for _ in range(3):
        await tickets.file(await tickets.draft(await converse(), None, "web", "help", FiveElements()), "bot")
        clock.advance(60)
    await tickets.draft(await converse(), None, "web", "help", FiveElements())
    assert [ticket.no for ticket in await tickets.list(2)] == ["2023040300003", "2023040300002"]
    assert len(await tickets.list(10)) == 3
    assert len(await tickets.list(10, drafts=True)) == 4


async def test_only_the_caller_hears_what_it_was_about(
    tickets: Tickets, converse: Converse, noise: FiveElements, database: Database, vault: Vault, clock: ManualClock
) -> None:
    contact = new_id()
    async with database.begin() as connection:
        await connection.execute(
            contacts.insert().values(
                id=contact,
                number_key=vault.key("13800138000"),
                number_enc=vault.encrypt("13800138000"),
                created_at=clock.now(),
            )
        )
    no = await tickets.file(await tickets.draft(await converse(), contact, "phone", "complaint", noise), "bot")
    own = await tickets.status_for_caller(no, "+86 13800138000")
    assert own is not None
    assert (own.verified, own.text) == (True, "您4月3日反映的投诉已受理，等待转派承办单位。")
    for other_number in ("13800138001", None):
        other = await tickets.status_for_caller(no, other_number)
        assert other is not None
        assert (other.verified, other.text) == (False, "该工单已受理，等待转派承办单位。")
    assert await tickets.status_for_caller("2023040399999", "13800138000") is None
