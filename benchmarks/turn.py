"""``./hotline bench turn``: how long a caller waits for an answer, from the decision that the question has ended.

One call (another when a person is fetched), one question after the other, each the question of a knowledge entry; the
next is asked over the answer, which by then has begun. The time counts from the node's decision that the caller has
finished to the first packet of the answer, both on the node's clock. Beside it, without a target: what the caller's phone
measures, from its last voiced packet to the first voiced packet of the answer, which includes the silence that ends an
utterance.

Only an answer counts as one: a filler (“请您稍等”) has no turn of its own, and turns that needed one are counted apart.
In the same run (:mod:`benchmarks.pauses`): the silence that is waited for, and how often a pause within an utterance is taken
for its end.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Final

from asr_models.library import current
from benchmarks.pauses import measure_pauses, pause_rows
from benchmarks.phone_calls import Asked, Caller, calling, running
from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.logs import set_up_logs
from config.settings import Settings
from ivr.silence_guard import SILENCE_MS
from ivr.speech.voice import Voice
from knowledge.entries import sample_entries

P50_MS: Final = 250.0
P95_MS: Final = 500.0
_HEARD_S: Final = 1.2
"""How much of an answer is listened to before the next question."""
_NUMBER: Final = "13800000030"
_STAGES: Final = {
    "recognition_ms": "recognition and inner transport",
    "dialog_ms": "dialogue",
    "synthesis_ms": "synthesis",
    "network_ms": "network",
    "endpointing_ms": "endpointing (before)",
}
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def run(settings: Settings, *, as_json: bool, turns: int = 100) -> int:
    """Measure on the running instance, else on a private one; 0 when all targets are met."""
    set_up_logs("WARNING")
    load = os.getloadavg()[0]
    with running(settings) as instance:
        model = current(instance)
        asked = asyncio.run(_measure(instance, questions(turns)))
        paused = asyncio.run(measure_pauses(instance, model.path))
    about = [Row(f"recogniser {model.name}", 1, "model"), Row("load average at start", round(load, 2), "load")]
    return publish("turn", [*about, *rows(asked, turns), *pause_rows(paused)], as_json=as_json)


def questions(number: int) -> list[str]:
    """So many questions, from all over the sample knowledge base."""
    entries = sample_entries()
    return [entries[place * len(entries) // number % len(entries)].question for place in range(number)]


def rows(asked: Sequence[Asked], turns: int) -> list[Row]:
    """The figures; without a single measured turn only their count."""
    measured = [one for one in asked if "total_ms" in one.stages]
    counts = [
        at_least("turns measured", len(measured), "count", turns),
        Row("answered with an entry", sum(one.entry_id is not None for one in asked), "count"),
        Row("turns with a filler", sum(one.stages.get("total_ms", 0.0) >= SILENCE_MS for one in asked), "count"),
    ]
    if not measured:
        return counts
    totals = [one.stages["total_ms"] for one in measured]
    outside = [float(one.first_audio_ms) for one in asked if one.first_audio_ms is not None]
    return [
        *counts,
        at_most("endpoint to first audio p50", percentile(totals, 0.5), "ms", P50_MS),
        at_most("endpoint to first audio p95", percentile(totals, 0.95), "ms", P95_MS),
        Row("endpoint to first audio p99", percentile(totals, 0.99), "ms"),
        Row("endpoint to first audio worst", max(totals), "ms"),
        *(row for name, title in _STAGES.items() for row in _spread(title, [one.stages[name] for one in measured])),
        *(_spread("caller: speech end to first audio", outside) if outside else ()),
    ]


def _spread(title: str, values: Sequence[float]) -> list[Row]:
    shares = [Row(f"{title} {name}", percentile(values, share), "ms") for name, share in _SHARES.items()]
    return [*shares, Row(f"{title} worst", max(values), "ms")]


async def _measure(settings: Settings, asking: Sequence[str]) -> list[Asked]:
    async with Voice("caller") as voice:
        waiting = [(question, await voice.synthesise(question)) for question in asking]
    asked: list[Asked] = []
    while waiting:
        async with calling(settings, _NUMBER) as caller:
            asked += await _converse(caller, waiting)
    return asked


async def _converse(caller: Caller, waiting: list[tuple[str, bytes]]) -> list[Asked]:
    """Ask until nothing waits or the call is over; takes what was asked out of ``waiting``."""
    asked: list[Asked] = []
    while waiting:
        question, pcm = waiting.pop(0)
        asked.append(await caller.ask(question, pcm, hear_out=False))
        if caller.over:
            break
        await caller.hear(_HEARD_S)
    return asked
