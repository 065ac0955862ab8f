"""The frozen questions asked of the sample knowledge base, clean and with the recogniser's errors.

``data/kb_answerable.yaml`` names for each question the one right entry; nothing in the base answers ``data/kb_unanswerable.yaml``, so
any answer to it is wrong. Verdicts come from :class:`knowledge.search.Search` on a store of its own, as a running hotline asks it;
places of the right entry from the whole order of candidates, whatever the verdict.
"""

import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from asr_models.measure import edit_distance
from benchmarks.intervals import wilson
from benchmarks.recognition_errors import HARDER_RATES, measured_rate, spoil
from benchmarks.report import Row, at_least, at_most
from config.clock import SystemClock
from config.settings import Settings
from knowledge.contract import Verdict
from knowledge.repository import Repository
from knowledge.search import Search, order
from store.engine import Database

_DATA: Final = Path(__file__).parent / "data"
SEEDS: Final = (1, 2, 3)
HIT1: Final = 0.88
HIT3: Final = 0.96
WRONG: Final = 0.02
COVERAGE: Final = 0.80


@dataclass(frozen=True, slots=True)
class Question:
    """``entry``: the id of its one right entry; ``None``: nothing answers it."""

    text: str
    entry: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What search made of a question. ``named``: the entries of the verdict; ``order``: all candidates, best first."""

    asked: Question
    heard: str
    verdict: Verdict
    named: tuple[str, ...]
    order: tuple[str, ...]

    @property
    def answered_right(self) -> bool:
        return self.verdict is Verdict.ANSWER and self.named[0] == self.asked.entry

    @property
    def wrong(self) -> bool:
        """Answered, and not with the right entry."""
        return self.verdict is Verdict.ANSWER and not self.answered_right

    @property
    def offered_right(self) -> bool:
        return self.verdict is Verdict.CHOOSE and self.asked.entry in self.named


Asker = Callable[[Question, str], Outcome]
"""Asks a question in the words that were heard."""


def questions() -> list[Question]:
    """The frozen ones: 400 answerable, then 200 unanswerable."""
    answerable, unanswerable = (
        yaml.safe_load((_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in ("kb_answerable", "kb_unanswerable")
    )
    return [
        *(Question(row["q"], row["entry"]) for row in answerable),
        *(Question(row["q"], None) for row in unanswerable),
    ]


def rows(*, show: bool = False) -> list[Row]:
    """The figures. ``show``: tell on stderr which clean questions went wrong; whoever tunes search must not look."""
    with tempfile.TemporaryDirectory(prefix="hotline-kb-") as folder:
        return asyncio.run(_measure(Path(folder), show=show))


async def _measure(folder: Path, *, show: bool) -> list[Row]:
    settings, clock = Settings(data_dir=folder), SystemClock()
    database = Database(f"sqlite+aiosqlite:///{folder / 'kb.db'}")
    try:
        await database.migrate()
        await Repository(database, clock).load_samples()
        search = Search(database, settings, clock, meaning=settings.search_meaning)
        await search.refresh_if_changed()
        await search.read_all()
        return measured(questions(), asker(search, clock.now()), show=show)
    finally:
        await database.close()


def asker(search: Search, at: datetime) -> Asker:
    """Asks ``search``, and the whole order of the entries that it answers from."""
    index, _, reader = search.current(at)

    def ask(question: Question, heard: str) -> Outcome:
        ranking = search.search(heard, at)
        found = tuple(index.entry(position).id for position, _ in order(index, heard, reader=reader).ranked)
        return Outcome(question, heard, ranking.verdict, tuple(one.entry.id for one in ranking.ranked), found)

    return ask


def measured(asked: Sequence[Question], ask: Asker, *, show: bool = False) -> list[Row]:
    """All figures, clean and at each rate of errors (the mean of three seeds)."""
    clean = [ask(question, question.text) for question in asked]
    if show:
        _tell(clean)
    found = figures("clean", [clean], with_targets=True)
    for rate in (measured_rate(), *HARDER_RATES):
        rounds = []
        for seed in SEEDS:
            rng = random.Random(seed)
            rounds.append([ask(question, spoil(question.text, rng, rate)) for question in asked])
        found += figures(f"errors {rate:.3f}", rounds, with_targets=False)
    return found


def figures(title: str, rounds: Sequence[Sequence[Outcome]], *, with_targets: bool) -> list[Row]:
    """The shares over the same questions asked several times; the interval is that of one round."""
    counts: Counter[str] = Counter()
    for one in (outcome for outcomes in rounds for outcome in outcomes):
        counts += Counter(_marks(one))
    share = {name: counts[name] / len(rounds) for name in counts}
    answerable, asked = share["answerable"], share["asked"]
    wrong = wilson(share.get("wrong", 0.0), round(asked))

    def of_answerable(name: str) -> float:
        return round(share.get(name, 0.0) / answerable, 4)

    def of_all(name: str) -> float:
        return round(share.get(name, 0.0) / asked, 4)

    found = [
        Row(f"{title} questions", asked, "count"),
        _judged(f"{title} hit@1", of_answerable("hit@1"), at_least, HIT1, with_targets),
        _judged(f"{title} hit@3", of_answerable("hit@3"), at_least, HIT3, with_targets),
        _judged(f"{title} wrong of all asked", of_all("wrong"), at_most, WRONG, with_targets),
        Row(f"{title} wrong 95% low", round(wrong.low, 4), "share"),
        Row(f"{title} wrong 95% high", round(wrong.high, 4), "share"),
        Row(f"{title} wrong, answerable", round(share.get("wrong answerable", 0.0), 1), "count"),
        Row(f"{title} wrong, unanswerable", round(share.get("wrong unanswerable", 0.0), 1), "count"),
        _judged(f"{title} coverage", of_answerable("covered"), at_least, COVERAGE, with_targets),
        Row(f"{title} answered right at once", of_answerable("answered right"), "share"),
        Row(f"{title} answerable: choose", of_answerable("answerable choose"), "share"),
        Row(f"{title} answerable: abstain", of_answerable("answerable abstain"), "share"),
        Row(f"{title} choose", of_all("choose"), "share"),
        Row(f"{title} abstain", of_all("abstain"), "share"),
    ]
    errors = sum(edit_distance(one.asked.text, one.heard) for outcomes in rounds for one in outcomes)
    length = sum(len(one.asked.text) for outcomes in rounds for one in outcomes)
    return [*found, Row(f"{title} character error rate", round(errors / length, 4), "share")]


def _marks(one: Outcome) -> list[str]:
    kind = "unanswerable" if one.asked.entry is None else "answerable"
    marks = ["asked", kind, one.verdict.value, f"{kind} {one.verdict.value}"]
    if one.wrong:
        marks += ["wrong", f"wrong {kind}"]
    if one.asked.entry is not None:
        marks += [name for name, depth in (("hit@1", 1), ("hit@3", 3)) if one.asked.entry in one.order[:depth]]
        marks += ["answered right"] if one.answered_right else []
        marks += ["covered"] if one.answered_right or one.offered_right else []
    return marks


def _judged(title: str, value: float, by: Callable[..., Row], target: float, with_targets: bool) -> Row:
    return by(title, value, "share", target) if with_targets else Row(title, value, "share")


def _tell(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        if one.wrong or (one.asked.entry is not None and not one.answered_right):
            mark: Any = "错答" if one.wrong else one.verdict.value
            sys.stderr.write(f"{mark} {one.asked.entry} {one.asked.text} → {'、'.join(one.order[:3])}\n")
