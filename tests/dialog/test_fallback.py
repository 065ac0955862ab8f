"""Without Rasa: acts and next steps from words alone."""

import pytest

from dialog import fallback
from dialog.rasa_client import Stage
from dialog.state import State

NOTHING: dict[str, str | None] = dict.fromkeys(("event", "time", "place", "person", "demand"))


@pytest.mark.parametrize(
    ("text", "act", "kind"),
    [
        ("我要投诉", "complain", "complaint"),
        ("工地一直施工吵得睡不着", "complain", "complaint"),
        ("我要举报有人卖假药", "report", "report"),
        ("我建议在路口加装红绿灯", "suggest", "suggestion"),
        ("表扬一下窗口的小林", "praise", "praise"),
        ("我们村停水了", "ask_help", "help"),
    ],
)
def test_a_matter_begins_the_form(text: str, act: str, kind: str) -> None:
    step = fallback.decide(text, State(), NOTHING)
    assert step.act == act
    assert step.directives == ({"do": "start_ticket", "type": kind}, {"ask": "event"})


@pytest.mark.parametrize("text", ["请问公积金怎么提取", "停水了打什么电话", "物业费不交会怎么样"])
def test_a_question_goes_to_the_knowledge_base(text: str) -> None:
    assert fallback.decide(text, State(), NOTHING).directives == ({"do": "kb_lookup"},)


def test_in_the_form_the_next_missing_element_is_asked() -> None:
    statuses = {**NOTHING, "event": "filled", "time": "filled"}
    step = fallback.decide("昨天晚上", State(stage=Stage.GATHERING), statuses)
    assert step.directives == ({"ask": "place"},)
    full: dict[str, str | None] = dict.fromkeys(NOTHING, "filled")
    assert fallback.decide("尽快", State(stage=Stage.GATHERING), full).directives == ({"do": "confirm_ticket"},)


@pytest.mark.parametrize(
    ("text", "do"), [("对", "submit_ticket"), ("不对", "change_element"), ("算了", "cancel_ticket")]
)
def test_a_read_back_is_answered(text: str, do: str) -> None:
    assert fallback.decide(text, State(stage=Stage.CONFIRMING), NOTHING).directives[0] == {"do": do}
