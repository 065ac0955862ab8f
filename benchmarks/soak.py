"""``./hotline bench soak``: many short calls for minutes through a whole instance; does anything grow that should not?

A private instance is started as ``up`` starts it (gateway, core, Rasa, recogniser, voice). Another process
(:mod:`benchmarks.sip_load`) calls it: each caller asks the same question over and over, from another place in it, over
some line noise, and hangs up after a few seconds, wherever the dialogue is. Meanwhile the node is looked at from
outside every few seconds. Ports, tasks and file handles must be back where they were before the first call; memory must
not grow with the calls once it has warmed up.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from aiortp.codecs import PcmuCodec

from benchmarks.phone_calls import InstanceFailed, private
from benchmarks.report import Row, at_least, at_most, publish
from benchmarks.sip_load import Plan
from config.logs import set_up_logs
from config.settings import ROOT, Settings
from gateway.running import running_status
from ivr.health import ask_health
from ivr.speech.voice import Voice

CALL_S: Final = 6.0
GROWTH_MB: Final = 5.0
"""Of resident memory for each 1,000 calls, after the warm-up: less than what one call holds while it lasts, many times."""
SPARE: Final = 2
"""Handles and tasks that may come and go by chance (a log being rotated, a health question being answered)."""
_WARM_UP: Final = 0.3
_LOOK_EVERY_S: Final = 3.0
_REST_S: Final = 15.0
_QUESTION: Final = "请问城乡居民医保怎么缴费？"
_PAUSE_S: Final = 3.0
_NOISE: Final = 12.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the instance. Memory in MB, resident; ``files`` and ``tasks`` are the node's."""

    calls_made: float
    calls: int
    tasks: int
    files: int
    ports: int
    node_mb: float
    workers_mb: float
    gateway_mb: float
    restarts: int = 0
    """Of the node and the gateway, by their keeper."""


def run(settings: Settings, *, as_json: bool, calls: int = 2000, minutes: float = 10.0) -> int:
    """Always on a private instance; 0 when nothing grew and no call failed."""
    set_up_logs("WARNING")
    sound = asyncio.run(_question())
    with private() as instance:
        file = instance.run_dir / "soak.ulaw"
        file.write_bytes(sound)
        plan = Plan(instance.sip_port, 0, calls, per_second=calls / (60 * minutes), call_s=CALL_S, sound=str(file))
        found, looks = _soak(instance, plan)
        model = (asyncio.run(ask_health(instance.socket_path("ivr"))) or {}).get("model", "")
    rows = [
        Row(f"recogniser {model}; load average at the end (1 min)", round(os.getloadavg()[0], 1), ""),
        *call_rows(found, calls),
        *growth_rows(looks),
    ]
    return publish("soak", rows, as_json=as_json)


def call_rows(found: dict[str, Any], calls: int) -> list[Row]:
    """What became of the calls."""
    return [
        at_least("calls answered", found["answered"], "count", calls),
        at_most("calls failed", found["failed"], "count", 0),
        Row("calls with fewer than 45 packets a second", found["thin"], "count"),
        Row("calls ended by the hotline", found["ended_by_far_end"], "count"),
        Row("answered after, worst", max(found["answer_ms"], default=0.0), "ms"),
        Row("packets received", found["packets"], "count"),
    ]


def growth_rows(looks: Sequence[Look]) -> list[Row]:
    """What the first look (idle), those in between and the last (idle again) say."""
    before, after = looks[0], looks[-1]
    warm = _WARM_UP * after.calls_made
    busy = [look for look in looks[1:-1] if look.calls_made >= warm and look.restarts == after.restarts and look.files]
    return [
        at_most("node and gateway restarts", after.restarts - before.restarts, "count", 0),
        Row("calls at once, most", max(look.calls for look in looks), "count"),
        at_most("calls left", after.calls, "count", 0),
        at_most("RTP and RTCP ports left open", after.ports - before.ports, "count", 0),
        at_most("tasks more than before", after.tasks - before.tasks, "count", SPARE),
        at_most("file handles more than before", after.files - before.files, "count", SPARE),
        at_most("node memory a 1,000 calls", slope([look.node_mb for look in busy], busy), "MB", GROWTH_MB),
        at_most("workers' memory a 1,000 calls", slope([look.workers_mb for look in busy], busy), "MB", GROWTH_MB),
        at_most("gateway memory a 1,000 calls", slope([look.gateway_mb for look in busy], busy), "MB", GROWTH_MB),
        Row("node memory before", before.node_mb, "MB"),
        Row("node memory after", after.node_mb, "MB"),
        Row("gateway memory before", before.gateway_mb, "MB"),
        Row("gateway memory after", after.gateway_mb, "MB"),
        Row("tasks, most", max(look.tasks for look in looks), "count"),
        Row("file handles, most", max(look.files for look in looks), "count"),
    ]


def slope(values: Sequence[float], looks: Sequence[Look]) -> float:
    """How much ``values`` grow a 1,000 calls: the median over all pairs of looks (Theil and Sen), which a burst of calls
    or a restart between two looks does not move. 0 for fewer than three looks.
    """
    made = np.array([look.calls_made / 1000 for look in looks])
    if len(made) < 3:
        return 0.0
    first, second = np.triu_indices(len(made), 1)
    apart = made[second] - made[first]
    grown = np.subtract(np.array(values)[second], np.array(values)[first])
    return round(float(np.median(grown[apart > 0] / apart[apart > 0])), 2)


def _soak(settings: Settings, plan: Plan) -> tuple[dict[str, Any], list[Look]]:
    looks = [_look(settings, 0)]
    argv = [sys.executable, "-m", "benchmarks.sip_load", json.dumps(asdict(plan))]
    began = time.monotonic()
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as load:
        while load.poll() is None:
            time.sleep(_LOOK_EVERY_S)
            looks.append(_look(settings, min(plan.calls, (time.monotonic() - began) * plan.per_second)))
        printed = load.stdout.read() if load.stdout else b""
    found: dict[str, Any] = json.loads(printed)
    time.sleep(_REST_S)
    looks.append(_look(settings, plan.calls))
    return found, looks


def _look(settings: Settings, calls_made: float) -> Look:
    """Raises :class:`InstanceFailed` when the instance has gone; a part that is just being replaced counts as 0."""
    status = running_status(settings)
    if status is None:
        raise InstanceFailed("hotline up: the private instance has ended")
    parts = [status["parts"][name] for name in ("ivr", "gateway")]
    node, gateway = (int(part["pid"] or 0) for part in parts)
    health = asyncio.run(ask_health(settings.socket_path("ivr"), timeout_s=10.0)) or {}
    return Look(
        calls_made,
        int(health.get("calls", 0)),
        int(health.get("tasks", 0)),
        _files_open(node),
        _ports_open(settings.rtp_port_low, settings.rtp_port_high + 1),
        _resident_mb(node),
        sum(_resident_mb(worker) for worker in _children(node)),
        _resident_mb(gateway),
        sum(int(part["restarts"]) for part in parts),
    )


def _files_open(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _ports_open(low: int, high: int) -> int:
    lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    return sum(low <= int(line.split()[1].partition(":")[2], 16) <= high for line in lines)


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # a worker that has just been replaced
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def _children(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(folder.name), *_children(int(folder.name))]
    return found


async def _question() -> bytes:
    """What every caller says: a question and a pause, over line noise, in µ-law."""
    async with Voice("caller") as voice:
        spoken = np.frombuffer(await voice.synthesise(_QUESTION), np.int16)
    whole = np.concatenate([spoken, np.zeros(round(_PAUSE_S * 8000), np.int16)])
    noise = np.random.default_rng(12345).normal(0.0, _NOISE, len(whole))
    return PcmuCodec().encode(np.clip(whole + noise, -32768, 32767).astype("<i2").tobytes())
