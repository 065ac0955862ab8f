"""The leader's hours and the duty phones, at the minute."""

from datetime import date, datetime, time
from pathlib import Path

import pytest

from config.clock import LOCAL_ZONE
from config.duty import Leader, duty_phone, is_day_off, leader
from config.rulebook import RulebookError, load_rulebook
from config.rulebook_model import Basis, DutyPhone

BASIS = Basis(document="测试", article="一")
GAS_NIGHT = DutyPhone(name="燃气夜班", number="88880001", incidents=("gas",), start=time(18), end=time(8), basis=BASIS)
HOLIDAY = DutyPhone(name="节假日总值班", number="88880002", days="rest", basis=BASIS)
WORKDAY = DutyPhone(
    name="工作日夜间值班", number="88880003", days="work", start=time(17, 30), end=time(8, 30), basis=BASIS
)
DISTRICT = DutyPhone(name="龙华区值班", number="88880004", division="龙华区", start=time(0), end=time(6), basis=BASIS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE)


@pytest.mark.parametrize(
    ("hour", "how"),
    [
        ("14:59:59", Leader.BEFORE),
        ("15:00", Leader.OPEN),
        ("16:59:59", Leader.OPEN),
        ("17:00", Leader.CLOSED),
        ("00:00", Leader.BEFORE),
    ],
)
def test_the_leaders_hours_in_haikou(hour: str, how: Leader) -> None:
    window = load_rulebook("haikou").duty_window
    assert window is not None
    assert leader(window, at(f"2023-04-03T{hour}")) is how


@pytest.mark.parametrize(
    ("moment", "incident", "division", "expected"),
    [
        ("2023-10-01T02:00", "gas", "", GAS_NIGHT),
        ("2023-10-01T02:00", "water", "", HOLIDAY),
        ("2023-10-01T12:00", "gas", "", HOLIDAY),
        ("2023-10-10T02:00", "water", "", WORKDAY),
        ("2023-10-10T12:00", "water", "", None),
        ("2023-10-10T08:30", "water", "", None),
        ("2023-10-10T17:30", "water", "", WORKDAY),
        ("2023-10-10T02:00", "water", "龙华区", WORKDAY),
        ("2023-10-07T20:00", "water", "", WORKDAY),
    ],
)
def test_the_right_phone_at_the_hour(moment: str, incident: str, division: str, expected: DutyPhone | None) -> None:
    """7 October 2023 was a Saturday on which people worked (调休)."""
    phones = (GAS_NIGHT, HOLIDAY, WORKDAY, DISTRICT)
    assert duty_phone(phones, at(moment), incident=incident, division=division) is expected


def test_a_district_of_its_own() -> None:
    assert duty_phone((DISTRICT,), at("2023-10-10T02:00"), division="龙华区") is DISTRICT
    assert duty_phone((DISTRICT,), at("2023-10-10T02:00"), division="美兰区") is None


def test_a_year_that_is_not_announced_is_not_guessed() -> None:
    assert is_day_off(date(2099, 10, 1)) is None
    assert duty_phone((HOLIDAY, WORKDAY), at("2099-10-01T02:00")) is None
    assert duty_phone((GAS_NIGHT,), at("2099-10-01T02:00"), incident="gas") is GAS_NIGHT


def test_the_office_keeps_the_table_in_the_data_folder(tmp_path: Path) -> None:
    assert load_rulebook("haikou", tmp_path).duty_phones == ()
    (tmp_path / "duty_phones.yaml").write_text(
        """haikou:
  - name: 燃气夜班
    number: "88880001"
    incidents: [gas]
    start: "18:00"
    end: "08:00"
    basis: {document: 热线办值班表, article: 2023年第四季度}
""",
        encoding="utf-8",
    )
    [row] = load_rulebook("haikou", tmp_path).duty_phones
    assert (row.number, row.start, row.basis.cite()) == ("88880001", time(18), "热线办值班表 2023年第四季度")
    assert load_rulebook("zhanjiang", tmp_path).duty_phones == ()


def test_a_table_with_a_fault_is_told(tmp_path: Path) -> None:
    (tmp_path / "duty_phones.yaml").write_text("haikou:\n  - {name: 甲, number: 电话}\n", encoding="utf-8")
    with pytest.raises(RulebookError, match="duty_phones"):
        load_rulebook("haikou", tmp_path)
