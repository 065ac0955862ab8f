"""Keeps utterances that the model was unsure of, for people to label: a listener between the core and Rasa.

It sees what Rasa sees, which is masked. Keeping happens beside the turn and may fail without the turn noticing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from dialog.acts import NOT_UNDERSTOOD
from dialog.rasa_client import RasaStep, Resume, Stage

log = structlog.get_logger("training")

SURE: Final = 0.5
"""A confidence below this is worth a second look."""
CLEAR: Final = 0.15
"""So far at least the best act should be ahead of the second."""
_REMEMBERED: Final = 2_000
"""Conversations whose last utterance is remembered."""
_WAITING: Final = 200
"""Utterances being written at the same time; more are let go."""


class Understanding(Protocol):
    """``dialog.rasa_client.RasaClient``."""

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: Mapping[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep: ...


class Notes(Protocol):
    """``knowledge.labels.Labels``."""

    async def note(
        self, conversation_id: str, text: str, stage: str, ranking: Sequence[tuple[str, float]], why: str
    ) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Heard:
    text: str
    stage: str
    ranking: tuple[tuple[str, float], ...]


class UnsureListener:
    """An :class:`Understanding` that passes everything on and notes what was not clear."""

    def __init__(self, understanding: Understanding, notes: Notes) -> None:
        self._understanding = understanding
        self._notes = notes
        self._last: OrderedDict[str, _Heard] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: Mapping[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep:
        """As the understanding's own; raises what it raises."""
        step = await self._understanding.turn(conversation_id, text, statuses, active_form, resume)
        stage = resume.stage if resume else Stage.OPEN
        ranking = tuple((name, value) for name, value in step.ranking if name != NOT_UNDERSTOOD)
        self._listen(conversation_id, _Heard(text, stage.value, ranking), step)
        return step

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _listen(self, conversation_id: str, heard: _Heard, step: RasaStep) -> None:
        before = self._last.pop(conversation_id, None)
        why = doubt(step, heard.ranking)
        if why:
            self._keep(conversation_id, heard, why)
            return
        if before is not None and step.act == "deny" and heard.stage in {Stage.OPEN, Stage.CHOOSING}:
            self._keep(conversation_id, before, "corrected")
            return
        self._last[conversation_id] = heard
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)

    def _keep(self, conversation_id: str, heard: _Heard, why: str) -> None:
        if len(self._writing) >= _WAITING:
            return
        task = asyncio.create_task(self._write(conversation_id, heard, why), name="note-unsure")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, conversation_id: str, heard: _Heard, why: str) -> None:
        try:
            await self._notes.note(conversation_id, heard.text, heard.stage, heard.ranking, why)
        except Exception:
            log.exception("unsure_not_noted")


def doubt(step: RasaStep, ranking: Sequence[tuple[str, float]]) -> str:
    """Why an utterance should be looked at: ``fallback`` | ``low_confidence``; empty when it was clear."""
    if step.act == NOT_UNDERSTOOD:
        return "fallback"
    best = ranking[0][1] if ranking else step.confidence
    second = ranking[1][1] if len(ranking) > 1 else 0.0
    return "low_confidence" if best < SURE or best - second < CLEAR else ""
