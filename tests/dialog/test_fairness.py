"""The bot never ends a call over a caller's words (Z15), and a ticket holds nothing that was not said (Z20)."""

from sqlalchemy import select

from dialog.contract import Do
from dialog.transcript import Transcripts
from store.engine import Database
from store.schema import tickets as ticket_rows
from store.vault import Vault
from tests.dialog.conftest import Begin, ScriptedRasa, Talk
from tickets.model import ElementName, ElementStatus, FiveElements
from tickets.service import Tickets

SWEARING = ("你们都是废物", "妈的有没有人管", "滚，一群王八蛋", "你他妈听见没有", "全是骗子", "操你们的")


async def test_six_curses_in_a_row_do_not_end_the_call(begin: Begin, rasa: ScriptedRasa) -> None:
    talk = await begin()
    for curse in SWEARING:
        rasa.will("abuse", {"do": "say", "key": "abuse"})
        reply = await talk.say(curse)
        assert reply.messages, curse
        assert all(directive.do is Do.TRANSFER for directive in reply.directives), "at most a person takes over"


async def test_without_rasa_curses_do_not_end_the_call_either(begin: Begin) -> None:
    talk = await begin()
    for curse in SWEARING:
        reply = await talk.say(curse)
        assert all(directive.do is Do.TRANSFER for directive in reply.directives)
        if reply.directives:
            return


async def one_ticket(database: Database, service: Tickets) -> FiveElements:
    async with database.connect() as connection:
        [ticket_id] = (await connection.execute(select(ticket_rows.c.id))).scalars()
    return (await service.get_by_id(ticket_id)).elements


async def tell_of_the_noise(talk: Talk) -> None:
    await talk.say("妈的，我都快疯了，昨天晚上十点半赤坎区海滨大道的工地又在施工，吵得孩子睡不着，你们到底管不管")
    await talk.say("我姓王")
    await talk.say("我要求马上停止夜间施工")


async def test_an_anguished_caller_who_swears_still_gets_a_ticket(
    begin: Begin, rasa: ScriptedRasa, database: Database, tickets: Tickets
) -> None:
    talk = await begin()
    rasa.will("abuse", {"do": "say", "key": "abuse"})
    await talk.say("你们都是废物")
    rasa.will("complain", {"do": "start_ticket", "type": "complaint"}, {"ask": "event"})
    rasa.will("inform", {"ask": "person"})
    rasa.will("inform", {"ask": "demand"})
    await tell_of_the_noise(talk)
    elements = await one_ticket(database, tickets)
    assert elements.event.status is ElementStatus.FILLED
    assert "施工" in str(elements.event.value)
    assert "赤坎区" in str(elements.place.value)


async def test_every_fact_on_a_ticket_is_words_that_were_said(
    begin: Begin, database: Database, vault: Vault, tickets: Tickets
) -> None:
    talk = await begin()
    await tell_of_the_noise(talk)
    elements = await one_ticket(database, tickets)
    said = {turn.id: turn.text for turn in await Transcripts(database, vault).turns_of(talk.id)}
    filled = [elements.get(name) for name in ElementName if elements.get(name).status is ElementStatus.FILLED]
    assert len(filled) >= 3
    for element in filled:
        derived = "derived" in (element.value or {})
        assert element.source or derived, f"{element.name} has neither words nor a note on where it comes from"
        for span in element.source:
            assert said[span.turn_id][span.start : span.end] == span.text, element.name
