"""May this call come in, and is there somebody to listen to it?

The restrictions in force, known in the node itself; the lines; the recognition slots and the city's rule above them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import structlog

from config.clock import Clock
from config.rulebook_model import OverflowPolicy
from ivr.call_parts import Overflow
from ivr.protocol import Admit, AdmitRestricted, CallOffered, Reject, Restrictions
from ivr.sip.contract import CallLeg
from store.vault import Vault

_log = structlog.get_logger("ivr")

FULL: Final = 503
"""No line free: an edge in front of several nodes tries the next one (RFC 3261 §21.5.4)."""
FULL_RETRY_AFTER_S: Final = 5
"""Told with it (RFC 3261 §20.33): in the busy hour some call ends within seconds."""
RESTRICTED_FULL: Final = 486
"""No line free for restricted callers: no other node shall be tried."""

Answer = Admit | AdmitRestricted | Reject
Ask = Callable[[CallOffered], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a call comes in.

    ``notice``: heard instead of a greeting, by restricted callers and where the overflow rule says so; ``overflow``: no
    recogniser is free for it; ``code`` and ``retry_after_s``: of a rejected one.
    """

    kind: Literal["normal", "restricted", "rejected"]
    notice: str = ""
    code: int = 0
    overflow: Overflow = ""
    retry_after_s: int | None = None


class RestrictionTable:
    """Keyed hashes of restricted numbers with the moment each restriction ends by itself."""

    def __init__(self) -> None:
        self.version = 0
        self.arrived = False
        self.notice = ""
        self._ends: dict[str, datetime] = {}

    def replace(self, table: Restrictions) -> None:
        """Take the whole table over; an older version than the one held is ignored."""
        if self.arrived and table.version < self.version:
            return
        self._ends = {row.number_key: datetime.fromisoformat(row.ends_at) for row in table.rows}
        self.version, self.notice, self.arrived = table.version, table.notice, True

    def restricts(self, number_key: str, now: datetime) -> bool:
        """Whether a restriction of this number is in force at ``now``."""
        ends = self._ends.get(number_key)
        return ends is not None and now < ends


class Admission:
    """Decides on each INVITE and counts lines and recognition slots; :meth:`release` gives them back.

    Restricted callers are always listened to, for emergencies, beyond ``slots``: their lines are few. ``bridged``: how
    many recognised calls an agent has, which need no slot meanwhile.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        clock: Clock,
        ask: Ask,
        max_calls: int,
        max_restricted_calls: int,
        default_notice: str,
        slots: int,
        overflow: OverflowPolicy,
        bridged: Callable[[], int],
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._ask = ask
        self._max = {"normal": max_calls, "restricted": max_restricted_calls}
        self._lines = {"normal": 0, "restricted": 0}
        self._default_notice = default_notice
        self._slots = slots
        self._overflow = overflow
        self._bridged = bridged
        self._recognised = 0
        self.table = RestrictionTable()
        self.unchecked = 0
        """Calls let in because neither table nor gateway could be asked."""

    @property
    def calls(self) -> int:
        """Calls that hold a line."""
        return sum(self._lines.values())

    async def decide(self, leg: CallLeg) -> Verdict:
        """The verdict on ``leg``; a call that is let in holds a line from here on."""
        verdict = await self._checked(leg)
        if verdict.kind == "rejected":
            return verdict
        if self._lines[verdict.kind] >= self._max[verdict.kind]:
            _log.warning("no_line_free", kind=verdict.kind, lines=self._lines[verdict.kind])
            if verdict.kind == "restricted":
                return Verdict("rejected", code=RESTRICTED_FULL)
            return Verdict("rejected", code=FULL, retry_after_s=FULL_RETRY_AFTER_S)
        self._lines[verdict.kind] += 1
        return self._listened_to(verdict) if verdict.kind == "normal" else verdict

    def release(self, verdict: Verdict) -> None:
        """The call of ``verdict`` is over."""
        self._lines[verdict.kind] -= 1
        self._recognised -= verdict.kind == "normal" and not verdict.overflow

    def _listened_to(self, verdict: Verdict) -> Verdict:
        """``verdict`` with a slot taken for it, or with the rule for those who get none."""
        if self._recognised - self._bridged() < self._slots:
            self._recognised += 1
            return verdict
        rule = self._overflow.rule
        _log.warning("no_slot_free", slots=self._slots, rule=rule)
        return Verdict("normal", notice=self._overflow.notice if rule == "notice" else "", overflow=rule)

    async def _checked(self, leg: CallLeg) -> Verdict:
        if self.table.arrived:
            restricted = leg.number is not None and self.table.restricts(self._vault.key(leg.number), self._clock.now())
            return self._restricted(self.table.notice) if restricted else Verdict("normal")
        answer = await self._ask(CallOffered(call=leg.call_id, number=leg.number, headers=dict(leg.headers)))
        if isinstance(answer, Reject):
            return Verdict("rejected", code=answer.code)
        if isinstance(answer, AdmitRestricted):
            return self._restricted(answer.notice)
        if answer is None:
            self.unchecked += 1
            _log.warning("admitted_unchecked", total=self.unchecked)
        return Verdict("normal")

    def _restricted(self, notice: str) -> Verdict:
        return Verdict("restricted", notice=notice or self._default_notice)
