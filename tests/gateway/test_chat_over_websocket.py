"""The chat as a visitor's page sees it."""

from typing import Any

import aiohttp
import pytest

from tests.gateway.conftest import House, until
from tests.gateway.scripted_dialog import ANSWER, GREETING
from tests.gateway.test_desk_over_http import AgentPage


class VisitorPage:
    """A browser on the chat page; a reload is a second one with the same cookie."""

    def __init__(self, browser: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.browser = browser
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.ready: dict[str, Any] = {}
        self._sent = 0

    @classmethod
    async def visit(cls, house: House, browser: aiohttp.ClientSession | None = None) -> "VisitorPage":
        browser = browser or await house.visitor()
        assert (await browser.post("/api/chat/session", json={})).status == 200
        page = cls(browser, await browser.ws_connect("/api/chat/ws"))
        page.ready = await page.next("ready")
        return page

    async def next(self, type: str, **fields: Any) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = await self.socket.receive_json(timeout=5)
            self.frames.append(frame)
            if frame["type"] == type and all(frame.get(name) == value for name, value in fields.items()):
                return frame

    async def message(self, sender: str) -> dict[str, Any]:
        while True:
            found: dict[str, Any] = (await self.next("message"))["message"]
            if found["from"] == sender:
                return found

    async def send(self, type: str = "say", id: str = "", **fields: Any) -> None:
        self._sent += 1
        await self.socket.send_json({"type": type, "id": id or f"m{self._sent}", **fields})

    async def say(self, text: str) -> None:
        await self.send(text=text)


async def test_a_question_is_answered_with_its_entry_and_version(house: House) -> None:
    page = await VisitorPage.visit(house)
    assert [one["text"] for one in page.ready["messages"]] == [GREETING]
    assert (page.ready["state"], page.ready["max_length"]) == ("bot", 500)
    await page.say("公积金怎么提取")
    mine = await page.message("citizen")
    assert (mine["text"], mine["client_id"]) == ("公积金怎么提取", "m1")
    answer = await page.message("bot")
    assert (answer["kind"], answer["text"], answer["entry"]) == ("answer", ANSWER, {"id": "gjj-1", "version": 3})
    await page.next("ack", id="m1")
    typing = [frame["on"] for frame in page.frames if frame["type"] == "typing"]
    assert typing == [True, False]


async def test_a_reload_shows_the_same_history(house: House) -> None:
    page = await VisitorPage.visit(house)
    await page.say("公积金怎么提取")
    await page.next("ack")
    shown = [frame["message"] for frame in page.frames if frame["type"] == "message"]
    await page.socket.close()
    again = await VisitorPage.visit(house, page.browser)
    assert again.ready["conversation"] == page.ready["conversation"]
    assert again.ready["messages"][1:] == [{**one, "client_id": None} for one in shown]
    history = await (await page.browser.get("/api/chat/history")).json()
    assert history["messages"] == again.ready["messages"]


async def test_looking_at_the_history_begins_nothing(house: House) -> None:
    browser = await house.visitor()
    await browser.post("/api/chat/session", json={})
    history = await (await browser.get("/api/chat/history")).json()
    assert (history["conversation"], history["messages"]) == (None, [])


async def test_without_a_session_there_is_no_chat(house: House) -> None:
    browser = await house.visitor()
    assert (await browser.get("/api/chat/ws")).status == 401
    assert (await browser.get("/api/chat/history", headers={"Authorization": "Bearer forged.token"})).status == 401


async def test_a_program_without_cookies_may_use_its_token(house: House) -> None:
    browser = await house.visitor()
    token = (await (await browser.post("/api/chat/session", json={})).json())["token"]
    browser.cookie_jar.clear()
    socket = await browser.ws_connect(f"/api/chat/ws?token={token}")
    assert (await socket.receive_json(timeout=5))["type"] == "ready"


async def test_a_choice_is_shown_by_its_title(house: House) -> None:
    page = await VisitorPage.visit(house)
    await page.say("我要办理证件")
    offered = await page.message("bot")
    assert offered["choices"] == [{"key": "1", "title": "身份证"}, {"key": "2", "title": "居住证"}]
    await page.send("choose", key="2")
    await page.message("citizen")
    await page.next("ack", id="m2")
    assert house.dialog.heard[-1] == "2"
    again = await VisitorPage.visit(house, page.browser)
    assert [one["text"] for one in again.ready["messages"] if one["from"] == "citizen"] == ["我要办理证件", "居住证"]


async def test_a_question_for_an_element_names_it(house: House) -> None:
    page = await VisitorPage.visit(house)
    await page.say("我要投诉工地")
    assert (await page.message("bot"))["element"] == "place"


async def test_a_message_sent_twice_is_taken_once(house: House) -> None:
    page = await VisitorPage.visit(house)
    for _ in range(2):
        await page.send(id="same", text="公积金")
        await page.next("ack", id="same")
    assert house.dialog.heard == ["公积金"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "say", "id": "a", "text": "长" * 501}, "too_long"),
        ({"type": "say", "id": "a", "text": "  "}, "empty"),
        ({"type": "say", "text": "没有 id"}, "bad_frame"),
        ({"type": "say", "id": "x" * 65, "text": "id 太长"}, "bad_frame"),
        ({"type": "say", "id": "a", "text": 5}, "bad_frame"),
        ({"type": "dance", "id": "a"}, "bad_frame"),
        ([], "bad_frame"),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_words(house: House, frame: Any, code: str) -> None:
    page = await VisitorPage.visit(house)
    await page.socket.send_json(frame)
    refused = await page.next("error")
    assert refused["code"] == code
    assert refused["message"]
    assert house.dialog.heard == []


async def test_five_hundred_characters_are_taken(house: House) -> None:
    page = await VisitorPage.visit(house)
    await page.say("长" * 500)
    await page.next("ack")


async def test_too_many_messages_are_slowed_down(house: House) -> None:
    page = await VisitorPage.visit(house)
    for _ in range(30):
        await page.say("在吗")
        await page.next("ack")
    await page.say("在吗")
    refused = await page.next("error", code="rate_limited")
    assert refused["retry_after"] > 0
    house.clock.advance(61)
    await page.say("在吗")
    await page.next("ack")


async def test_an_agent_and_a_visitor_talk_in_the_same_thread(house: House) -> None:
    agent = await AgentPage.login(house, "8001")
    await agent.ready()
    page = await VisitorPage.visit(house)
    await page.say("转人工")
    await page.next("state", state="queue")
    pop = (await agent.next("offer"))["pop"]
    assert (pop["channel"], pop["caller"], pop["number_known"]) == ("web", "网页访客", False)
    handover = pop["handover"]
    await agent.do("POST", f"handovers/{handover}/accept")
    assert (await page.next("state", state="agent"))["agent"]["id"] == "8001"
    await page.say("我的社保卡丢了")
    assert (await agent.next("transcript"))["item"]["from"] in {"system", "citizen"}
    assert house.dialog.heard == ["转人工"]
    await page.send("typing")
    await agent.next("typing")
    said = {"id": "a1", "text": "请先挂失"}
    first = await agent.do("POST", f"handovers/{handover}/messages", said)
    assert (await agent.do("POST", f"handovers/{handover}/messages", said)) == first
    assert (await page.message("agent"))["text"] == "请先挂失"
    filed = await agent.do("POST", f"handovers/{handover}/file")
    assert filed["no"] in (await page.message("system"))["text"]
    await agent.do("POST", f"handovers/{handover}/end")
    await page.next("state", state="ended")
    await page.say("还在吗")
    await page.next("error", code="ended")
    again = await VisitorPage.visit(house, page.browser)
    assert again.ready["state"] == "ended"
    senders = [one["from"] for one in again.ready["messages"]]
    assert senders == ["bot", "citizen", "bot", "system", "citizen", "agent", "system", "system"]
    await again.send("restart", id="anew")
    fresh = await again.next("ready")
    assert (fresh["state"], len(fresh["messages"])) == ("bot", 1)
    assert fresh["conversation"] != page.ready["conversation"]


async def test_with_nobody_there_the_visitor_is_told_and_may_go_on(house: House) -> None:
    page = await VisitorPage.visit(house)
    await page.say("转人工")
    assert "已登记" in (await page.message("system"))["text"]
    await page.next("state", state="bot")
    await page.say("公积金怎么提取")
    while (await page.message("bot"))["kind"] != "answer":
        pass


async def test_an_emergency_is_heard_while_waiting(house: House) -> None:
    agent = await AgentPage.login(house, "8001")
    await agent.do("PUT", "presence", {"state": "busy"})
    page = await VisitorPage.visit(house)
    await page.say("转人工")
    await page.next("state", state="queue", position=1)
    await page.say("家里煤气泄漏了")
    while (advice := await page.message("bot"))["kind"] != "emergency":
        pass
    assert advice["emergency_number"] == "119"
    await until(lambda: house.gateway.desk.queue_json()["waiting"][0]["emergency"])


async def test_a_broken_core_means_a_person_and_nothing_is_lost(house: House) -> None:
    agent = await AgentPage.login(house, "8001")
    await agent.ready()
    page = await VisitorPage.visit(house)
    house.dialog.broken = True
    await page.say("公积金怎么提取")
    await page.next("ack")
    pop = (await agent.next("offer"))["pop"]
    assert pop["reason"] == "failed"
    assert "公积金怎么提取" in [item["text"] for item in pop["transcript"]]


async def test_a_citizen_may_end_and_the_agent_sees_it(house: House) -> None:
    agent = await AgentPage.login(house, "8001")
    await agent.ready()
    page = await VisitorPage.visit(house)
    await page.say("转人工")
    handover = (await agent.next("offer"))["pop"]["handover"]
    await agent.do("POST", f"handovers/{handover}/accept")
    await page.send("end")
    await page.next("state", state="ended")
    assert (await agent.next("ended"))["ended_by"] == "citizen"
    await agent.do("POST", f"handovers/{handover}/end")
    assert (await agent.do("GET", "me"))["presence"] == "ready"


async def test_a_chat_whose_agent_vanished_goes_back_to_the_queue(house: House) -> None:
    agent = await AgentPage.login(house, "8001")
    await agent.ready()
    page = await VisitorPage.visit(house)
    await page.say("转人工")
    handover = (await agent.next("offer"))["pop"]["handover"]
    await agent.do("POST", f"handovers/{handover}/accept")
    await page.next("state", state="agent")
    await agent.leave()
    await until(lambda: not house.gateway.desk.hub.present())
    await house.tick()
    await house.tick(61)
    await house.tick()
    texts = [(await page.message("system"))["text"] for _ in range(2)]
    assert "中断" in texts[0]
    assert "已登记" in texts[1]


async def test_a_conversation_that_rested_for_half_a_day_is_over(house: House) -> None:
    page = await VisitorPage.visit(house)
    await page.socket.close()
    await until(lambda: not house.gateway.chat._rooms)
    house.clock.advance(12 * 3600 + 1)
    again = await VisitorPage.visit(house, page.browser)
    assert again.ready["conversation"] != page.ready["conversation"]
    assert house.dialog.closed[0][1] == "timeout"
