"""When the answer to a gap is due: CLAUSES H8.

Asked Monday to Thursday: the next day at 08:00. Asked Friday to Sunday: the next Monday at 08:00. The rule knows no
holidays; a due day that is one is flagged, and the office decides.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from config.clock import LOCAL_ZONE, local
from config.duty import is_day_off

DUE_TIME: Final = time(8, 0)
_FRIDAY: Final = 4
_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Due:
    """``on_holiday``: whether that day is off as announced; ``None`` for a year not announced yet."""

    at: datetime
    on_holiday: bool | None


def due_at(asked_at: datetime) -> Due:
    """When what was asked at ``asked_at`` is to be answerable; days are those of Asia/Shanghai."""
    asked = local(asked_at).date()
    weekday = asked.weekday()
    day = asked + timedelta(days=1 if weekday < _FRIDAY else _WEEK - weekday)
    return Due(datetime.combine(day, DUE_TIME, LOCAL_ZONE), is_day_off(day))
