"""Elements and tickets as JSON, the form that the command line, the desk and the store use."""

from collections.abc import Mapping
from typing import Any

from config.clock import local
from tickets.errors import TicketError
from tickets.model import Element, ElementName, ElementStatus, FiveElements, SetBy, Span, Ticket


def span_to_json(span: Span) -> dict[str, Any]:
    """The words an element came from."""
    return {
        "turn_id": span.turn_id,
        "start": span.start,
        "end": span.end,
        "text": span.text,
        "audio_start_ms": span.audio_start_ms,
        "audio_end_ms": span.audio_end_ms,
    }


def element_to_json(element: Element) -> dict[str, Any]:
    """``{"value", "status", "source", "confidence", "set_by", "reason"}``."""
    return {
        "value": element.value,
        "status": element.status.value,
        "source": [span_to_json(span) for span in element.source],
        "confidence": element.confidence,
        "set_by": element.set_by.value,
        "reason": element.reason,
    }


def elements_to_json(elements: FiveElements) -> dict[str, Any]:
    """The five, by name."""
    return {name.value: element_to_json(elements.get(name)) for name in ElementName}


def element_from_json(name: ElementName, raw: Mapping[str, Any], set_by: SetBy | None = None) -> Element:
    """An element again, ``set_by`` whoever is given; raises :class:`TicketError` when the JSON does not hold one."""
    try:
        value = raw.get("value")
        if value is not None and not isinstance(value, dict):
            raise TypeError("value")
        return Element(
            name=name,
            value=value,
            status=ElementStatus(raw.get("status", ElementStatus.MISSING)),
            source=tuple(Span(**span) for span in raw.get("source") or ()),
            confidence=float(raw.get("confidence", 0.0)),
            set_by=set_by or SetBy(raw.get("set_by", SetBy.BOT)),
            reason=str(raw.get("reason") or ""),
        )
    except (TypeError, ValueError) as error:
        raise TicketError("bad_element", f"要素“{name.value}”的内容不合格式，请按 value/status/source 填写") from error


def elements_from_json(raw: Mapping[str, Any]) -> FiveElements:
    """The five again; an element that is left out is ``missing``. An unknown name raises :class:`TicketError`."""
    return FiveElements(**{name.value: element for name, element in _each(raw, None).items()})


def agent_elements(raw: Mapping[str, Any]) -> dict[ElementName, Element]:
    """The elements that an agent's form sends, for :meth:`tickets.service.Tickets.update`; those left out stay."""
    return _each(raw, SetBy.AGENT)


def _each(raw: Mapping[str, Any], set_by: SetBy | None) -> dict[ElementName, Element]:
    unknown = set(raw) - {name.value for name in ElementName}
    if unknown:
        raise TicketError("bad_element", f"没有这样的要素：{'、'.join(sorted(unknown))}")
    return {name: element_from_json(name, raw[name.value], set_by) for name in ElementName if name.value in raw}


def ticket_to_json(ticket: Ticket) -> dict[str, Any]:
    """A ticket for ``ticket show --json`` and the desk; moments are ISO 8601 in local time (+08:00)."""
    return {
        "no": ticket.no,
        "type": ticket.type.value,
        "channel": ticket.channel,
        "status": ticket.status.value,
        "city": ticket.city,
        "filed_by": ticket.filed_by,
        "created_at": local(ticket.created_at).isoformat(timespec="seconds"),
        "filed_at": local(ticket.filed_at).isoformat(timespec="seconds") if ticket.filed_at else None,
        "id": ticket.id,
        "conversation_id": ticket.conversation_id,
        "elements": elements_to_json(ticket.elements),
    }
