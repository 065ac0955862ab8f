"""The core's promises, turn by turn: guards first, elements with sources, nothing filed without a yes, a person always."""

import pytest
from sqlalchemy import func, select

from dialog.contract import Channel, Contact, Do, MessageKind, Reply, Said
from dialog.records import UnknownConversation
from dialog.transcript import Transcripts
from store.engine import Database
from store.schema import turns
from store.vault import Vault
from tests.dialog.conftest import Begin, ScriptedRasa, Talk
from tickets.model import ElementName, ElementStatus, TicketType
from tickets.service import Tickets

COMPLAINT = "昨天晚上十点半赤坎区海滨大道的工地一直施工，吵得睡不着"


def transfer_reason(reply: Reply) -> str | None:
    return next((directive.reason for directive in reply.directives if directive.do is Do.TRANSFER), None)


async def test_the_greeting_asks_one_open_question(begin: Begin) -> None:
    talk = await begin()
    assert talk.greeting.messages[0].speech.count("？") == 1
    assert "人工" in talk.greeting.messages[0].speech


@pytest.mark.parametrize("text", ["公积金怎么提取", "身份证丢了去哪里补"])
async def test_a_question_is_answered_from_an_entry_on_every_channel(
    begin: Begin, rasa: ScriptedRasa, text: str
) -> None:
    told = []
    for channel in (Channel.PHONE, Channel.WEB):
        rasa.will("ask", {"do": "kb_lookup"})
        reply = await (await begin(channel)).say(text)
        told.append([(message.kind, message.entry_id, message.choices) for message in reply.messages])
    assert told[0] == told[1]
    assert told[0][0][0] in {MessageKind.ANSWER, MessageKind.CHOOSE}


async def test_a_complaint_without_rasa_becomes_a_ticket(begin: Begin, tickets: Tickets) -> None:
    talk = await begin()
    for text in ("我要投诉", COMPLAINT, "我姓王", "希望尽快停工"):
        reply = await talk.say(text)
        assert reply.ticket_no is None
        assert reply.engine == "fallback"
    assert reply.messages[-1].kind is MessageKind.CONFIRM
    reply = await talk.say("对")
    assert reply.ticket_no is not None
    ticket = await tickets.get(reply.ticket_no)
    assert ticket.type is TicketType.COMPLAINT
    assert all(ticket.elements.get(name).status is ElementStatus.FILLED for name in ElementName)
    assert reply.ticket_no in reply.messages[-1].speech


async def test_every_filled_element_points_at_words_that_were_said(
    begin: Begin, tickets: Tickets, database: Database, vault: Vault
) -> None:
    talk = await begin()
    reply = await talk.say_all(["我要投诉", COMPLAINT, "我姓王", "希望尽快停工", "对"])
    said = {turn.id: turn.text for turn in await Transcripts(database, vault).turns_of(talk.id)}
    assert reply.ticket_no is not None
    ticket = await tickets.get(reply.ticket_no)
    spans = [span for name in ElementName for span in ticket.elements.get(name).source]
    assert len(spans) >= 5
    for span in spans:
        assert said[span.turn_id][span.start : span.end] == span.text


async def test_nothing_is_filed_without_a_yes(begin: Begin, rasa: ScriptedRasa, tickets: Tickets) -> None:
    talk = await begin()
    rasa.will("affirm", {"do": "submit_ticket"})
    reply = await talk.say("好的登记吧")
    assert reply.ticket_no is None
    assert await tickets.list() == ()


async def test_a_correction_changes_the_element_and_is_read_back(begin: Begin, tickets: Tickets) -> None:
    talk = await begin()
    await talk.say_all(["我要投诉", COMPLAINT, "我姓王", "希望尽快停工", "不对"])
    reply = await talk.say("地点错了")
    assert reply.messages[-1].kind is MessageKind.ASK
    assert reply.expect.element == "place"
    reply = await talk.say("霞山区人民大道")
    assert "霞山区人民大道" in reply.messages[-1].text
    reply = await talk.say("对")
    assert reply.ticket_no is not None
    place = (await tickets.get(reply.ticket_no)).elements.place
    assert place.value is not None
    assert place.value["district"] == "霞山区"


async def test_a_second_complaint_starts_from_nothing(begin: Begin, tickets: Tickets) -> None:
    talk = await begin()
    first = await talk.say_all(["我要投诉", COMPLAINT, "我姓王", "希望尽快停工", "对"])
    await talk.say("我要投诉")
    reply = await talk.say("霞山区解放西路的垃圾一直没人清理")
    assert reply.ticket_no is None
    draft = await tickets.of_conversation(talk.id)
    assert draft is not None
    assert draft.no is None
    assert draft.elements.place.value is not None
    assert "海滨大道" not in str(draft.elements.place.value)
    assert first.ticket_no is not None


async def test_a_question_in_the_form_is_answered_and_the_form_goes_on(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    rasa.will("complain", {"do": "start_ticket", "type": "complaint"}, {"ask": "event"})
    await talk.say("我要投诉")
    rasa.will("ask", {"do": "kb_lookup"}, {"ask": "event"})
    reply = await talk.say("身份证丢了去哪里补")
    assert [message.kind for message in reply.messages][-1] is MessageKind.ASK
    assert reply.messages[0].kind in {MessageKind.ANSWER, MessageKind.CHOOSE}


async def test_an_element_asked_twice_in_vain_is_left_out_with_the_reason(begin: Begin, tickets: Tickets) -> None:
    talk = await begin()
    await talk.say("我要投诉")
    for text in (COMPLAINT, "希望尽快停工", "呃", "呃", "呃"):
        reply = await talk.say(text)
        if reply.messages[-1].kind is MessageKind.CONFIRM:
            break
    assert reply.messages[-1].kind is MessageKind.CONFIRM
    reply = await talk.say("对")
    assert reply.ticket_no is not None
    elements = (await tickets.get(reply.ticket_no)).elements
    assert elements.complete


@pytest.mark.parametrize("before", [[], ["我要投诉"], ["我要投诉", COMPLAINT, "我姓王", "希望尽快停工"]])
async def test_an_emergency_comes_before_everything(begin: Begin, before: list[str]) -> None:
    talk = await begin()
    for text in before:
        await talk.say(text)
    reply = await talk.say("家里煤气泄漏了")
    assert reply.emergency
    assert transfer_reason(reply) == "emergency"
    assert "119" in reply.messages[0].speech
    assert reply.engine == "guard"


async def test_a_restricted_caller_gets_no_dialogue_but_emergencies_get_through(
    begin: Begin, rasa: ScriptedRasa
) -> None:
    talk = await begin(contact=Contact("13800000000", restricted=True))
    assert talk.greeting.messages == ()
    reply = await talk.say("公积金怎么提取")
    assert not any(message.entry_id for message in reply.messages)
    assert rasa.asked == []
    assert (await talk.say("着火了")).emergency


async def test_words_still_being_said_answer_only_an_emergency_or_a_call_for_a_person(begin: Begin) -> None:
    talk = await begin()
    assert await talk.dialog.partial(talk.id, "我想问公积金", talk.clock.now()) is None
    assert await talk.dialog.partial(talk.id, "我想咨询火灾保险", talk.clock.now()) is None
    reply = await talk.dialog.partial(talk.id, "我家着火了快", talk.clock.now())
    assert reply is not None
    assert reply.emergency


async def test_a_last_word_that_may_still_become_harmless_is_waited_for(begin: Begin) -> None:
    talk = await begin()
    assert await talk.dialog.partial(talk.id, "火灾", talk.clock.now(), settled=False) is None
    assert await talk.dialog.partial(talk.id, "火灾保险", talk.clock.now(), settled=False) is None
    reply = await talk.dialog.partial(talk.id, "火灾", talk.clock.now(), settled=True)
    assert reply is not None
    assert reply.emergency


async def test_a_restricted_caller_in_doubt_is_asked_and_gets_no_further_without_danger(begin: Begin) -> None:
    talk = await begin(contact=Contact("13800000000", restricted=True))
    assert (await talk.say("1", Said.KEYS)).act == "emergency_doubt"
    assert (await talk.say("不是")).act == "restricted"
    assert (await talk.say("我想咨询火灾保险")).act == "emergency_doubt"
    assert (await talk.say("人工")).act == "restricted"
    assert (await talk.say("1", Said.KEYS)).act == "emergency_doubt"
    assert (await talk.say("是的")).emergency


async def test_a_doubtful_emergency_asks_one_question(begin: Begin) -> None:
    talk = await begin()
    reply = await talk.say("我想咨询火灾保险")
    assert not reply.emergency
    assert reply.messages[0].kind is MessageKind.ASK
    reply = await talk.say("不是")
    assert not reply.emergency
    again = await talk.say("我想咨询火灾保险")
    assert (await talk.say("是的")).emergency or again.directives


async def test_an_emergency_that_only_rasa_hears_is_asked_about_and_then_acted_on(
    begin: Begin, rasa: ScriptedRasa
) -> None:
    talk = await begin()
    rasa.will("emergency", {"do": "emergency"})
    reply = await talk.say("出大事了快来人啊")
    assert reply.messages[-1].kind is MessageKind.ASK
    reply = await talk.say("是的")
    assert reply.emergency
    assert transfer_reason(reply) == "emergency"


async def test_a_question_taken_for_a_call_for_help_is_answered(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    rasa.will("ask_help", {"do": "start_ticket", "type": "help"}, {"ask": "time"})
    reply = await talk.say("停水打哪个电话")
    assert reply.messages[0].kind is MessageKind.ANSWER
    rasa.will("ask_help", {"do": "start_ticket", "type": "help"}, {"ask": "time"})
    reply = await talk.say("赤坎区寸金街道停水了打哪个电话都没人来")
    assert reply.messages[-1].kind is MessageKind.ASK


async def test_what_seems_no_business_of_ours_is_answered_where_it_is_written(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    for question, kind in (("公积金怎么提取", MessageKind.ANSWER), ("今天股票涨不涨", MessageKind.CHAT)):
        rasa.will("out_of_scope", {"do": "say", "key": "out_of_scope"})
        reply = await talk.say(question)
        assert reply.messages[0].kind is kind


async def test_a_suggestion_is_not_asked_when_it_happened(begin: Begin, tickets: Tickets) -> None:
    talk = await begin()
    reply = await talk.say("我建议在坡头区麻斜街道渡口加装路灯")
    assert reply.expect.element == "person"
    await talk.say("我姓王")
    reply = await talk.say("对")
    assert reply.ticket_no is not None
    ticket = await tickets.get(reply.ticket_no)
    assert ticket.type is TicketType.SUGGESTION
    assert ticket.elements.time.status is ElementStatus.NOT_APPLICABLE


@pytest.mark.parametrize(("text", "said"), [("0", Said.KEYS), ("转人工", Said.SPEECH), ("我要找接线员", Said.TYPED)])
async def test_a_person_at_once(begin: Begin, text: str, said: Said) -> None:
    talk = await begin()
    assert transfer_reason(await talk.say(text, said)) == "asked"


async def test_two_turns_that_lead_nowhere_bring_a_person(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    rasa.will("nlu_fallback", {"do": "clarify"})
    rasa.will("nlu_fallback", {"do": "clarify"})
    assert transfer_reason(await talk.say("吧啦吧啦")) is None
    assert transfer_reason(await talk.say("叽里咕噜")) == "failed"


async def test_a_question_without_an_answer_brings_a_person(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    rasa.will("ask", {"do": "kb_lookup"})
    rasa.will("ask", {"do": "kb_lookup"})
    assert transfer_reason(await talk.say("量子计算机的纠错码怎么选")) is None
    assert transfer_reason(await talk.say("量子计算机的比特怎么算")) == "unanswered"


async def test_silence_asks_twice_in_other_words_and_then_a_person(begin: Begin) -> None:
    talk = await begin()
    replies = [await talk.dialog.silence(talk.id, count, talk.clock.now()) for count in (1, 2, 3)]
    assert replies[0].messages[0].speech != replies[1].messages[0].speech
    assert [transfer_reason(reply) for reply in replies] == [None, None, "failed"]


async def test_repeat_says_the_last_answer_again(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    rasa.will("ask", {"do": "kb_lookup"})
    rasa.will("repeat", {"do": "repeat"})
    first = await talk.say("身份证丢了去哪里补")
    assert (await talk.say("再说一遍")).messages == first.messages


async def test_progress_is_told_only_to_the_number_it_came_from(begin: Begin) -> None:
    talk = await begin()
    filed = await talk.say_all(["我要投诉", COMPLAINT, "我姓王", "希望尽快停工", "对"])
    assert filed.ticket_no is not None
    own = await talk.say_all(["查进度", filed.ticket_no])
    assert "投诉" in own.messages[0].text
    aloud = filed.ticket_no.translate(str.maketrans("0123456789", "零幺二三四五六拐八九"))
    assert (await talk.say_all(["查进度", f"是{aloud}"])).messages == own.messages
    other = await begin(contact=Contact("13900000000"))
    stranger = await other.say_all(["查进度", filed.ticket_no])
    assert "投诉" not in stranger.messages[0].text


async def test_the_turn_is_on_disk_before_the_reply_is_given(begin: Begin, database: Database) -> None:
    talk = await begin()
    reply = await talk.say("公积金怎么提取")
    async with database.connect() as connection:
        found = await connection.execute(select(func.count()).where(turns.c.id == reply.turn_id))
    assert found.scalar() == 1


async def test_another_process_goes_on_where_the_first_stood(
    begin: Begin, rasa: ScriptedRasa, settings: object, database: Database, vault: Vault
) -> None:
    talk = await begin()
    await talk.say_all(["我要投诉", COMPLAINT, "我姓王"])
    fresh = await begin()
    fresh.id = talk.id
    reply = await fresh.say("希望尽快停工")
    assert reply.messages[-1].kind is MessageKind.CONFIRM


async def test_long_text_is_refused_politely_and_secrets_are_not_kept(
    begin: Begin, database: Database, vault: Vault, rasa: ScriptedRasa
) -> None:
    talk = await begin()
    reply = await talk.say("很长" * 400)
    assert "500" in reply.messages[0].text
    assert rasa.asked == []
    await talk.say("我的身份证是440801199001011234")
    said = "".join(turn.text for turn in await Transcripts(database, vault).turns_of(talk.id))
    assert "440801199001011234" not in said
    assert all("440801199001011234" not in text for text, *_ in rasa.asked)


async def test_a_secret_is_not_written_down_and_a_person_takes_over(
    begin: Begin, database: Database, vault: Vault, rasa: ScriptedRasa
) -> None:
    talk = await begin()
    reply = await talk.say("我手上有一份国家秘密的材料，写的是海滨路的仓库")
    assert "秘密" in reply.messages[0].text
    assert [(step.do, step.reason) for step in reply.directives] == [(Do.TRANSFER, "confidential")]
    kept = "".join(turn.text for turn in await Transcripts(database, vault).turns_of(talk.id))
    assert "仓库" not in kept
    assert rasa.asked == []
    danger = await (await begin()).say("这是机密仓库，现在着火了，快来人")
    assert danger.messages[0].kind is MessageKind.EMERGENCY


async def test_rasa_gets_statuses_and_masked_words_only(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    rasa.will("complain", {"do": "start_ticket", "type": "complaint"}, {"ask": "time"})
    await talk.say("我叫李秀英，电话13811112222，我要投诉楼下烧烤店油烟太大")
    text, statuses, active, _ = rasa.asked[0]
    assert "李秀英" not in text
    assert "13811112222" not in text
    assert not active
    assert set(statuses.values()) <= {"filled", "declined", None}
    assert statuses["person"] == "filled"


async def test_a_closed_conversation_takes_no_more_turns(begin: Begin) -> None:
    talk = await begin()
    await talk.dialog.close(talk.id, "caller", talk.clock.now())
    with pytest.raises(UnknownConversation):
        await talk.say("喂")


async def test_a_matter_in_another_city_is_taken_down_and_a_person_decides(begin: Begin, tickets: Tickets) -> None:
    """Z9, Z11: the caller hears the other city's number; the bot refuses nothing."""
    talk = await begin()
    await talk.say("我要投诉")
    reply = await talk.say_all(
        ["昨天晚上十点半，我在海口，楼下的工地一直在施工", "海口市人民大道", "我姓王", "希望尽快停工"]
    )
    told = [message for said in talk.replies for message in said.messages if message.kind is MessageKind.NOTICE]
    assert ["089812345" in message.speech for message in told] == [True]
    assert reply.messages[-1].kind is MessageKind.CONFIRM
    filed = await talk.say("对")
    assert filed.ticket_no
    ticket = await tickets.get(filed.ticket_no)
    assert "第七条（一）" in ticket.elements.place.reason
    assert "工作人员判断" in ticket.elements.place.reason


async def asked_for_the_place(begin: Begin) -> Talk:
    talk = await begin()
    await talk.say("我要投诉")
    reply = await talk.say("昨天晚上十点半工地一直施工，吵得睡不着")
    assert reply.expect.element == "place"
    return talk


async def test_an_expected_answer_that_was_perhaps_said_is_asked_for(begin: Begin) -> None:
    talk = await asked_for_the_place(begin)
    reply = await talk.say("碎西元")
    assert [message.speech for message in reply.messages] == ["您说的是遂溪县吗？"]
    assert reply.expect.state == "confirm"
    reply = await talk.say("喂")
    assert reply.expect.element != "place"


async def test_what_was_not_meant_is_asked_again_and_other_words_stay(begin: Begin) -> None:
    talk = await asked_for_the_place(begin)
    await talk.say("碎西元")
    reply = await talk.say("不退")
    assert "再说一遍" in reply.messages[0].speech
    assert reply.expect.element == "place"
    await talk.say("碎西元")
    reply = await talk.say("家里煤气泄漏了")
    assert reply.emergency


async def test_typed_words_are_never_matched_by_sound(begin: Begin) -> None:
    talk = await asked_for_the_place(begin)
    reply = await talk.say("碎西元", Said.TYPED)
    assert "您说的是" not in reply.messages[0].speech
