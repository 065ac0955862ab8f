"""What happened in a call, for the operator interface: turns with their stages, transfer, ticket, end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from config.clock import Clock
from dialog.contract import Reply
from dialog.transcript import TurnRecord

_KEPT: Final = 500
"""Calls kept in memory; older ones are read from the database, without stages."""


@dataclass(slots=True)
class TurnLine:
    """One turn. ``endpoint_ms`` and ``at_ms`` count from the start of the call."""

    seq: int
    said: str
    reply: Reply
    at_ms: int
    say_ids: tuple[str, ...] = ()
    endpoint_ms: int | None = None
    stages: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        messages = self.reply.messages
        answer = next((message for message in messages if message.entry_id), None)
        return {
            "seq": self.seq,
            "said": self.said,
            "act": self.reply.act,
            "engine": self.reply.engine,
            "reply": {
                "text": "\n".join(message.text for message in messages),
                "speech": "".join(message.speech for message in messages),
                "entry_id": answer.entry_id if answer else None,
                "entry_version": answer.entry_version if answer else None,
                "choices": [choice.title for message in messages for choice in message.choices],
            },
            "at_ms": self.at_ms,
            "stages": {name: round(value, 1) for name, value in self.stages.items()},
        }


@dataclass(slots=True)
class CallTimeline:
    """One call as it went."""

    call: str
    restricted: bool
    started: float
    turns: list[TurnLine] = field(default_factory=list)
    emergency: bool = False
    ticket: str | None = None
    transfer: dict[str, Any] | None = None
    transfer_from: float = 0.0
    ended_by: str | None = None

    def turn(self, said: str, reply: Reply, *, now: float, say_ids: tuple[str, ...] = ()) -> TurnLine:
        """Note a turn; ``now``: monotonic seconds."""
        line = TurnLine(len(self.turns) + 1, said, reply, round((now - self.started) * 1000), say_ids)
        self.turns.append(line)
        self.emergency = self.emergency or reply.emergency
        self.ticket = reply.ticket_no or self.ticket
        return line

    def heard(self, say_id: str, at_ms: int, synthesis_ms: float, network_ms: float) -> dict[str, float] | None:
        """The first packet of a reply left the node: fill in its stages; ``None`` when nothing waited for it."""
        line = next((line for line in reversed(self.turns) if line.say_ids and line.say_ids[0] == say_id), None)
        if line is None or "synthesis_ms" in line.stages:
            return None
        line.stages |= {"synthesis_ms": synthesis_ms, "network_ms": network_ms}
        if line.endpoint_ms is not None:
            total = float(at_ms - line.endpoint_ms)
            rest = total - synthesis_ms - network_ms - line.stages.get("dialog_ms", 0.0)
            line.stages |= {"recognition_ms": max(0.0, rest), "total_ms": total}
        return line.stages

    def to_json(self) -> dict[str, Any]:
        """As ``GET /operator/calls/{call_id}`` answers."""
        return {
            "call": self.call,
            "admission": "restricted" if self.restricted else "normal",
            "emergency": self.emergency,
            "turns": [line.to_json() for line in self.turns],
            "transfer": self.transfer,
            "ticket": self.ticket,
            "ended_by": self.ended_by,
        }


class Timelines:
    """The calls of late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, CallTimeline] = {}

    def begin(self, call: str, *, restricted: bool) -> CallTimeline:
        """A new call, or the one already known by that Call-ID."""
        if call not in self._calls:
            self._calls[call] = CallTimeline(call, restricted, self._clock.monotonic())
            while len(self._calls) > _KEPT:
                del self._calls[next(iter(self._calls))]
        return self._calls[call]

    def get(self, call: str) -> CallTimeline | None:
        return self._calls.get(call)


def from_records(
    call: str, records: Sequence[TurnRecord], *, restricted: bool, started_at: datetime, ended_by: str | None
) -> CallTimeline:
    """A call that this process did not see, from the database: without stages."""
    timeline = CallTimeline(call, restricted, started_at.timestamp(), ended_by=ended_by)
    for record in records:
        timeline.turn(record.text, record.reply, now=record.at.timestamp())
    return timeline
