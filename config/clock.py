"""The clock, passed in to whatever needs the time."""

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

LOCAL_ZONE: Final = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time. ``now`` is aware and in UTC; ``monotonic`` is in seconds and never goes back."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        import time

        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("ManualClock needs an aware datetime")
        self._start = start.astimezone(UTC)
        self._elapsed = timedelta()

    def now(self) -> datetime:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed.total_seconds()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds`` (≥ 0)."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self._elapsed += timedelta(seconds=seconds)


def local(moment: datetime) -> datetime:
    """The same moment in Asia/Shanghai, the time that citizens and rules mean."""
    return moment.astimezone(LOCAL_ZONE)
