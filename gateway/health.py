"""Is the gateway well? Each check does the work that it stands for."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from config.clock import Clock

log = structlog.get_logger("gateway")

CHECK_WITHIN_S: Final = 3.0
VITAL: Final = frozenset({"database", "dialog"})
"""Without these the gateway cannot serve. Without Redis or a node it can, and must not be replaced for it."""

Check = Callable[[], Awaitable[str]]
"""Returns a word of detail; raises when it is not well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``ms``: how long it took."""

    ok: bool
    ms: float
    detail: str

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "ms": round(self.ms, 1), "detail": self.detail}


class Health:
    """Runs the checks side by side."""

    def __init__(self, clock: Clock, checks: Mapping[str, Check]) -> None:
        self._clock = clock
        self._checks = checks
        self._unwell: set[str] = set()

    async def look(self, required: Collection[str] = ()) -> tuple[bool, dict[str, Any]]:
        """``(ok, document)``; ``required`` names checks that count beside the vital ones."""
        found = await asyncio.gather(*(self._try(name, check) for name, check in self._checks.items()))
        findings = dict(zip(self._checks, found, strict=True))
        counted = VITAL | set(required)
        ok = all(finding.ok for name, finding in findings.items() if name in counted) and counted <= set(findings)
        degraded = [name for name, finding in findings.items() if not finding.ok]
        checks = {name: finding.to_json() for name, finding in findings.items()}
        return ok, {"ok": ok, "degraded": degraded, "checks": checks}

    async def _try(self, name: str, check: Check) -> Finding:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(CHECK_WITHIN_S):
                detail = await check()
            ok = True
            self._unwell.discard(name)
        except Exception as error:
            ok, detail = False, type(error).__name__
            if name not in self._unwell:
                log.warning("health_check_failed", check=name, error=detail)
            self._unwell.add(name)
        return Finding(ok, (self._clock.monotonic() - started) * 1000, detail)
