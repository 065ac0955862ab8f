"""Working days as announced (调休 counted). A year whose holidays are not announced yet is never guessed: ``None``."""

from datetime import date, datetime, time, timedelta

from config.clock import LOCAL_ZONE, local
from config.duty import is_day_off


def working_days_until(day: date, until: date) -> int | None:
    """How many working days lie from ``day`` up to the day before ``until``; 0 when ``until`` is not after ``day``."""
    count = 0
    while day < until:
        off = is_day_off(day)
        if off is None:
            return None
        count += not off
        day += timedelta(days=1)
    return count


def end_of_working_day(at: datetime, days: int) -> datetime | None:
    """When the ``days``-th working day after the day of ``at`` ends: midnight in Asia/Shanghai; that day is not counted."""
    day = local(at).date()
    while days > 0:
        day += timedelta(days=1)
        off = is_day_off(day)
        if off is None:
            return None
        days -= not off
    return datetime.combine(day + timedelta(days=1), time(), LOCAL_ZONE)
