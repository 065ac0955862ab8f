"""Who is on duty when: the leader's hours for callers, and the duty phones by hour and holiday. Plain functions of the time."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from config.clock import local
from config.rulebook_model import DutyPhone, DutyWindow


class Leader(StrEnum):
    """Whether the leader on duty takes calls: ``BEFORE`` today's hours, in them (``OPEN``), or after them (``CLOSED``)."""

    BEFORE = "before"
    OPEN = "open"
    CLOSED = "closed"


def leader(window: DutyWindow, at: datetime) -> Leader:
    """How the leader's hours stand; the first minute is in, the last is not (通知四（一）: 15:00–17:00)."""
    now = local(at).time()
    if now < window.start:
        return Leader.BEFORE
    return Leader.OPEN if now < window.end else Leader.CLOSED


def duty_phone(
    phones: tuple[DutyPhone, ...], at: datetime, *, incident: str = "", division: str = ""
) -> DutyPhone | None:
    """The first row that answers for ``incident`` in ``division`` at that time; ``None``: nobody is listed (CLAUSES D8)."""
    return next((row for row in phones if _concerns(row, incident, division) and _on_duty(row, at)), None)


def is_day_off(day: date) -> bool | None:
    """Whether ``day`` is off, as announced (调休 counted); ``None`` for a year that is not announced yet: never guessed."""
    import chinese_calendar  # loads its tables only where days off matter

    try:
        return bool(chinese_calendar.is_holiday(day))
    except NotImplementedError:
        return None


def _concerns(row: DutyPhone, incident: str, division: str) -> bool:
    return (not row.incidents or incident in row.incidents) and (not row.division or row.division == division)


def _on_duty(row: DutyPhone, at: datetime) -> bool:
    now = local(at)
    day = now.date()
    if row.start < row.end:
        if not row.start <= now.time() < row.end:
            return False
    elif now.time() < row.end:
        day -= timedelta(days=1)
    elif now.time() < row.start:
        return False
    if row.days == "all":
        return True
    off = is_day_off(day)
    return off is not None and off is (row.days == "rest")
