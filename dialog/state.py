"""Where one conversation stands: the core's own record, from which any process can go on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dialog.contract import Choice
from dialog.rasa_client import ELEMENTS, Stage
from tickets.model import Element, ElementName, ElementStatus, FiveElements
from tickets.serial import elements_from_json, elements_to_json

ASK_ORDER: tuple[ElementName, ...] = tuple(ElementName(name) for name in ELEMENTS)
TOPIC_TURNS = 3
"""So many turns after an answer, 「那要带什么材料」 still means the matter that was answered."""
MOST_ASKS = 2
"""An element is asked for so often and then left ``missing`` with the reason; the citizen is not held up."""


@dataclass(slots=True)
class Topic:
    """The entry last given as the answer. ``consultation``: where that is written down; ``left``: turns it is kept."""

    entry_id: str
    version: int
    question: str
    consultation: str
    left: int = TOPIC_TURNS


@dataclass(slots=True)
class State:
    """What the next turn needs to know.

    ``awaiting``: an answer to a question outside the form: ``emergency:<incident>`` | ``person`` | ``ticket_no`` |
    ``element`` | ``dispute``. ``pending``: the words that raised the doubt of an emergency. ``doubt``: the expected answer that was perhaps said and is being asked
    for. ``failures``: turns in a row that led nowhere. ``answered``: the last turn was a knowledge answer.
    ``last_reply``: the turn whose messages 「再说一遍」 means. ``elsewhere``: another city in which the words put the matter.
    ``topic``: what 「那要带什么材料」 is about. ``open_question``: the consultation that was asked and not answered yet.
    ``complaint``: the words by which the citizen called an answer wrong.
    """

    stage: Stage = Stage.OPEN
    ticket_type: str = ""
    elements: FiveElements = field(default_factory=FiveElements)
    requested: ElementName | None = None
    asked: dict[str, int] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    choice_entries: dict[str, str] = field(default_factory=dict)
    awaiting: str = ""
    pending: str = ""
    doubt: str = ""
    failures: int = 0
    answered: bool = False
    last_reply: dict[str, Any] | None = None
    elsewhere: str = ""
    topic: Topic | None = None
    open_question: str = ""
    complaint: str = ""

    @property
    def in_form(self) -> bool:
        return self.stage in (Stage.GATHERING, Stage.CONFIRMING)

    def missing(self) -> tuple[ElementName, ...]:
        """The elements still to ask for, in the order of asking."""
        return tuple(name for name in ASK_ORDER if not settled(self.elements.get(name)))

    def statuses(self, elements: FiveElements | None = None) -> dict[str, str | None]:
        """As Rasa wants them: ``filled``, ``declined`` (also: asked in vain) or ``None``."""
        elements = elements or self.elements
        return {name.value: _status(elements.get(name)) for name in ASK_ORDER}

    def pass_turn(self) -> None:
        """Another turn begins: what was talked about fades."""
        if self.topic is not None:
            self.topic.left -= 1
            if self.topic.left < 0:
                self.topic = None

    def forget_matter(self) -> None:
        """Be ready for the next matter: a second complaint starts from nothing."""
        self.topic = None
        self.stage, self.ticket_type, self.requested = Stage.OPEN, "", None
        self.elements, self.asked, self.awaiting, self.elsewhere = FiveElements(), {}, "", ""
        self.forget_choices()

    def forget_choices(self) -> None:
        if self.stage is Stage.CHOOSING:
            self.stage = Stage.OPEN
        self.choices, self.choice_entries = [], {}

    def to_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage.value,
            "ticket_type": self.ticket_type,
            "elements": elements_to_json(self.elements),
            "requested": self.requested.value if self.requested else None,
            "asked": self.asked,
            "choices": [[choice.key, choice.title] for choice in self.choices],
            "choice_entries": self.choice_entries,
            "awaiting": self.awaiting,
            "pending": self.pending,
            "doubt": self.doubt,
            "failures": self.failures,
            "answered": self.answered,
            "last_reply": self.last_reply,
            "elsewhere": self.elsewhere,
            "topic": asdict(self.topic) if self.topic else None,
            "open_question": self.open_question,
            "complaint": self.complaint,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "State":
        return cls(
            stage=Stage(raw["stage"]),
            ticket_type=raw["ticket_type"],
            elements=elements_from_json(raw["elements"]),
            requested=ElementName(raw["requested"]) if raw["requested"] else None,
            asked=dict(raw["asked"]),
            choices=[Choice(key, title) for key, title in raw["choices"]],
            choice_entries=dict(raw["choice_entries"]),
            awaiting=raw["awaiting"],
            pending=raw["pending"],
            doubt=raw.get("doubt", ""),
            failures=raw["failures"],
            answered=raw["answered"],
            last_reply=raw["last_reply"],
            elsewhere=raw.get("elsewhere", ""),
            topic=Topic(**raw["topic"]) if raw.get("topic") else None,
            open_question=raw.get("open_question", ""),
            complaint=raw.get("complaint", ""),
        )


def settled(element: Element) -> bool:
    """Nothing more to ask: filled, declined, not applicable, or missing for a reason."""
    return element.status is not ElementStatus.MISSING or bool(element.reason)


def _status(element: Element) -> str | None:
    if element.status is ElementStatus.FILLED:
        return "filled"
    return "declined" if settled(element) else None
