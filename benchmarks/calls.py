"""``./hotline bench calls``: a city's busy hour, every line taken by a full dialogue, and then how many lines until it breaks.

A private instance and, in one other process on the same machine, real SIP callers: they consult, complain, or press 0, and speak
when the bot has finished. Sizing after 海口: see :data:`ASSUMPTIONS`. The time of an answer counts from the node's decision that
the caller has finished to the answer's first packet, as the instance itself records it. Two passes of the mix are made in each
run's calls, so that they last as dialogues do; with ``--until-break`` the calls grow by half until a target is missed.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import yaml

from asr_models.library import current
from benchmarks.dialogue_load import Plan
from benchmarks.phone_calls import private
from benchmarks.processes import Usage
from benchmarks.report import Row, at_most, percentile, publish
from config.logs import set_up_logs
from config.settings import ROOT, Settings
from gateway.running import running_status, wait_until_ready
from ivr.phones.operator_view import OperatorView
from ivr.speech.voice import Voice

ASSUMPTIONS: Final = (
    "海口每天 7,377 件，当作全部来自电话；15 % 在最忙的一小时；每通 3 分钟：平均 55 厄兰；"
    "按厄兰 B 公式，阻塞率 0.1 % 需要 77 线（DESIGN §6.9）。构成：咨询六成，投诉三成，按 0 一成"
)
P95_MS: Final = 800.0
DIALOGUES: Final = Path(__file__).resolve().parent / "data" / "dialogues.yaml"
MIX: Final = ("consultation", "complaint", "consultation", "consultation", "complaint") * 2
"""Ten calls; the last one presses 0."""
VOICES: Final = ("f3", "m3", "f2", "m1")
_SPREAD_S: Final = 20.0
"""All lines are taken within this time."""
_MOST_CALLS: Final = 400
_RUN_LIMIT_S: Final = 900
_READY_S: Final = 120
_STAGES: Final = ("recognition_ms", "dialog_ms", "synthesis_ms", "network_ms")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run with so many ``calls``. ``cores``: used by each part; ``load_average``: before it began."""

    calls: int
    told: list[dict[str, Any]]
    turns: list[dict[str, float]]
    unrecorded: int
    """Utterances beyond the turns that the instance recorded of their calls."""
    cores: Mapping[str, float]
    load_average: float
    replaced: int = 0
    """Parts of the instance that did not answer and were started anew."""
    callers_first: bool = False
    """Whether the load generator, which shares the machine, was let before other programs."""

    @property
    def failed(self) -> int:
        return sum(bool(one["failure"]) for one in self.told)

    @property
    def lost(self) -> int:
        return max(self.unrecorded, sum(int(one["lost"]) for one in self.told))

    @property
    def waits(self) -> list[float]:
        return [turn["total_ms"] for turn in self.turns if "total_ms" in turn]

    @property
    def holds(self) -> bool:
        """Whether every target is met."""
        return (
            not self.failed
            and not self.lost
            and not self.replaced
            and bool(self.waits)
            and percentile(self.waits, 0.95) <= P95_MS
        )


def run(settings: Settings, *, as_json: bool, calls: int = 77, until_break: bool = False) -> int:
    """Measure on a private instance; 0 when all targets are met."""
    set_up_logs("WARNING")
    os.environ["HOTLINE_MAX_CALLS"] = str(_MOST_CALLS if until_break else max(77, calls))
    os.environ["HOTLINE_RECOGNITION_SLOTS"] = str(_MOST_CALLS if until_break else max(77, calls))
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="hotline-calls-") as folder, private() as instance:
        scripts = asyncio.run(prepare(Path(folder)))
        model = current(instance).name
        while not outcomes or (until_break and outcomes[-1].holds and calls <= _MOST_CALLS):
            outcomes.append(measure(instance, scripts, calls, Path(folder)))
            _tell(outcomes[-1])
            calls = calls * 3 // 2
    found = rows(outcomes[0]) + (_limit(outcomes) if until_break else [])
    notes = {
        "model": model,
        "assumptions": ASSUMPTIONS,
        "load_average_before": outcomes[0].load_average,
        "callers_before_other_programs": outcomes[0].callers_first,
        "failures": sorted({one["failure"] for one in outcomes[0].told if one["failure"]}),
    }
    if until_break:
        notes["breaks_first"] = breaks_first(outcomes)
    return publish("calls", found, as_json=as_json, notes=notes)


async def prepare(folder: Path) -> list[list[str]]:
    """Synthesise everything that is said; returns the steps of ten different callers, each in a voice of its own."""
    dialogues = yaml.safe_load(DIALOGUES.read_text(encoding="utf-8"))
    chosen = {kind: cycle(scripts) for kind, scripts in dialogues.items()}
    scripts = [next(chosen[kind]) for kind in (*MIX[:-1], "person")]
    found: list[list[str]] = []
    for number, script in enumerate(scripts):
        async with Voice("caller", variant=VOICES[number % len(VOICES)]) as voice:
            steps = []
            for place, words in enumerate(script):
                if words.startswith("key:"):
                    steps.append(words)
                    continue
                file = folder / f"{number}-{place}.pcm"
                file.write_bytes(await voice.synthesise(words))
                steps.append(str(file))
        found.append(steps)
    return found


def measure(instance: Settings, scripts: Sequence[list[str]], calls: int, folder: Path) -> Outcome:
    """One run of ``calls`` calls at once."""
    status = running_status(instance)
    if status is None:
        raise RuntimeError("the instance has ended")
    hotline = f"sip:12345@{instance.host}:{instance.sip_port}"
    plan = Plan(hotline, list(islice(cycle(scripts), calls)), _SPREAD_S)
    file = folder / "plan.json"
    file.write_text(
        json.dumps({"hotline": plan.hotline, "callers": plan.callers, "spread_s": plan.spread_s}), encoding="utf-8"
    )
    load_average, restarts = os.getloadavg()[0], _restarts(instance)
    with Usage(int(status["pid"])) as usage:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.dialogue_load", str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=_RUN_LIMIT_S,
            check=True,
        )
    findings = json.loads(done.stdout)
    cores = usage.cores | {"load generator": findings["processor_s"] / usage.wall_s}
    wait_until_ready(instance, _READY_S, lambda told: None)
    turns, unrecorded = asyncio.run(_timelines(instance, findings["calls"]))
    replaced = _restarts(instance) - restarts
    if replaced:
        sys.stderr.write((instance.log_dir / "supervisor.log").read_text(encoding="utf-8")[-1500:])
    first = bool(findings["took_precedence"])
    return Outcome(calls, findings["calls"], turns, unrecorded, cores, load_average, replaced, first)


def _restarts(instance: Settings) -> int:
    """How often parts of the instance were replaced so far."""
    status = running_status(instance) or {}
    return sum(int(part.get("restarts", 0)) for part in status.get("parts", {}).values())


async def _timelines(instance: Settings, told: Sequence[dict[str, Any]]) -> tuple[list[dict[str, float]], int]:
    """The stages of every turn, and how many utterances left no turn."""
    turns: list[dict[str, float]] = []
    unrecorded = 0
    async with OperatorView(instance.operator_port, instance.secret("operator")) as operator:
        for one in told:
            if not one["call"]:
                continue
            view = await operator.look(one["call"])
            recorded = [turn for turn in view.raw.get("turns", ()) if turn["said"]] if view.known else []
            turns += [turn["stages"] for turn in recorded]
            unrecorded += max(0, one["spoken"] - len(recorded))
    return turns, unrecorded


def rows(outcome: Outcome) -> list[Row]:
    """The figures of one run."""
    waits = outcome.waits
    found = [
        Row("calls", outcome.calls, "count"),
        Row("utterances", sum(one["spoken"] for one in outcome.told), "count"),
        at_most("calls failed", outcome.failed, "count", 0),
        at_most("turns lost", outcome.lost, "count", 0),
        at_most("parts replaced", outcome.replaced, "count", 0),
        Row("turns measured", len(waits), "count"),
    ]
    if waits:
        found += [
            Row("endpoint to first audio p50", percentile(waits, 0.5), "ms"),
            at_most("endpoint to first audio p95", percentile(waits, 0.95), "ms", P95_MS),
            Row("endpoint to first audio p99", percentile(waits, 0.99), "ms"),
            Row("endpoint to first audio worst", max(waits), "ms"),
        ]
        for stage in _STAGES:
            values = [turn[stage] for turn in outcome.turns if stage in turn]
            found += [
                Row(f"{stage[:-3]} p{round(share * 100)}", percentile(values, share), "ms") for share in (0.5, 0.95)
            ]
    heard = [value for one in outcome.told for value in one["answered_ms"]]
    if heard:
        found += [Row(f"caller: speech end to first audio p{p}", percentile(heard, p / 100), "ms") for p in (50, 95)]
    packets = sum(one["packets"] for one in outcome.told)
    found += [
        Row(
            "caller: packets more than 60 ms apart", sum(one["gaps"] for one in outcome.told) / max(1, packets), "share"
        ),
        Row("caller: worst gap", max((one["worst_gap_ms"] for one in outcome.told), default=0.0), "ms"),
        Row("mean call", round(sum(one["seconds"] for one in outcome.told) / max(1, len(outcome.told)), 1), "s"),
    ]
    return found + [Row(f"processor: {part}", round(share, 3), "cores") for part, share in outcome.cores.items()]


def breaks_first(outcomes: Sequence[Outcome]) -> str:
    """What the first run that misses a target shows: the miss, the slowest stage, the busiest part."""
    last = outcomes[-1]
    if last.holds:
        return f"{last.calls} 路仍达标"
    missed = [f"{last.failed} 通失败"] * bool(last.failed) + [f"{last.lost} 轮丢失"] * bool(last.lost)
    missed += [f"{last.replaced} 个部分没有回应、被换掉"] * bool(last.replaced)
    if last.waits:
        missed.append(f"p95 {percentile(last.waits, 0.95):.0f} 毫秒")
    slow = {
        stage[:-3]: percentile([turn[stage] for turn in last.turns if stage in turn], 0.95)
        for stage in _STAGES
        if any(stage in turn for turn in last.turns)
    }
    slowest = max(slow, key=lambda stage: slow[stage], default="")
    busiest = sorted(last.cores.items(), key=lambda part: -part[1])[:3]
    used = "、".join(f"{part} {share:.2f} 核" for part, share in busiest)
    return (
        f"{last.calls} 路：{'，'.join(missed)}；最慢的一段：{slowest} p95 {slow.get(slowest, 0):.0f} 毫秒；最忙：{used}"
    )


def _limit(outcomes: Sequence[Outcome]) -> list[Row]:
    held = max((one.calls for one in outcomes if one.holds), default=0)
    return [
        Row("calls that all targets held for", held, "count"),
        Row("calls at the last step", outcomes[-1].calls, "count"),
    ]


def _tell(outcome: Outcome) -> None:
    p95 = f"{percentile(outcome.waits, 0.95):.0f}" if outcome.waits else "—"
    sys.stderr.write(f"{outcome.calls} 路：失败 {outcome.failed}，丢失 {outcome.lost}，p95 {p95} 毫秒\n")
    sys.stderr.flush()
