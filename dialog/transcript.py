"""What was said in a conversation, read back from the store: for history after a reload, the agent's screen, operators.

``turns`` holds what the citizen and the bot said, ``agent_messages`` what agents, the desk and, during a hand-over, the
citizen said. A reply is stored as JSON, see :func:`reply_to_json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from dialog.contract import Choice, Directive, Do, Expectation, Message, MessageKind, Reply
from store.engine import Database
from store.schema import agent_messages, turns
from store.vault import Vault


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One turn. ``said``: speech | typed | keys, or empty for what the bot said unasked (the greeting, silence)."""

    id: str
    seq: int
    said: str
    text: str = field(repr=False)
    audio_start_ms: int | None
    act: str
    engine: str
    reply: Reply = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class DeskRecord:
    """One sentence outside the bot's turns; ``sender``: agent | citizen | system."""

    id: str
    sender: str
    agent_id: str | None
    text: str = field(repr=False)
    at: datetime


class Transcripts:
    """Reads conversations back."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def of(self, conversation_id: str) -> list[TurnRecord | DeskRecord]:
        """Everything that was said, in the order in which it was said."""
        async with self._database.connect() as connection:
            turn_rows = await connection.execute(
                select(turns).where(turns.c.conversation_id == conversation_id).order_by(turns.c.seq)
            )
            said: list[TurnRecord | DeskRecord] = [self._turn(row) for row in turn_rows]
            message_rows = await connection.execute(
                select(agent_messages)
                .where(agent_messages.c.conversation_id == conversation_id)
                .order_by(agent_messages.c.at)
            )
            said += [self._message(row) for row in message_rows]
        return sorted(said, key=lambda record: record.at)

    async def turns_of(self, conversation_id: str) -> list[TurnRecord]:
        """Only the turns with the bot."""
        return [record for record in await self.of(conversation_id) if isinstance(record, TurnRecord)]

    def _turn(self, row: Row[Any]) -> TurnRecord:
        stored = self._vault.decrypt_json(row.reply_enc)
        if not isinstance(stored, dict):
            raise ValueError(f"turn {row.id}: a stored reply must be an object")
        return TurnRecord(
            id=row.id,
            seq=row.seq,
            said=row.said,
            text=self._vault.decrypt(row.text_enc),
            audio_start_ms=row.audio_start_ms,
            act=row.act,
            engine=row.engine,
            reply=reply_from_json(row.id, stored),
            at=row.at,
        )

    def _message(self, row: Row[Any]) -> DeskRecord:
        return DeskRecord(row.id, row.sender, row.agent_id, self._vault.decrypt(row.text_enc), row.at)


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """A reply as it is stored with its turn."""
    return {
        "messages": [
            {
                "kind": message.kind.value,
                "text": message.text,
                "speech": message.speech,
                "entry_id": message.entry_id,
                "entry_version": message.entry_version,
                "choices": [{"key": choice.key, "title": choice.title} for choice in message.choices],
            }
            for message in reply.messages
        ],
        "directives": [
            {
                "do": directive.do.value,
                "reason": directive.reason,
                "emergency_number": directive.emergency_number,
                "priority": directive.priority,
            }
            for directive in reply.directives
        ],
        "expect": {
            "state": reply.expect.state,
            "element": reply.expect.element,
            "hints": list(reply.expect.hints),
            "no_input_s": reply.expect.no_input_s,
        },
        "emergency": reply.emergency,
        "ticket_no": reply.ticket_no,
        "act": reply.act,
        "engine": reply.engine,
    }


def reply_from_json(turn_id: str, raw: Mapping[str, Any]) -> Reply:
    """The reply that :func:`reply_to_json` was given."""
    expect = raw.get("expect") or {}
    return Reply(
        turn_id=turn_id,
        messages=tuple(
            Message(
                kind=MessageKind(message["kind"]),
                text=message["text"],
                speech=message["speech"],
                entry_id=message.get("entry_id"),
                entry_version=message.get("entry_version"),
                choices=tuple(Choice(choice["key"], choice["title"]) for choice in message.get("choices") or ()),
            )
            for message in raw.get("messages") or ()
        ),
        directives=tuple(
            Directive(
                do=Do(directive["do"]),
                reason=directive.get("reason", ""),
                emergency_number=directive.get("emergency_number", ""),
                priority=int(directive.get("priority", 0)),
            )
            for directive in raw.get("directives") or ()
        ),
        expect=Expectation(
            state=expect.get("state", "open"),
            element=expect.get("element", ""),
            hints=tuple(expect.get("hints") or ()),
            no_input_s=float(expect.get("no_input_s", Expectation().no_input_s)),
            digits=int(expect.get("digits", 0)),
        ),
        emergency=bool(raw.get("emergency", False)),
        ticket_no=raw.get("ticket_no"),
        act=str(raw.get("act") or ""),
        engine=str(raw.get("engine") or ""),
    )
