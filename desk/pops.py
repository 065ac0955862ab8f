"""The screen-pop: everything an agent needs before saying the first word, as JSON (docs/api.md, 弹屏)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from config.clock import local
from desk.contract import EMERGENCY_PRIORITY, LEADER_REASON, REASON_TEXTS, HandoverStatus, Suggest
from desk.handovers import Handover
from desk.queue import Waiting
from dialog.transcript import DeskRecord, Transcripts, TurnRecord
from tickets.model import ELEMENT_LABELS, TYPE_LABELS, ElementName, FiveElements, Ticket, TicketType
from tickets.serial import elements_to_json
from tickets.service import Tickets

_QUESTION_MOST: Final = 200
"""Characters of what was said that are searched for suggestions."""


@dataclass(slots=True)
class PhoneState:
    """How the agent's own phone fares: idle | ringing | connected | failed | ended."""

    state: str = "idle"
    sip_code: int = 0
    hint: str = ""
    since: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        return {"state": self.state, "sip_code": self.sip_code, "hint": self.hint}


@dataclass(slots=True)
class LiveHandover:
    """A hand-over in progress: its row, and what need not outlive the process."""

    handover: Handover
    refused_by: set[str] = field(default_factory=set)
    emergency_number: str = ""
    position: int | None = None
    phone: PhoneState = field(default_factory=PhoneState)
    agent_gone_since: datetime | None = None
    again_since: datetime | None = None
    attempts: int = 0
    """How often an agent who had taken it could not serve it."""
    rung_outside: set[str] = field(default_factory=set)
    """Phones outside the desk that were rung for it."""
    alarmed: bool = False
    ended_at: datetime | None = None
    restored_at: datetime | None = None
    """Set when it was taken up from disk: its citizen and its agent may need a moment to come back."""
    shown: set[str] = field(default_factory=set)
    ticket_shown: dict[str, Any] = field(default_factory=dict)
    question_shown: str = ""

    @property
    def emergency(self) -> bool:
        return self.handover.reason == "emergency" or self.handover.priority >= EMERGENCY_PRIORITY


class Pops:
    """Builds pops from the store. ``refresh_draft`` writes what the dialogue has taken down so far into the draft."""

    def __init__(
        self,
        transcripts: Transcripts,
        tickets: Tickets,
        suggest: Suggest,
        refresh_draft: Callable[[str], Awaitable[object]],
    ) -> None:
        self._transcripts = transcripts
        self._tickets = tickets
        self._suggest = suggest
        self._refresh_draft = refresh_draft

    async def pop(self, live: LiveHandover, expires_in_s: float) -> dict[str, Any]:
        """The whole pop of a hand-over; remembers in ``live`` what was shown."""
        handover = live.handover
        if handover.status in {HandoverStatus.WAITING, HandoverStatus.OFFERED}:
            await self._refresh_draft(handover.conversation_id)
        transcript = await self.items(handover.conversation_id)
        ticket = await self.ticket(handover.conversation_id)
        live.shown = {item["id"] for item in transcript}
        live.ticket_shown = ticket
        live.question_shown = question_of(transcript)
        return {
            "handover": handover.id,
            "conversation": handover.conversation_id,
            "channel": handover.channel,
            "caller": handover.caller,
            "number_known": handover.number is not None,
            "reason": handover.reason,
            "reason_text": REASON_TEXTS.get(handover.reason, handover.reason),
            "emergency": live.emergency,
            "emergency_number": live.emergency_number,
            "priority": handover.priority,
            "status": handover.status.value,
            "agent": handover.agent_id,
            "created_at": stamp(handover.created_at),
            "expires_in_s": round(expires_in_s, 1),
            "transcript": transcript,
            "ticket": ticket,
            "suggestions": (await self._suggest(live.question_shown))["entries"] if live.question_shown else [],
            "phone": live.phone.to_json(),
        }

    async def items(self, conversation_id: str) -> list[dict[str, Any]]:
        """What was said so far."""
        found: list[dict[str, Any]] = []
        for record in await self._transcripts.of(conversation_id):
            found += _turn_items(record) if isinstance(record, TurnRecord) else [desk_item(record)]
        return found

    async def ticket(self, conversation_id: str) -> dict[str, Any]:
        """The conversation's ticket, or an empty form."""
        return ticket_form(await self._tickets.of_conversation(conversation_id))

    async def news(self, live: LiveHandover) -> list[dict[str, Any]]:
        """Frames for what has changed since the agent was last shown something."""
        frames: list[dict[str, Any]] = []
        handover_id, conversation_id = live.handover.id, live.handover.conversation_id
        items = await self.items(conversation_id)
        for item in items:
            if item["id"] not in live.shown:
                live.shown.add(item["id"])
                frames.append({"type": "transcript", "handover": handover_id, "item": item})
        ticket = await self.ticket(conversation_id)
        if ticket != live.ticket_shown:
            live.ticket_shown = ticket
            frames.append({"type": "ticket", "handover": handover_id, "ticket": ticket})
        question = question_of(items)
        if question and question != live.question_shown:
            live.question_shown = question
            entries = (await self._suggest(question))["entries"]
            frames.append({"type": "suggestions", "handover": handover_id, "entries": entries})
        return frames


def as_waiting(live: LiveHandover) -> Waiting:
    """A hand-over as the queue's functions see it."""
    handover = live.handover
    return Waiting(
        id=handover.id,
        priority=handover.priority,
        created_at=handover.created_at,
        status=handover.status,
        agent_id=handover.agent_id,
        offered_at=handover.offered_at,
        refused_by=frozenset(live.refused_by),
        again_since=live.again_since,
        for_leader=handover.reason == LEADER_REASON,
    )


def waiting_json(live: LiveHandover, now: datetime) -> dict[str, Any]:
    """One line of the queue."""
    handover = live.handover
    return {
        "handover": handover.id,
        "channel": handover.channel,
        "caller": handover.caller,
        "reason": handover.reason,
        "emergency": live.emergency,
        "priority": handover.priority,
        "waited_s": int((now - handover.created_at).total_seconds()),
        "status": handover.status.value,
    }


def stamp(moment: datetime) -> str:
    """A moment as the pages read it: local time, to the millisecond."""
    return local(moment).isoformat(timespec="milliseconds")


def question_of(items: Sequence[dict[str, Any]]) -> str:
    """What the citizen said last that is long enough to search for; single words such as 人工 or 对 are not."""
    said = (item["text"] for item in reversed(items) if item["from"] == "citizen")
    return next((text[:_QUESTION_MOST] for text in said if len(text) > 3), "")


def desk_item(record: DeskRecord) -> dict[str, Any]:
    """One sentence outside the bot's turns."""
    return {
        "id": record.id,
        "turn": None,
        "from": record.sender,
        "text": record.text,
        "at": stamp(record.at),
        "entry": None,
        "audio_start_ms": None,
    }


def _turn_items(record: TurnRecord) -> list[dict[str, Any]]:
    at = stamp(record.at)
    items: list[dict[str, Any]] = []
    if record.text:
        items.append(
            {
                "id": f"{record.id}:u",
                "turn": record.id,
                "from": "citizen",
                "text": record.text,
                "at": at,
                "entry": None,
                "audio_start_ms": record.audio_start_ms,
            }
        )
    for number, message in enumerate(record.reply.messages):
        entry = {"id": message.entry_id, "version": message.entry_version} if message.entry_id else None
        items.append(
            {
                "id": f"{record.id}:{number}",
                "turn": record.id,
                "from": "bot",
                "text": message.text,
                "at": at,
                "entry": entry,
                "audio_start_ms": None,
            }
        )
    return items


def ticket_form(ticket: Ticket | None) -> dict[str, Any]:
    """A ticket as the agent's form shows it; without one, five empty elements."""
    elements = elements_to_json(ticket.elements if ticket else FiveElements())
    for name in ElementName:
        element = elements[name.value]
        value = element["value"] or {}
        element["label"] = ELEMENT_LABELS[name]
        element["text"] = str(value.get("text") or "")
    kind = ticket.type if ticket else TicketType.HELP
    return {
        "ticket": ticket.id if ticket else None,
        "no": ticket.no if ticket else None,
        "type": kind.value,
        "type_label": TYPE_LABELS[kind],
        "status": ticket.status.value if ticket else "draft",
        "filed_by": ticket.filed_by if ticket else "",
        "elements": elements,
    }
