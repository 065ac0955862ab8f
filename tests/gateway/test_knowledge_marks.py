"""What agents say about knowledge at the desk: an entry is wrong, a caller was answered with one, a type was put right."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from sqlalchemy import insert, select

from knowledge.consultations import Consultation, Consultations, Result
from knowledge.entries import EntryForm
from knowledge.repository import Repository
from store.ids import new_id
from store.schema import consultations, disputes, nlu_utterances, turns
from tests.gateway.conftest import House
from tests.gateway.scripted_node import ScriptedNode
from tests.gateway.test_desk_over_http import AgentPage, hand_over

Begin = Callable[[], Awaitable[House]]


async def with_entry(house: House) -> None:
    form = EntryForm(
        id="Q-1",
        question="居住证怎么办",
        answer="到窗口办理。",
        speech="到窗口办理。",
        unit="市公安局",
        field="户籍与身份证",
        effective_at=date(2020, 1, 1),
    )
    await Repository(house.database, house.clock).publish([form])


async def serving(house: House, node: ScriptedNode, role: str = "agent") -> tuple[AgentPage, dict[str, Any]]:
    """An agent who has taken a call."""
    await with_entry(house)
    page = await AgentPage.login(house, "8001", role, "sip:8001@127.0.0.1")
    await page.ready()
    await hand_over(house, node)
    offer = await page.next("offer")
    await page.do("POST", f"handovers/{offer['pop']['handover']}/accept")
    return page, offer["pop"]


async def test_an_agent_s_report_silences_an_entry_and_starts_the_clock(house: House, node: ScriptedNode) -> None:
    page, pop = await serving(house, node)
    body = {"reason": "电话13800138000已经换了", "version": 1, "handover": pop["handover"]}
    told = await page.do("POST", "knowledge/Q-1/dispute", body)
    assert told["due_at"]
    async with house.database.connect() as connection:
        row = (await connection.execute(select(disputes))).one()
    assert (row.entry_id, row.version, row.reporter, row.conversation_id) == ("Q-1", 1, "8001", pop["conversation"])
    assert "13800138000" not in house.vault.decrypt(row.reason_enc)
    assert (await Repository(house.database, house.clock).snapshot()).silenced == {"Q-1"}


async def test_a_report_without_words_or_without_entry_is_refused(house: House, node: ScriptedNode) -> None:
    page, _ = await serving(house, node)
    await page.do("POST", "knowledge/Q-1/dispute", {"reason": ""}, 400)
    await page.do("POST", "knowledge/Q-9/dispute", {"reason": "地址不对"}, 404)
    await page.do("POST", "knowledge/Q-1/dispute", {"reason": "地址不对", "version": "一"}, 400)


async def test_what_an_agent_answered_with_settles_the_caller_s_question(house: House, node: ScriptedNode) -> None:
    page, pop = await serving(house, node)
    log = Consultations(house.database, house.vault, house.clock)
    await log.record(
        Consultation(pop["conversation"], "p", "phone", "居住证在哪办", house.clock.now(), Result.HANDED_OVER)
    )
    await page.do("POST", f"handovers/{pop['handover']}/answered", {"entry": "Q-1"})
    (read,) = await log.of_conversation(pop["conversation"])
    assert (read.result, read.entry_id, read.version, read.unit) == (Result.AGENT_ANSWERED, "Q-1", 1, "市公安局")
    assert read.text == "居住证在哪办"


async def test_a_question_that_only_the_agent_heard_is_written_down_too(house: House, node: ScriptedNode) -> None:
    page, pop = await serving(house, node)
    await page.do("POST", f"handovers/{pop['handover']}/answered", {"entry": "Q-1"})
    async with house.database.connect() as connection:
        row = (await connection.execute(select(consultations))).one()
    assert (row.outcome, row.instant, row.reason, row.topic) == ("agent_answered", True, "", "户籍与身份证")
    await page.do("POST", f"handovers/{pop['handover']}/answered", {"entry": "Q-9"}, 404)


async def test_another_agent_s_call_cannot_be_marked(house: House, node: ScriptedNode) -> None:
    _, pop = await serving(house, node)
    other = await AgentPage.login(house, "8002")
    await other.do("POST", f"handovers/{pop['handover']}/answered", {"entry": "Q-1"}, 403)


async def test_a_type_put_right_is_an_utterance_to_label(house: House, node: ScriptedNode) -> None:
    page, pop = await serving(house, node)
    async with house.database.begin() as connection:
        await connection.execute(
            insert(turns).values(
                id=new_id(),
                conversation_id=pop["conversation"],
                seq=900,
                said="speech",
                text_enc=house.vault.encrypt("楼上天天装修没人管"),
                confidence=1.0,
                act="ask_help",
                engine="rasa",
                reply_enc=house.vault.encrypt_json({}),
                emergency=False,
                at=house.clock.now(),
            )
        )
    await page.do("PUT", f"handovers/{pop['handover']}/elements", {"type": "complaint"})
    async with house.database.connect() as connection:
        row = (await connection.execute(select(nlu_utterances))).one()
    assert (row.suggested, row.why) == ("complain", "corrected")
    assert house.vault.decrypt(row.text_enc, row.id) == "楼上天天装修没人管"
    await page.do("PUT", f"handovers/{pop['handover']}/elements", {"type": "complaint"})
    async with house.database.connect() as connection:
        assert len((await connection.execute(select(nlu_utterances))).all()) == 1
