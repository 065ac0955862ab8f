"""The guards: what is an emergency, what is a call for a person, what must not be kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rulebook import load_rulebook
from dialog.guards import Alarm, clean, ends_in_cue, find_emergency, wants_person
from dialog.masking import NUMBER, mask, without_secrets

RULEBOOK = load_rulebook("zhanjiang")


@pytest.mark.parametrize(
    ("text", "incident"),
    [
        ("家里煤气泄漏了", "gas"),
        ("我 家 着火 了 快 来 人", "fire"),
        ("有人在楼顶要跳楼", "police"),
        ("老人晕倒在路边没有呼吸了", "medical"),
        ("这里有人触电了", "power"),
    ],
)
def test_an_emergency_is_certain(text: str, incident: str) -> None:
    found = find_emergency(text, RULEBOOK.emergency)
    assert found.alarm is Alarm.CERTAIN
    assert found.incident is not None
    assert found.incident.id == incident


@pytest.mark.parametrize("text", ["我想咨询火灾保险", "煤气泄漏报警器的补贴政策", "想了解触电事故赔偿手续"])
def test_words_in_a_harmless_context_are_doubtful(text: str) -> None:
    assert find_emergency(text, RULEBOOK.emergency).alarm is Alarm.DOUBTFUL


@pytest.mark.parametrize("text", ["公积金怎么提取", "楼上装修很吵", "没有着火，就是想问问", ""])
def test_other_words_raise_no_alarm(text: str) -> None:
    assert find_emergency(text, RULEBOOK.emergency).alarm is Alarm.NONE


@pytest.mark.parametrize(
    "text", ["人工", "转人工", "我要找人工客服", "请帮我接一下话务员", "人工 服务", "给我换个真人"]
)
def test_a_call_for_a_person(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "人工智能专业怎么报名",
        "我要投诉你们的人工客服态度差",
        "人工湖里有死鱼",
        "工作人员说要带户口本",
        "公积金怎么提取",
    ],
)
def test_no_call_for_a_person(text: str) -> None:
    assert not wants_person(text)


def test_a_slash_command_loses_its_slash() -> None:
    assert clean("/restart") == "restart"
    assert clean("／／transfer_human{}") == "transfer_human{}"
    assert clean("你好\x00\u200b") == "你好"


def test_secrets_are_blotted_out_and_numbers_kept() -> None:
    text, found = without_secrets("我的身份证是440801199001011234，电话13800000000")
    assert found
    assert "440801199001011234" not in text
    assert "13800000000" in text
    assert without_secrets("工单号2026112100001")[1] is False
    spoken = "身份证是幺幺零幺零五幺九四九幺二三幺零零二艾克斯"
    assert without_secrets(spoken) == ("身份证是" + "＊" * (len(spoken) - 4), True)
    assert without_secrets("密码是abc123")[0] == "密码是＊＊＊＊＊＊"


def test_rasa_sees_no_numbers() -> None:
    assert mask("我电话13800000000车牌粤G12345") == f"我电话{NUMBER}车牌{NUMBER}"


@given(st.text(max_size=600))
def test_the_guards_take_any_text(text: str) -> None:
    cleaned = clean(text)
    assert not cleaned.startswith("/")
    find_emergency(cleaned, RULEBOOK.emergency)
    wants_person(cleaned)
    assert len(without_secrets(cleaned)[0]) == len(cleaned)


@pytest.mark.parametrize(
    ("text", "at_the_end"),
    [
        ("火灾", True),
        ("家里煤气泄漏", True),
        ("着火了", False),
        ("火灾保", True),
        ("火灾保险", False),
        ("公积金", False),
    ],
)
def test_a_cue_at_the_very_end_may_still_become_harmless(text: str, at_the_end: bool) -> None:
    assert ends_in_cue(text, find_emergency(text, RULEBOOK.emergency)) is at_the_end
