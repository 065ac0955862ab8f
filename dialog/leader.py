"""Callers who ask for the leader on duty (值班领导): put through in the leader's hours, noted before them, told after (H2)."""

import re
from datetime import datetime
from typing import Final

from config.duty import Leader, leader
from config.rulebook_model import Rulebook
from dialog.contract import MessageKind
from dialog.phrases import phrase
from dialog.records import Record, Records
from dialog.turn import Outcome

_WANTS_LEADER: Final = re.compile(
    r"(?:找|要|转|接|请|跟|和|见|叫)[^，。？！,.?!]{0,4}(?:值班|带班|当班)(?:的)?(?:领导|局长|负责人|主任)"
)


def wants_leader(text: str) -> bool:
    """「我要找值班领导」, not any mention of a leader."""
    return _WANTS_LEADER.search(re.sub(r"\s", "", text)) is not None


class LeaderHours:
    """The leader's hours of a city that has them."""

    def __init__(self, rulebook: Rulebook, records: Records) -> None:
        self._window = rulebook.duty_window
        self._records = records

    async def answers(self, record: Record, text: str, at: datetime, out: Outcome) -> bool:
        """Answer a caller who asks for the leader; false where there are no such hours, or something else was said."""
        if self._window is None or record.restricted or not wants_leader(text):
            return False
        out.act = "leader"
        start, end = _spoken(self._window.start.hour), _spoken(self._window.end.hour)
        how = leader(self._window, at)
        if how is Leader.OPEN:
            out.say(MessageKind.NOTICE, "leader_open")
            out.transfer("leader")
        elif how is Leader.CLOSED:
            out.say(MessageKind.NOTICE, "leader_closed", start=start, end=end)
        elif record.contact_id is None:
            out.say(MessageKind.NOTICE, "leader_before_withheld", start=start, end=end)
        else:
            promise = phrase(MessageKind.NOTICE, "leader_before", start=start, end=end)
            await self._records.book(record, "leader", promise.text, at)
            out.messages.append(promise)
        return True


def _spoken(hour: int) -> str:
    return f"下午{hour - 12}点" if hour > 12 else f"{hour}点"
