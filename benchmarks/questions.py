"""``./hotline bench questions``: unseen questions asked by phone and in writing, and published ones after an import.

A private instance answers. By phone: real calls, several at a time, answers heard to the end; an answer is audible when
what a recogniser makes of the received sound is at least 0.75 alike to what was to be said. In writing: the same
conversation core with the instance's Rasa. The right entries of ``data/questions.yaml`` were found by reading, not by
searching. Which question went wrong is told on stderr.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from asr_models.library import current
from asr_models.measure import likeness
from benchmarks.phone_calls import Asked, calling, hotline, private
from benchmarks.report import Row, percentile, publish
from benchmarks.tianhe import folder, published, write_csv
from config.clock import SystemClock
from config.logs import set_up_logs
from config.settings import Settings
from dialog.contract import Channel, Contact, DialogEngine, Do, Utterance
from dialog.factory import build_dialog
from dialog.rasa_client import connect
from ivr.phones.listening import trimmed
from ivr.phones.transcriber import Transcriber
from ivr.speech.voice import Voice
from knowledge.entries import sample_entries
from knowledge.search import Search
from store.engine import Database
from store.vault import Vault

QUESTIONS: Final = Path(__file__).resolve().parent / "data" / "questions.yaml"
AUDIBLE: Final = 0.75
_NOTICED_S: Final = 5.0
"""After an import the running processes look for changes every second."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question and the entries that answer it."""

    question: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a question brought. ``alike``: the sound to the reply, 0…1, where there was any to hear."""

    case: Case
    recognised: str
    act: str
    entry_id: str | None
    offered: tuple[str, ...]
    handed_over: bool
    alike: float | None = None
    first_audio_ms: int | None = None

    @property
    def right(self) -> bool:
        return self.entry_id in self.case.entries

    @property
    def among_offers(self) -> bool:
        return self.entry_id is None and bool(set(self.offered) & set(self.case.entries))

    @property
    def wrong(self) -> bool:
        return self.entry_id is not None and not self.right


def run(settings: Settings, *, as_json: bool, calls: int = 3) -> int:
    """Measure, ``calls`` at a time; there are no targets, so the exit code is 0."""
    set_up_logs("WARNING")
    cases = [Case(one["ask"], tuple(one["entries"])) for one in yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))]
    district = published()
    with private() as instance:
        typed = asyncio.run(_type(instance, cases))
        spoken = asyncio.run(_call(instance, cases, calls))
        imported: list[Answered] = []
        if district:
            file = instance.data_dir.parent / "district.csv"
            write_csv(file, district)
            hotline("kb", "import", str(file), data=instance.data_dir)
            time.sleep(_NOTICED_S)
            imported = asyncio.run(_call(instance, [Case(one.question, (one.id,)) for one in district], calls))
    if not district:
        sys.stderr.write(f"没有 {folder() / 'data' / 'kb'}：不测导入的问答\n")
    for way, answers in (("typed", typed), ("spoken", spoken), ("imported", imported)):
        _tell(way, answers)
    return publish(
        "questions",
        [*rows("typed", typed), *rows("spoken", spoken), *rows("imported", imported)],
        as_json=as_json,
    )


def rows(way: str, answers: Sequence[Answered]) -> list[Row]:
    """One way's figures; none when nothing was asked."""
    if not answers:
        return []
    found = [
        Row(f"{way} asked", len(answers), "count"),
        Row(f"{way} right entry answered", sum(one.right for one in answers), "count"),
        Row(f"{way} right entry offered", sum(one.among_offers for one in answers), "count"),
        Row(f"{way} wrong entry answered", sum(one.wrong for one in answers), "count"),
        Row(f"{way} handed over", sum(one.handed_over for one in answers), "count"),
    ]
    heard = [one.alike for one in answers if one.alike is not None]
    if heard:
        found.append(Row(f"{way} audible (alike >= {AUDIBLE})", sum(alike >= AUDIBLE for alike in heard), "count"))
        found.append(Row(f"{way} likeness median", round(percentile(heard, 0.5), 3), "share"))
        found.append(Row(f"{way} likeness worst", round(min(heard), 3), "share"))
    waited = [float(one.first_audio_ms) for one in answers if one.first_audio_ms is not None]
    if waited:
        found.append(Row(f"{way} speech end to first audio p50", percentile(waited, 0.5), "ms"))
        found.append(Row(f"{way} speech end to first audio worst", max(waited), "ms"))
    return found


def _tell(way: str, answers: Sequence[Answered]) -> None:
    """What did not go as it should; all sentences are this benchmark's own."""
    for one in answers:
        if not one.right or (one.alike is not None and one.alike < AUDIBLE):
            found = one.entry_id or "、".join(one.offered) or "—"
            alike = "" if one.alike is None else f" {one.alike:.2f}"
            sys.stderr.write(f"{way}：{one.case.question} → {one.recognised} → {one.act} → {found}{alike}\n")


# --- by phone -------------------------------------------------------------------------------------------------------


async def _call(settings: Settings, cases: Sequence[Case], calls: int) -> list[Answered]:
    async with Voice("caller") as voice:
        waiting = [(case, await voice.synthesise(case.question)) for case in cases]
    transcriber = Transcriber(current(settings).path)
    answers: list[Answered] = []
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(calls):
                group.create_task(_caller(settings, f"138000000{number:02}", waiting, transcriber, answers))
    finally:
        await transcriber.close()
    return answers


async def _caller(
    settings: Settings,
    number: str,
    waiting: list[tuple[Case, bytes]],
    transcriber: Transcriber,
    answers: list[Answered],
) -> None:
    """Ask what waits; after anything but an answer in a new call, so that no question stands in another's light."""
    while waiting:
        async with calling(settings, number) as caller:
            plain = True
            while waiting and plain and not caller.over:
                case, pcm = waiting.pop(0)
                asked = await caller.ask(case.question, pcm, hear_out=True)
                answers.append(await _judged(case, asked, transcriber))
                plain = asked.entry_id is not None


def _titles() -> dict[str, str]:
    """The ids of all entries that may be offered, by what is offered."""
    return {form.question: form.id for form in sample_entries()} | {one.question: one.id for one in published()}


async def _judged(case: Case, asked: Asked, transcriber: Transcriber) -> Answered:
    titles = _titles()
    heard = await transcriber.hear(trimmed(asked.sound))
    return Answered(
        case,
        asked.recognised,
        asked.act,
        asked.entry_id,
        tuple(titles.get(title, title) for title in asked.choices),
        asked.handed_over,
        likeness(asked.speech, heard) if asked.speech else 0.0,
        asked.first_audio_ms,
    )


# --- in writing -----------------------------------------------------------------------------------------------------


async def _type(settings: Settings, cases: Sequence[Case]) -> list[Answered]:
    """Each question in a conversation of its own."""
    clock = SystemClock()
    database, rasa = Database(settings.effective_database_url), connect(settings)
    search = Search(database, settings, clock)
    try:
        await search.refresh_if_changed()
        dialog = build_dialog(settings, database, Vault(settings), clock, search=search, understanding=rasa)
        return [await _typed(dialog, case, f"bench-{number}", clock) for number, case in enumerate(cases)]
    finally:
        await rasa.close()
        await database.close()


async def _typed(dialog: DialogEngine, case: Case, session: str, clock: SystemClock) -> Answered:
    titles = _titles()
    conversation, _ = await dialog.open(Channel.WEB, Contact(None), session, clock.now())
    reply = await dialog.turn(conversation, Utterance(case.question), clock.now())
    await dialog.close(conversation, "citizen", clock.now())
    return Answered(
        case,
        case.question,
        reply.act,
        next((message.entry_id for message in reply.messages if message.entry_id), None),
        tuple(titles[choice.title] for message in reply.messages for choice in message.choices),
        any(directive.do is Do.TRANSFER for directive in reply.directives),
    )
