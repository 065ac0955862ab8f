from datetime import UTC, date, datetime
from typing import Any

import pytest

from knowledge.entries import EntryInvalid, parse_entry

GOOD: dict[str, Any] = {
    "id": "GJJ-001",
    "question": "公积金怎么提取",
    "similar": ["公积金怎么取", "公积金怎么取", "取公积金"],
    "answer": "符合条件的可以提取。",
    "speech": "符合条件的可以提取。",
    "unit": "市住房公积金管理中心",
    "effective_at": date(2024, 1, 1),
}


def test_a_good_entry_is_taken_and_a_way_said_twice_is_kept_once() -> None:
    form = parse_entry(GOOD)
    assert form.similar == ("公积金怎么取", "取公积金")
    entry = form.entry(3)
    assert (entry.id, entry.version, entry.sample, entry.field) == ("GJJ-001", 3, False, "其他")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"speech": "字" * 81}, "语音答案（speech）有 81 个字，最多 80 个字"),
        ({"speech": "  "}, "语音答案（speech）为空"),
        ({"speech": "请看 https://example.org"}, "不能有网址"),
        ({"speech": "请带身份证（原件）"}, "不能有括号或符号“（）”"),
        ({"id": "公积金 1"}, "“编号”（id）只能用"),
        ({"id": ""}, "“编号”（id）只能用"),
        ({"question": ""}, "“标准问题”（question）为空或太短"),
        ({"question": "问" * 201}, "有 201 个字，最多 200 个字"),
        ({"answer": ""}, "“答案”（answer）为空"),
        ({"similar": [f"问法{number}" for number in range(101)]}, "最多 100 条"),
        ({"effective_at": "明年"}, "应写成 2025-01-31 的形式"),
        ({"effective_at": "2025-02-30"}, "应写成 2025-01-31 的形式"),
        ({"price": "1"}, "不认识的列“price”"),
    ],
)
def test_what_is_wrong_is_said_in_chinese(change: dict[str, Any], says: str) -> None:
    with pytest.raises(EntryInvalid) as caught:
        parse_entry(GOOD | change)
    assert says in caught.value.message


def test_eighty_characters_can_be_spoken() -> None:
    assert len(parse_entry(GOOD | {"speech": "字" * 80}).speech) == 80


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(EntryInvalid) as caught:
        parse_entry({"id": "A-1", "question": "", "speech": ""})
    assert len(caught.value.reasons) >= 4
    assert "缺少“承办单位”（unit）" in caught.value.reasons


SCRIPT: dict[str, Any] = GOOD | {
    "kind": "script",
    "urgent": True,
    "effective_at": "",
    "starts_at": "2025-07-01 20:30",
    "ends_at": "2025-07-02T08:00:00+08:00",
}


def test_an_urgent_script_holds_from_a_moment_to_a_moment_of_our_time() -> None:
    form = parse_entry(SCRIPT)
    assert form.effective_at == date(2025, 7, 1)
    assert form.starts_at == datetime(2025, 7, 1, 12, 30, tzinfo=UTC)
    assert form.ends_at == datetime(2025, 7, 2, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        (GOOD | {"expires_at": "2023-12-31"}, "expires_at", "不能早于生效日期"),
        (GOOD | {"kind": "news"}, "kind", "只能是 matter（事项）"),
        (GOOD | {"audience": "me"}, "audience", "public（公开）"),
        (GOOD | {"urgent": True}, "urgent", "只有“应答口径”"),
        (GOOD | {"starts_at": "2025-07-01 08:00"}, "starts_at", "只有应急口径才填"),
        (SCRIPT | {"ends_at": None}, "ends_at", "要填开始时间和结束时间"),
        (SCRIPT | {"ends_at": "2025-07-01 20:30"}, "ends_at", "要晚于开始时间"),
        (SCRIPT | {"starts_at": "明早"}, "starts_at", "2025-01-31 08:00"),
        (SCRIPT | {"effective_at": "2025-07-02"}, "", "不能晚于开始时间"),
        (SCRIPT | {"expires_at": "2025-07-03"}, "urgent", "不用填失效日期"),
        (GOOD | {"attachments": [{"id": "1"}]}, "attachments", "的内容不对"),
    ],
)
def test_each_problem_names_its_field(values: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(EntryInvalid) as caught:
        parse_entry(values)
    assert any(name == field and says in message for name, message in caught.value.problems), caught.value.problems
