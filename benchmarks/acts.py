"""``./hotline bench acts``: how well the bot tells dialogue acts on sentences it was never trained on, and how fast."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.settings import Settings
from dialog import bot_training
from dialog.bot_server import serving
from dialog.rasa_client import RasaClient, RasaStep, Resume, Stage

SENTENCES: Final = Path(__file__).parent / "data" / "acts_heldout.yaml"
TICKET_ACTS: Final = frozenset({"complain", "ask_help", "report", "suggest", "praise"})
FILLED: Final = dict.fromkeys(("event", "time", "place", "person", "demand"), "filled")
LOAD_TURNS: Final = 200
LOAD_WORKERS: Final = 8


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence, where it is said, and the act a person gives it."""

    stage: Stage
    text: str
    act: str


@dataclass(frozen=True, slots=True)
class Outcome:
    case: Case
    step: RasaStep
    ms: float

    @property
    def right(self) -> bool:
        return self.step.act == self.case.act

    @property
    def among_three(self) -> bool:
        named = [act for act, _ in self.step.ranking if act != "nlu_fallback"]
        return self.case.act in named[:3]

    @property
    def same_step(self) -> bool:
        """Whether the conversation goes on as it should, even when the act differs (help taken for a complaint)."""
        if self.right:
            return True
        if self.case.stage is Stage.OPEN and self.case.act in TICKET_ACTS:
            return self.step.act in TICKET_ACTS
        return self.case.stage is Stage.GATHERING and {self.case.act, self.step.act} <= TICKET_ACTS | {"inform"}


def load_cases(file: Path = SENTENCES) -> list[Case]:
    """The sentences of ``acts_heldout.yaml``."""
    groups = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [Case(Stage(group["stage"]), text, group["act"]) for group in groups for text in group["texts"]]


async def judge(client: RasaClient, case: Case) -> Outcome:
    """One turn for one sentence, in the state its stage stands for."""
    statuses = (
        FILLED if case.stage is Stage.CONFIRMING else {"event": "filled"} if case.stage is Stage.GATHERING else {}
    )
    active = case.stage in (Stage.GATHERING, Stage.CONFIRMING)
    resume = Resume(case.stage, requested="place" if case.stage is Stage.GATHERING else None)
    started = time.perf_counter()
    step = await client.turn("bench", case.text, statuses, active, resume)
    return Outcome(case, step, (time.perf_counter() - started) * 1000)


def rows(outcomes: Sequence[Outcome], turns_per_s: float) -> list[Row]:
    """The figures. A complaint that is answered with a knowledge text is the error that must not happen (target 2 %)."""
    total = len(outcomes)
    matters = [o for o in outcomes if o.case.stage is Stage.OPEN and o.case.act in TICKET_ACTS - {"praise", "suggest"}]
    looked_up = sum({"do": "kb_lookup"} in o.step.directives for o in matters)
    latencies = [o.ms for o in outcomes]
    return [
        Row("sentences", total, ""),
        at_least("top-1", _percent(sum(o.right for o in outcomes), total), "%", 85),
        at_least("top-3", _percent(sum(o.among_three for o in outcomes), total), "%", 95),
        at_least("same next step", _percent(sum(o.same_step for o in outcomes), total), "%", 90),
        at_most("matter taken for a question", _percent(looked_up, len(matters)), "%", 5),
        Row("not understood", _percent(sum(o.step.act == "nlu_fallback" for o in outcomes), total), "%"),
        Row("turn p50", round(percentile(latencies, 0.5), 1), "ms"),
        at_most("turn p95", round(percentile(latencies, 0.95), 1), "ms", 200),
        Row(f"turns, {LOAD_WORKERS} at once", round(turns_per_s, 1), "1/s"),
    ]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1)


async def _measure(settings: Settings) -> tuple[list[Outcome], float]:
    async with serving(settings) as server, server.client() as client:
        cases = load_cases()
        outcomes = [await judge(client, case) for case in cases]
        queue = [cases[number % len(cases)] for number in range(LOAD_TURNS)]
        started = time.perf_counter()

        async def worker() -> None:
            while queue:
                await judge(client, queue.pop())

        async with asyncio.TaskGroup() as group:
            for _ in range(LOAD_WORKERS):
                group.create_task(worker())
        return outcomes, LOAD_TURNS / (time.perf_counter() - started)


def _tell_confusions(outcomes: Sequence[Outcome]) -> None:
    """The confusion matrix without its zeros, and every sentence that went wrong; they are ours, so they may be shown."""
    totals = Counter(o.case.act for o in outcomes)
    confusions = Counter((o.case.act, o.step.act) for o in outcomes)
    sys.stderr.write("混淆矩阵（应为：判为 × 次数）\n")
    for act in sorted(totals):
        found = ", ".join(f"{got} × {n}" for (want, got), n in sorted(confusions.items()) if want == act)
        sys.stderr.write(f"  {act:<14} {found}\n")
    for o in outcomes:
        if not o.right:
            sys.stderr.write(f"  {o.case.stage}/{o.case.act} → {o.step.act} {o.step.confidence:.2f}：{o.case.text}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def run(settings: Settings, *, as_json: bool) -> int:
    """Train if needed, serve on a free port, judge every sentence, print the figures. 0 only when all targets are met."""
    bot_training.train_if_needed(settings, _tell)
    outcomes, turns_per_s = asyncio.run(_measure(settings))
    _tell_confusions(outcomes)
    return publish("acts", rows(outcomes, turns_per_s), as_json=as_json)
