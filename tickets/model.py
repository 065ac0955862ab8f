"""The five elements (五要素) and the ticket they make up (Q3, Z20, Z26).

An element is a value with its source. Without a source it is ``missing``; nothing is ever invented.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final


class ElementName(StrEnum):
    TIME = "time"
    PLACE = "place"
    PERSON = "person"
    EVENT = "event"
    DEMAND = "demand"


ELEMENT_LABELS: Final = {
    ElementName.TIME: "时间",
    ElementName.PLACE: "地点",
    ElementName.PERSON: "人物",
    ElementName.EVENT: "事件",
    ElementName.DEMAND: "诉求",
}


class ElementStatus(StrEnum):
    FILLED = "filled"
    MISSING = "missing"
    DECLINED = "declined"
    NOT_APPLICABLE = "not_applicable"


class SetBy(StrEnum):
    BOT = "bot"
    AGENT = "agent"
    CITIZEN = "citizen"


class TicketType(StrEnum):
    CONSULTATION = "consultation"
    HELP = "help"
    COMPLAINT = "complaint"
    REPORT = "report"
    SUGGESTION = "suggestion"
    PRAISE = "praise"


TYPE_LABELS: Final = {
    TicketType.CONSULTATION: "咨询",
    TicketType.HELP: "求助",
    TicketType.COMPLAINT: "投诉",
    TicketType.REPORT: "举报",
    TicketType.SUGGESTION: "建议",
    TicketType.PRAISE: "表扬",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Words that were said: ``text == utterance[start:end]`` of the turn ``turn_id``; audio offsets in ms, if spoken."""

    turn_id: str
    start: int
    end: int
    text: str
    audio_start_ms: int | None = None
    audio_end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """One element. ``value`` is normalised for its kind:

    time: ``{"text", "start": ISO|None, "end": ISO|None, "ongoing": bool, "recurring": str|None}`` (+08:00);
    place: ``{"text", "city", "district", "town", "detail", "derived": [{"field", "value", "from": "gazetteer"}]}``;
    person: ``{"text", "caller_name", "caller_phone_known": bool, "party"}`` (party: the one complained of);
    event, demand: ``{"text"}`` — words that were said.
    """

    name: ElementName
    value: dict[str, object] | None = None
    status: ElementStatus = ElementStatus.MISSING
    source: tuple[Span, ...] = ()
    confidence: float = 0.0
    set_by: SetBy = SetBy.BOT
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status is ElementStatus.FILLED and not self.source and self.set_by is SetBy.BOT:
            raise ValueError(f"{self.name}: an element the bot filled must have a source")


@dataclass(frozen=True, slots=True)
class FiveElements:
    """The five elements of one matter."""

    time: Element = field(default_factory=lambda: Element(ElementName.TIME))
    place: Element = field(default_factory=lambda: Element(ElementName.PLACE))
    person: Element = field(default_factory=lambda: Element(ElementName.PERSON))
    event: Element = field(default_factory=lambda: Element(ElementName.EVENT))
    demand: Element = field(default_factory=lambda: Element(ElementName.DEMAND))

    def get(self, name: ElementName) -> Element:
        found: Element = getattr(self, name.value)
        return found

    def missing(self) -> tuple[ElementName, ...]:
        """The elements still to be asked for, in the order a citizen would tell them."""
        return tuple(n for n in ElementName if self.get(n).status is ElementStatus.MISSING)

    @property
    def complete(self) -> bool:
        """True when none of the five is ``missing`` without a reason (the gate at dispatch, Z26)."""
        return all(e.status is not ElementStatus.MISSING or e.reason for e in map(self.get, ElementName))


class TicketStatus(StrEnum):
    """``draft``: being taken down, without a number; ``filed``: has the number that the citizen was told."""

    DRAFT = "draft"
    FILED = "filed"


STATUS_LABELS: Final = {TicketStatus.DRAFT: "正在登记", TicketStatus.FILED: "已受理，等待转派承办单位"}


@dataclass(frozen=True, slots=True)
class Ticket:
    """One matter. ``filed_by``: ``bot`` or the agent's account id. Its elements hold personal data: never log them."""

    id: str
    no: str | None
    conversation_id: str | None
    contact_id: str | None
    channel: str
    city: str
    type: TicketType
    status: TicketStatus
    filed_by: str
    created_at: datetime
    filed_at: datetime | None
    elements: FiveElements = field(repr=False)
