"""Elements: nothing without a source, and the gate at dispatch."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tickets.model import Element, ElementName, ElementStatus, FiveElements, SetBy, Ticket, TicketStatus, TicketType
from tickets.service import may_dispatch


def ticket(elements: FiveElements, status: TicketStatus = TicketStatus.FILED) -> Ticket:
    now = datetime(2023, 4, 3, tzinfo=UTC)
    return Ticket(
        "1", "2023040300001", None, None, "web", "zhanjiang", TicketType.HELP, status, "bot", now, now, elements
    )


def test_the_bot_fills_nothing_without_a_source() -> None:
    with pytest.raises(ValueError, match="must have a source"):
        Element(ElementName.TIME, {"text": "昨天"}, ElementStatus.FILLED)


def test_an_agent_may_fill_what_was_never_recorded() -> None:
    element = Element(ElementName.TIME, {"text": "昨天"}, ElementStatus.FILLED, set_by=SetBy.AGENT)
    assert element.source == ()


def test_what_is_missing_is_asked_in_order() -> None:
    assert FiveElements().missing() == tuple(ElementName)


def test_the_gate_opens_when_each_gap_has_a_reason(noise: FiveElements) -> None:
    assert not may_dispatch(ticket(noise))
    reasoned = replace(noise, person=Element(ElementName.PERSON, reason="来电人要求匿名"))
    assert may_dispatch(ticket(reasoned))
    declined = replace(noise, person=Element(ElementName.PERSON, status=ElementStatus.DECLINED))
    assert may_dispatch(ticket(declined))
    assert not may_dispatch(ticket(declined, TicketStatus.DRAFT))


def test_a_ticket_in_a_log_line_tells_nothing(noise: FiveElements) -> None:
    assert "海滨大道" not in repr(ticket(noise))
