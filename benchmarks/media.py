"""``./hotline bench media``: how evenly, and at what cost, many calls are given their sound; beside pyVoIP as it comes.

For each of the two a process that answers every call, speaks and listens (:mod:`benchmarks.media_server`), and another
that calls it, speaks and measures (:mod:`benchmarks.sip_load`); one after the other, on the same machine, in one run. A
packet counts as delivered in time when it comes within 30 ms of the one before. Processor time is that of the
measured process alone. In µ-law, since pyVoIP sends A-law wrongly.
"""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from benchmarks.report import Row, at_least, at_most, publish
from benchmarks.sip_load import HOST, Plan
from config.settings import ROOT, Settings
from ivr.sip.factory import BackendMissing

RATE: Final = 49.5
P99_MS: Final = 30.0
SHARE: Final = 0.5
_START_S: Final = 1.5
_RUN_S: Final = 300
_STACKS: Final = {"hotline": "hotline", "pyvoip": "pyVoIP"}


def run(settings: Settings, *, as_json: bool, calls: int = 200, seconds: float = 20.0) -> int:
    """Measure both; 0 when all targets are met. Raises :class:`BackendMissing` without pyVoIP."""
    if importlib.util.find_spec("pyVoIP") is None:
        raise BackendMissing
    load = Row("load average before (1 min)", round(os.getloadavg()[0], 1), "")
    found = {stack: measure(stack, calls, seconds) for stack in _STACKS}
    return publish("media", [load, *rows(found, calls)], as_json=as_json)


def rows(found: dict[str, dict[str, Any]], calls: int) -> list[Row]:
    """The figures of both, and what ours cost against pyVoIP's."""
    ours, theirs = found["hotline"], found["pyvoip"]
    result = [
        at_least("hotline calls answered", ours["answered"], "count", calls),
        at_least("hotline packets a second, mean", ours["rate_mean"], "1/s", RATE),
        at_most("hotline gap p99", ours["gap_ms"]["p99"], "ms", P99_MS),
        at_most("processor time a packet in time, hotline to pyVoIP", cost(ours) / cost(theirs), "ratio", SHARE),
    ]
    for stack, name in _STACKS.items():
        result += _details(name, found[stack])
    return result


def cost(found: dict[str, Any]) -> float:
    """Processor time in µs for each packet delivered in time."""
    in_time: int = max(1, found["in_time"])
    return float(found["processor_s"]) / in_time * 1e6


def _details(name: str, found: dict[str, Any]) -> list[Row]:
    window = found["window_s"]
    return [
        Row(f"{name} calls answered", found["answered"], "count"),
        Row(f"{name} packets a second, mean", found["rate_mean"], "1/s"),
        Row(f"{name} packets a second, worst call", found["rate_worst"], "1/s"),
        *(Row(f"{name} gap {share}", round(gap, 2), "ms") for share, gap in found["gap_ms"].items()),
        Row(f"{name} packets in time", found["in_time"] / max(1, found["received"]), "share"),
        Row(f"{name} packets lost", found["lost"], "count"),
        Row(f"{name} processor", found["processor_s"] / window, "cores"),
        Row(f"{name} processor a packet in time", round(cost(found), 1), "us"),
        Row(f"load generator beside {name}", found["generator_processor_s"] / window, "cores"),
    ]


def measure(stack: str, calls: int, seconds: float) -> dict[str, Any]:
    """Call ``stack`` with ``calls`` calls at once and measure for ``seconds``; the findings of the load."""
    port, registrar_port = free_port(), free_port()
    with _serving(stack, port, registrar_port) as server:
        plan = Plan(port, server.pid, calls, sip_port=registrar_port, window_s=seconds)
        return drive(plan)


def drive(plan: Plan) -> dict[str, Any]:
    """Carry ``plan`` out in a process of its own."""
    argv = [sys.executable, "-m", "benchmarks.sip_load", json.dumps(asdict(plan))]
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=_RUN_S + plan.window_s)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def _serving(stack: str, port: int, registrar_port: int) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "benchmarks.media_server", stack, str(port), str(registrar_port)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        try:
            time.sleep(_START_S)
            yield server
        finally:
            server.kill()


def free_port() -> int:
    """A UDP port that nobody uses at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
