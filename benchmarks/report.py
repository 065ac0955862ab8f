"""What every benchmark prints: rows of measured values beside their targets, and the machine they were measured on."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value. ``met`` is ``None`` where there is no target."""

    metric: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


def at_least(metric: str, value: float, unit: str, target: float) -> Row:
    """A value that should reach ``target``."""
    return Row(metric, value, unit, f">= {target:g}", value >= target)


def at_most(metric: str, value: float, unit: str, target: float) -> Row:
    """A value that should not exceed ``target``."""
    return Row(metric, value, unit, f"<= {target:g}", value <= target)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest measured value that ``share`` (0…1) of all values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * round(share * 1000) // 1000) - 1)]


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GB and Python of this machine."""
    cpu_info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpu_info.read_text(encoding="utf-8").splitlines() if cpu_info.is_file() else [])
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
    }


def publish(bench: str, rows: Sequence[Row], *, as_json: bool, notes: Mapping[str, Any] | None = None) -> int:
    """Print the rows, as a table or as the one JSON document, and return the exit code: 0 only when all are met.

    ``notes``: what the figures hold for (model, assumptions), by name.
    """
    if as_json:
        document = {"bench": bench, "machine": machine(), "rows": [asdict(row) for row in rows]}
        if notes:
            document["notes"] = dict(notes)
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    else:
        for row in rows:
            verdict = {True: "达标", False: "未达标", None: ""}[row.met]
            sys.stdout.write(f"{row.metric:<36} {row.value:>10g} {row.unit:<8} {row.target:<10} {verdict}\n")
        for name, note in (notes or {}).items():
            sys.stdout.write(f"{name}: {note}\n")
    sys.stdout.flush()
    return 0 if all(row.met is not False for row in rows) else 1
