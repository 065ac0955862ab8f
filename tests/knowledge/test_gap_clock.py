"""CLAUSES H8, day by day."""

from datetime import datetime

import pytest

from config.clock import LOCAL_ZONE
from knowledge.gap_clock import Due, due_at


def local_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE)


@pytest.mark.parametrize(
    ("asked", "due", "on_holiday"),
    [
        ("2023-04-27 10:00", "2023-04-28 08:00", False),
        ("2023-04-28 10:00", "2023-05-01 08:00", True),
        ("2023-04-29 10:00", "2023-05-01 08:00", True),
        ("2023-04-30 10:00", "2023-05-01 08:00", True),
        ("2023-04-03 00:00", "2023-04-04 08:00", False),
        ("2023-04-06 23:59", "2023-04-07 08:00", False),
        ("2023-04-07 00:00", "2023-04-10 08:00", False),
        ("2023-04-09 23:59", "2023-04-10 08:00", False),
        ("2023-04-10 00:00", "2023-04-11 08:00", False),
        ("2023-04-04 12:00", "2023-04-05 08:00", True),
        ("2099-06-01 12:00", "2099-06-02 08:00", None),
    ],
)
def test_an_answer_is_due_as_the_rule_says(asked: str, due: str, on_holiday: bool | None) -> None:
    assert due_at(local_time(asked)) == Due(local_time(due), on_holiday)


def test_the_day_is_that_of_the_city_not_of_greenwich() -> None:
    thursday_late_in_greenwich = datetime.fromisoformat("2023-04-27T17:00:00+00:00")
    assert due_at(thursday_late_in_greenwich).at == local_time("2023-05-01 08:00")
