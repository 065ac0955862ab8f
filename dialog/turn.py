"""One turn in the making, and what it comes to before it is committed."""

from dataclasses import dataclass, field
from datetime import datetime

from dialog.contract import Directive, Do, Message, MessageKind
from dialog.phrases import phrase
from dialog.rasa_client import RasaStep
from dialog.records import Record
from dialog.state import State
from knowledge.consultations import Consultation, Settled
from tickets.model import FiveElements


@dataclass(slots=True)
class Outcome:
    """What one turn comes to. ``asked``, ``settled``: consultations to write down with it."""

    messages: list[Message] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    emergency: bool = False
    ticket_no: str | None = None
    act: str = ""
    engine: str = ""
    failed: bool = False
    asked: list[Consultation] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)

    def say(self, kind: MessageKind, key: str, turn: int = 0, **filled: str) -> None:
        self.messages.append(phrase(kind, key, turn, **filled))

    def transfer(self, reason: str, *, priority: int = 0, emergency_number: str = "") -> None:
        self.directives = [Directive(Do.TRANSFER, reason, emergency_number, priority)]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said and what it was understood as. ``engine``: who understood it: rasa | fallback, empty: nobody yet."""

    record: Record
    id: str
    text: str
    at: datetime
    step: RasaStep
    found: FiveElements
    tentative: FiveElements
    engine: str = ""

    @property
    def state(self) -> State:
        return self.record.state
