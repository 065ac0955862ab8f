"""Replies and records as bubbles."""

from datetime import UTC, datetime

from chatbot.render import bot_messages, history
from dialog.contract import Choice, Directive, Do, Expectation, Message, MessageKind, Reply
from dialog.transcript import DeskRecord, TurnRecord

AT = datetime(2023, 4, 3, 2, 0, 0, 123000, tzinfo=UTC)


def turn(id: str, said: str, text: str, reply: Reply) -> TurnRecord:
    return TurnRecord(id, 1, said, text, None, "", "guard", reply, AT)


def test_an_emergency_carries_its_number_and_only_it() -> None:
    reply = Reply(
        "t1",
        (Message(MessageKind.EMERGENCY, "请拨119", "请拨119"), Message(MessageKind.NOTICE, "正在转人工", "正在转人工")),
        (Directive(Do.TRANSFER, "emergency", "119"),),
        emergency=True,
    )
    first, second = bot_messages(reply, AT)
    assert (first["emergency"], first["emergency_number"]) == (True, "119")
    assert (second["emergency"], second["emergency_number"]) == (False, "")
    assert first["at"] == "2023-04-03T10:00:00.123+08:00"


def test_a_ticket_number_and_an_element_stand_only_with_what_they_belong_to() -> None:
    reply = Reply(
        "t1",
        (Message(MessageKind.FILED, "已登记", "已登记"), Message(MessageKind.ASK, "还有别的吗", "还有别的吗")),
        expect=Expectation("element", "place"),
        ticket_no="2023040300001",
    )
    filed, asked = bot_messages(reply, AT)
    assert (filed["ticket_no"], filed["element"]) == ("2023040300001", None)
    assert (asked["ticket_no"], asked["element"]) == (None, "place")


def test_a_key_is_shown_as_what_it_stood_for_only_right_after_the_offer() -> None:
    choose = Message(MessageKind.CHOOSE, "哪一个？", "哪一个？", choices=(Choice("1", "身份证"),))
    answer = Reply("t2", (Message(MessageKind.ANSWER, "……", "……", "a", 1),))
    records: list[TurnRecord | DeskRecord] = [
        turn("t1", "typed", "办理", Reply("t1", (choose,))),
        turn("t2", "keys", "1", answer),
        turn("t3", "keys", "1", Reply("t3", ())),
        DeskRecord("d1", "system", None, "话务员为您服务", AT),
    ]
    shown = history(records)
    assert [one["text"] for one in shown if one["from"] == "citizen"] == ["办理", "身份证", "1"]
    assert (shown[-1]["kind"], shown[-1]["from"]) == ("notice", "system")
    assert len({one["id"] for one in shown}) == len(shown)
