"""``./hotline bench nlu``: acts and topics of 300 frozen utterances, and what 200 that are no business of ours are taken for.

Everything is judged as the first words of a conversation, by the bot as it is served. Business is an act that begins a
ticket, or a question that knowledge search answers; a question that is offered a choice or no answer is counted apart.
Topics, where an utterance has one, are the field that the entries found belong to, as ``./hotline nlu`` tells it: no answer
depends on it. The sample knowledge base is in a store of its own.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.clock import SystemClock
from config.logs import set_up_logs
from config.settings import Settings
from dialog import bot_training
from dialog.bot_server import serving
from dialog.nlu import ASK, TICKET_ACTS, judge, topic_of
from dialog.nlu_report import Report, Share, report, wilson
from dialog.rasa_client import RasaClient
from knowledge.contract import Verdict
from knowledge.entries import SAMPLE_FOLDER
from knowledge.repository import Repository
from knowledge.search import Search
from store.engine import Database

_DATA: Final = Path(__file__).parent / "data"
NO_TOPIC: Final = "无"


@dataclass(frozen=True, slots=True)
class Judged:
    """One frozen utterance: what is due and what was made of it. ``group``: act or, out of scope, kind."""

    group: str
    topic: str
    act: str
    confidence: float
    verdict: Verdict
    found_topic: str
    ms: float

    @property
    def as_business(self) -> bool:
        """Whether its act leads to a ticket or to a look-up."""
        return self.act == ASK or self.act in TICKET_ACTS

    @property
    def gets_business(self) -> bool:
        """Whether a ticket begins or an answer is given."""
        return self.act in TICKET_ACTS or (self.act == ASK and self.verdict is Verdict.ANSWER)


def run(settings: Settings, *, as_json: bool) -> int:
    """Train if needed, judge everything, print the figures; 0 only when all targets are met."""
    set_up_logs("WARNING")
    bot_training.train_if_needed(settings, _tell)
    known, outside = asyncio.run(_measure(settings))
    acts = report([one.group for one in known], [one.act for one in known])
    about = [one for one in known if one.topic]
    topics = report([one.topic for one in about], [one.found_topic for one in about])
    _tell_report("对话行为", acts)
    _tell_report("领域", topics)
    _tell_outside(outside)
    notes = {
        "training_s": bot_training.describe(bot_training.model_path(settings))["train_s"],
        "intervals": {
            name: _interval(share)
            for name, share in {
                "acts_top1": acts.accuracy,
                "topics_top1": topics.accuracy,
                "outside_as_business": _share(outside, "gets_business"),
                "outside_as_business_act": _share(outside, "as_business"),
            }.items()
        },
        "topic_from": "field of the entries that knowledge search finds in the sample base; told by ./hotline nlu, no answer depends on it",
    }
    return publish("nlu", rows(acts, topics, known, outside), as_json=as_json, notes=notes)


def rows(acts: Report, topics: Report, known: Sequence[Judged], outside: Sequence[Judged]) -> list[Row]:
    """The figures beside their targets, shares as 0…1."""
    took = [one.ms for one in (*known, *outside)]
    total = len(outside)
    offered = sum(one.act == ASK and one.verdict is Verdict.CHOOSE for one in outside)
    tickets = sum(one.act in TICKET_ACTS for one in outside)
    return [
        Row("utterances", len(known), ""),
        at_least("acts_top1", _rounded(acts.accuracy.value), "share", 0.90),
        at_least("acts_macro_f1", _rounded(acts.macro_f1), "share", 0.88),
        Row("acts_not_understood", _rounded(sum(one.act == "nlu_fallback" for one in known) / len(known)), "share"),
        Row("topics_asked", topics.accuracy.whole, ""),
        Row("topics_top1", _rounded(topics.accuracy.value), "share"),
        Row("topics_macro_f1", _rounded(topics.macro_f1), "share"),
        Row("outside", total, ""),
        at_most("outside_as_business", _rounded(_share(outside, "gets_business").value), "share", 0.05),
        Row("outside_as_ticket", _rounded(tickets / total), "share"),
        Row("outside_offered_a_choice", _rounded(offered / total), "share"),
        Row("outside_as_business_act", _rounded(_share(outside, "as_business").value), "share"),
        Row("turn_p50", round(percentile(took, 0.5), 2), "ms"),
        Row("turn_p95", round(percentile(took, 0.95), 2), "ms"),
        Row("turn_p99", round(percentile(took, 0.99), 2), "ms"),
        Row("turn_worst", round(max(took), 2), "ms"),
    ]


def load(name: str) -> list[dict[str, str]]:
    """The rows of one frozen set."""
    found: list[dict[str, str]] = yaml.safe_load((_DATA / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


@cache
def fields() -> dict[str, str]:
    """Field as entries name it → stem of the sample file that holds it."""
    return {
        str(entry["field"]): file.stem
        for file in SAMPLE_FOLDER.glob("*.yaml")
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
    }


async def _measure(settings: Settings) -> tuple[list[Judged], list[Judged]]:
    with tempfile.TemporaryDirectory() as folder:
        own = settings.model_copy(update={"data_dir": Path(folder), "database_url": ""})
        database = Database(own.effective_database_url)
        try:
            await database.migrate()
            await Repository(database, SystemClock()).load_samples()
            search = Search(database, own, SystemClock())
            await search.refresh_if_changed()
            async with serving(settings) as server, server.client() as client:
                await client.healthy()
                known = [await _judged(client, search, row["act"], row) for row in load("nlu_utterances")]
                outside = [await _judged(client, search, row["kind"], row) for row in load("nlu_out_of_scope")]
                return known, outside
        finally:
            await database.close()


async def _judged(client: RasaClient, search: Search, group: str, row: dict[str, str]) -> Judged:
    started = time.perf_counter()
    step = await judge(client, row["text"])
    ms = (time.perf_counter() - started) * 1000
    ranking = search.search(row["text"], SystemClock().now())
    found = fields().get(topic_of(ranking), NO_TOPIC)
    return Judged(group, row.get("topic", ""), step.act, step.confidence, ranking.verdict, found, ms)


def _share(outside: Sequence[Judged], what: str) -> Share:
    return wilson(sum(bool(getattr(one, what)) for one in outside), len(outside))


def _interval(share: Share) -> list[float]:
    return [_rounded(share.low), _rounded(share.high)]


def _rounded(value: float) -> float:
    return round(value, 4)


def _tell_report(name: str, figures: Report) -> None:
    """Every label's figures, and what it was taken for instead. No utterance: the sets stay unread by those who tune."""
    share = figures.accuracy
    _tell(f"{name}：{share.part}/{share.whole} = {share.value:.3f}（95% 区间 {share.low:.3f}–{share.high:.3f}）")
    _tell(f"  宏平均 F1 {figures.macro_f1:.3f}\n  {'标签':<14}{'精确率':>8}{'召回率':>8}{'F1':>8}{'数量':>6}  误判为")
    for label in figures.labels:
        wrong = "、".join(f"{one.found}×{one.count}" for one in figures.confusions if one.expected == label.label)
        scores = f"{label.precision:>10.3f}{label.recall:>10.3f}{label.f1:>8.3f}{label.support:>8}"
        _tell(f"  {label.label:<16}{scores}  {wrong}")


def _tell_outside(outside: Sequence[Judged]) -> None:
    _tell(f"范围外 {len(outside)} 句判为：{_counted(Counter(one.act for one in outside))}")
    leaked = Counter(one.group for one in outside if one.gets_business)
    _tell(f"  其中当成业务的：{_counted(leaked) or '无'}")


def _counted(counts: Counter[str]) -> str:
    return "、".join(f"{name}×{count}" for name, count in counts.most_common())


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
