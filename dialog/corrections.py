"""Types of tickets that agents put right, kept as utterances to label (CLAUSES Z10: corrections feed training)."""

from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from dialog.masking import mask
from dialog.rasa_client import Stage
from dialog.transcript import Transcripts
from tickets.model import TicketType

log = structlog.get_logger("training")

ACT_OF_TYPE: Final = {
    TicketType.CONSULTATION: "ask",
    TicketType.HELP: "ask_help",
    TicketType.COMPLAINT: "complain",
    TicketType.REPORT: "report",
    TicketType.SUGGESTION: "suggest",
    TicketType.PRAISE: "praise",
}
"""The act with which a ticket of each type begins."""


class Notes(Protocol):
    """``knowledge.labels.Labels``."""

    async def note(
        self, conversation_id: str, text: str, stage: str, ranking: Sequence[tuple[str, float]], why: str
    ) -> str | None: ...


class Corrections:
    """Notes what agents put right. What cannot be noted costs the agent nothing."""

    def __init__(self, notes: Notes, transcripts: Transcripts) -> None:
        self._notes = notes
        self._transcripts = transcripts

    async def type_changed(self, conversation_id: str, before: TicketType, after: TicketType) -> None:
        """Keep the words for which the bot began a ticket of the wrong type, with the right act suggested first."""
        wrong, right = ACT_OF_TYPE[before], ACT_OF_TYPE[after]
        if wrong == right:
            return
        try:
            said = [one for one in await self._transcripts.turns_of(conversation_id) if one.act == wrong and one.text]
            if said:
                ranking = [(right, 1.0), (wrong, 0.0)]
                await self._notes.note(conversation_id, mask(said[-1].text), Stage.OPEN.value, ranking, "corrected")
        except Exception:
            log.exception("correction_not_noted")
