"""Replies and records as the page shows them (docs/api.md, Message). A channel renders; it decides nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from config.clock import local
from dialog.contract import Choice, MessageKind, Reply
from dialog.transcript import DeskRecord, TurnRecord


def message(
    id: str,
    sender: str,
    text: str,
    at: str,
    *,
    kind: str = "chat",
    entry: Mapping[str, Any] | None = None,
    choices: Sequence[Choice] = (),
    element: str | None = None,
    ticket_no: str | None = None,
    emergency_number: str = "",
    emergency: bool = False,
    client_id: str | None = None,
) -> dict[str, Any]:
    """One bubble."""
    return {
        "id": id,
        "from": sender,
        "kind": kind,
        "text": text,
        "at": at,
        "entry": entry,
        "choices": [{"key": choice.key, "title": choice.title} for choice in choices],
        "element": element,
        "ticket_no": ticket_no,
        "emergency": emergency,
        "emergency_number": emergency_number,
        "client_id": client_id,
    }


def bot_messages(reply: Reply, at: datetime) -> list[dict[str, Any]]:
    """The bubbles of one reply."""
    number = next((one.emergency_number for one in reply.directives if one.emergency_number), "")
    return [
        message(
            f"{reply.turn_id}:{place}",
            "bot",
            one.text,
            stamp(at),
            kind=one.kind.value,
            entry={"id": one.entry_id, "version": one.entry_version} if one.entry_id else None,
            choices=one.choices,
            element=reply.expect.element or None if one.kind is MessageKind.ASK else None,
            ticket_no=reply.ticket_no if one.kind is MessageKind.FILED else None,
            emergency=one.kind is MessageKind.EMERGENCY,
            emergency_number=number if one.kind is MessageKind.EMERGENCY else "",
        )
        for place, one in enumerate(reply.messages)
    ]


def desk_message(item: Mapping[str, Any], *, client_id: str | None = None) -> dict[str, Any]:
    """A sentence of an agent's, the desk's, or the citizen's during a hand-over."""
    kind = "notice" if item["from"] == "system" else "chat"
    return message(item["id"], item["from"], item["text"], item["at"], kind=kind, client_id=client_id)


def history(records: Iterable[TurnRecord | DeskRecord]) -> list[dict[str, Any]]:
    """A conversation from the store."""
    shown: list[dict[str, Any]] = []
    offered: dict[str, str] = {}
    for record in records:
        if isinstance(record, DeskRecord):
            item = {"id": record.id, "from": record.sender, "text": record.text, "at": stamp(record.at)}
            shown.append(desk_message(item))
            continue
        if record.text:
            text = offered.get(record.text, record.text) if record.said == "keys" else record.text
            shown.append(message(f"{record.id}:u", "citizen", text, stamp(record.at)))
        shown += bot_messages(record.reply, record.at)
        offered = titles(record.reply)
    return shown


def titles(reply: Reply) -> dict[str, str]:
    """What each key of a reply's choices stands for."""
    return {choice.key: choice.title for one in reply.messages for choice in one.choices}


def stamp(moment: datetime) -> str:
    """A moment as the pages read it: local time, to the millisecond."""
    return local(moment).isoformat(timespec="milliseconds")
