"""The desk as an agent's page sees it: login, offer, accept, form, number, end; phone and chat."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from ivr.protocol import LiveCall
from store.schema import audit, callbacks, handovers
from tests.gateway.conftest import ENTRY, House, until
from tests.gateway.scripted_node import ScriptedNode

Begin = Callable[[], Awaitable[House]]


class AgentPage:
    """A browser at the desk: cookie, CSRF token, WebSocket."""

    def __init__(self, client: aiohttp.ClientSession, me: dict[str, Any]) -> None:
        self.client = client
        self.me = me
        self.frames: list[dict[str, Any]] = []
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    @classmethod
    async def login(cls, house: House, agent_id: str, role: str = "agent", sip: str | None = None) -> "AgentPage":
        password = await house.account(agent_id, role, sip)
        client = await house.visitor()
        answer = await client.post("/api/desk/login", json={"agent": agent_id, "password": password})
        assert answer.status == 200
        page = cls(client, await answer.json())
        page._socket = await client.ws_connect("/api/desk/ws")
        await page.next("ready")
        return page

    async def next(self, type: str) -> dict[str, Any]:
        """The next frame of that type; the others are passed over."""
        assert self._socket is not None
        while True:
            frame: dict[str, Any] = await self._socket.receive_json(timeout=5)
            self.frames.append(frame)
            if frame["type"] == type:
                return frame

    async def leave(self) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def do(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        headers = {"X-CSRF-Token": self.me["csrf"]}
        answer = await self.client.request(method, f"/api/desk/{path}", json=body or {}, headers=headers)
        document = await answer.json()
        assert answer.status == status, document
        return document

    async def ready(self) -> None:
        await self.do("PUT", "presence", {"state": "ready"})


async def hand_over(house: House, node: ScriptedNode, said: str = "人工", call: str = "c1") -> None:
    await node.call(call)
    await node.wait("expect", call=call)
    await node.final(said, call)
    await node.said("正在为您转人工")


async def status_of(house: House) -> list[str]:
    async with house.database.connect() as connection:
        return list((await connection.execute(select(handovers.c.status))).scalars())


async def test_a_wrong_password_is_refused_and_soon_not_even_looked_at(house: House) -> None:
    await house.account("8001")
    client = await house.visitor()
    for _ in range(5):
        answer = await client.post("/api/desk/login", json={"agent": "8001", "password": "guess"})
        assert answer.status == 401
    answer = await client.post("/api/desk/login", json={"agent": "8001", "password": "guess"})
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "分钟后再试" in (await answer.json())["error"]["message"]


async def test_an_editor_has_no_business_at_the_desk(house: House) -> None:
    password = await house.account("7001", "editor")
    client = await house.visitor()
    answer = await client.post("/api/desk/login", json={"agent": "7001", "password": password})
    assert answer.status == 403


async def test_nothing_is_answered_without_a_login(house: House) -> None:
    client = await house.visitor()
    for path in ("me", "queue", "callbacks", "agents", "ws", "handovers/1"):
        assert (await client.get(f"/api/desk/{path}")).status == 401, path


async def test_a_changing_request_needs_the_csrf_token(house: House) -> None:
    page = await AgentPage.login(house, "8001")
    answer = await page.client.put("/api/desk/presence", json={"state": "ready"})
    assert (answer.status, (await answer.json())["error"]["code"]) == (403, "csrf")


async def test_only_those_who_oversee_see_every_agent(house: House) -> None:
    agent = await AgentPage.login(house, "8001")
    await agent.do("GET", "agents", status=403)
    chief = await AgentPage.login(house, "9001", "supervisor")
    found = await chief.do("GET", "agents")
    assert {"id": "8001", "role": "agent", "presence": "offline", "handover": None} in found["agents"]


async def test_a_page_from_elsewhere_is_refused(house: House) -> None:
    page = await AgentPage.login(house, "8001")
    answer = await page.client.get(
        "/api/desk/ws",
        headers={
            "Origin": "https://elsewhere.example",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    assert answer.status == 403


async def test_logging_out_ends_the_session_everywhere(house: House) -> None:
    page = await AgentPage.login(house, "8001")
    await page.do("POST", "logout")
    assert (await page.client.get("/api/desk/me")).status == 401


async def test_a_call_pops_is_accepted_put_through_saved_and_filed(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await node.call()
    await node.wait("expect")
    await node.final("我要投诉工地太吵")
    await node.said("什么地方")
    await node.final("公积金怎么提取", start_ms=4000)
    await node.said("网上提取")
    await node.final("人工", start_ms=7000)

    pop = (await page.next("offer"))["pop"]
    assert pop["caller"] == "138****0000"
    assert (pop["channel"], pop["reason"], pop["emergency"]) == ("phone", "asked", False)
    assert next(item["text"] for item in pop["transcript"] if item["from"] == "citizen") == "我要投诉工地太吵"
    event = pop["ticket"]["elements"]["event"]
    assert event["text"] == event["source"][0]["text"] == "我要投诉工地太吵"
    turns = {item["turn"] for item in pop["transcript"] if item["from"] == "citizen"}
    assert event["source"][0]["turn_id"] in turns
    assert pop["suggestions"] == [ENTRY]

    handover = pop["handover"]
    accepted = await page.do("POST", f"handovers/{handover}/accept")
    assert accepted["status"] == "accepted"
    transfer = await node.wait("transfer")
    assert (transfer.target, transfer.mode) == ("sip:8001@127.0.0.1:5070", "bridge")
    await node.transfer("ringing", transfer.id, code=180)
    assert (await page.next("phone"))["state"] in {"idle", "ringing"}
    await node.transfer("connected", transfer.id, code=200)
    while (await page.next("phone"))["state"] != "connected":
        pass

    body = {"type": "complaint", "elements": {"place": {"text": "赤坎区海滨大道", "status": "filled"}}}
    saved = await page.do("PUT", f"handovers/{handover}/elements", body)
    assert saved["elements"]["place"]["set_by"] == "agent"
    assert saved["elements"]["event"]["set_by"] == "bot"
    filed = await page.do("POST", f"handovers/{handover}/file")
    assert (await page.do("POST", f"handovers/{handover}/file"))["no"] == filed["no"]
    await node.transfer("ended", transfer.id)
    farewell = await node.said("再见")
    assert filed["no"] in farewell.text.replace("，", "")
    assert (await node.wait("hangup")).reason == "agent"
    assert (await page.next("ended"))["ended_by"] == "agent"
    await node.end(by="agent")
    await page.do("POST", f"handovers/{handover}/end")
    assert (await page.do("GET", "me"))["presence"] == "ready"
    assert await status_of(house) == ["ended"]


async def test_the_number_is_shown_only_for_a_reason_and_on_record(house: House, node: ScriptedNode) -> None:
    page, other = await AgentPage.login(house, "8001"), await AgentPage.login(house, "8002")
    await page.ready()
    await hand_over(house, node)
    handover = (await page.next("offer"))["pop"]["handover"]
    await page.do("POST", f"handovers/{handover}/number", {"reason": ""}, status=400)
    await other.do("POST", f"handovers/{handover}/number", {"reason": "好奇一下"}, status=403)
    await other.do("GET", f"handovers/{handover}", status=403)
    shown = await page.do("POST", f"handovers/{handover}/number", {"reason": "核对联系方式"})
    assert shown["number"] == "13800000000"
    async with house.database.connect() as connection:
        rows = (await connection.execute(select(audit).where(audit.c.action == "number.shown"))).all()
    assert [(row.by, row.subject, row.detail) for row in rows] == [("8001", handover, "核对联系方式")]


async def test_an_agent_who_does_not_answer_is_passed_over(house: House, node: ScriptedNode) -> None:
    first, second = await AgentPage.login(house, "8001"), await AgentPage.login(house, "8002")
    await first.ready()
    house.clock.advance(1)
    await second.ready()
    await hand_over(house, node)
    handover = (await first.next("offer"))["pop"]["handover"]
    await house.tick(19)
    assert await status_of(house) == ["offered"]
    await house.tick(1)
    assert (await first.next("withdrawn"))["reason"] == "timeout"
    assert (await first.next("presence"))["state"] == "busy"
    assert (await second.next("offer"))["pop"]["handover"] == handover
    await first.do("POST", f"handovers/{handover}/accept", status=409)
    await second.do("POST", f"handovers/{handover}/accept")


async def test_with_nobody_logged_in_a_callback_is_promised_and_the_call_ends(house: House, node: ScriptedNode) -> None:
    await hand_over(house, node)
    await node.said("已为您登记回拨")
    assert (await node.wait("hangup")).reason == "bot"
    async with house.database.connect() as connection:
        row = (await connection.execute(select(callbacks))).one()
    assert (row.reason, row.status) == ("no_agent", "open")
    assert "13800000000" not in row.number_enc
    page = await AgentPage.login(house, "8001")
    listed = (await page.do("GET", "callbacks"))["callbacks"]
    assert [(one["id"], one["caller"]) for one in listed] == [(row.id, "138****0000")]
    assert (await page.do("POST", f"callbacks/{row.id}/number", {"reason": "回拨"}))["number"] == "13800000000"
    await page.do("POST", f"callbacks/{row.id}/done")
    assert (await page.do("GET", "callbacks"))["callbacks"][0]["status"] == "done"


async def test_a_caller_waits_in_the_queue_and_is_not_kept_for_ever(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001")
    await page.do("PUT", "presence", {"state": "busy"})
    await hand_over(house, node)
    await node.said("您是下一位")
    await node.silent(1)
    await node.wait("say", count=4)
    await house.tick(59)
    assert not node.all("hangup")
    await house.tick(1)
    await node.said("已为您登记回拨")
    await node.wait("hangup")


async def test_an_emergency_while_waiting_goes_first(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001")
    await page.do("PUT", "presence", {"state": "busy"})
    await hand_over(house, node)
    house.clock.advance(5)
    await node.call("c2")
    await node.wait("expect", call="c2")
    await node.final("人工", "c2")
    await node.wait("say", call="c2", count=2)
    await node.partial("煤气漏了", "c2", start_ms=9000)
    await node.said("关阀")
    await until(lambda: any(one["emergency"] for one in house.gateway.desk.queue_json()["waiting"]))
    await page.ready()
    pop = (await page.next("offer"))["pop"]
    assert (pop["emergency"], pop["emergency_number"], pop["reason"]) == (True, "119", "emergency")


async def test_a_phone_that_cannot_be_reached_is_explained(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001", sip="")
    await page.ready()
    await hand_over(house, node)
    handover = (await page.next("offer"))["pop"]["handover"]
    pop = await page.do("POST", f"handovers/{handover}/accept")
    assert pop["phone"]["state"] == "failed"
    assert "./hotline phone --agent 8001" in pop["phone"]["hint"]


async def test_a_phone_that_stays_dead_gives_the_caller_to_somebody_else(house: House, node: ScriptedNode) -> None:
    page, other = await AgentPage.login(house, "8001"), await AgentPage.login(house, "8002")
    await page.ready()
    await hand_over(house, node)
    handover = (await page.next("offer"))["pop"]["handover"]
    await page.do("POST", f"handovers/{handover}/accept")
    transfer = await node.wait("transfer")
    await node.transfer("failed", transfer.id, code=480)
    await node.said("没有接通")
    await page.do("POST", f"handovers/{handover}/redial")
    again = await node.wait("transfer", count=2)
    assert again.id != transfer.id
    await node.transfer("failed", again.id, code=480)
    await until(lambda: house.gateway.desk.live[handover].phone.state == "failed")
    await other.ready()
    await house.tick(20)
    assert (await other.next("offer"))["pop"]["handover"] == handover


async def test_a_caller_who_hangs_up_takes_the_pop_away(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await hand_over(house, node)
    await page.next("offer")
    await node.end()
    assert (await page.next("withdrawn"))["reason"] == "citizen_left"
    assert await status_of(house) == ["abandoned"]


async def test_after_a_talk_the_agent_has_time_for_the_form_and_is_then_ready_again(
    house: House, node: ScriptedNode
) -> None:
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await hand_over(house, node)
    handover = (await page.next("offer"))["pop"]["handover"]
    await page.do("POST", f"handovers/{handover}/accept")
    await node.wait("transfer")
    await node.end()
    await page.next("ended")
    await house.tick(19)
    assert (await page.do("GET", "me"))["presence"] == "busy"
    await house.tick(1)
    assert (await page.do("GET", "me"))["presence"] == "ready"
    body = {"elements": {"event": {"text": "路灯坏了", "status": "filled"}}}
    saved = await page.do("PUT", f"handovers/{handover}/elements", body)
    assert saved["elements"]["event"]["text"] == "路灯坏了"
    assert (await page.do("POST", f"handovers/{handover}/file"))["told"] is False


async def test_declining_asks_the_next_agent(house: House, node: ScriptedNode) -> None:
    first, second = await AgentPage.login(house, "8001"), await AgentPage.login(house, "8002")
    await first.ready()
    house.clock.advance(1)
    await second.ready()
    await hand_over(house, node)
    handover = (await first.next("offer"))["pop"]["handover"]
    await first.do("POST", f"handovers/{handover}/decline")
    assert (await second.next("offer"))["pop"]["handover"] == handover


async def test_an_agent_whose_page_is_gone_is_not_asked(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await page.leave()
    await until(lambda: not house.gateway.desk.hub.present())
    await house.tick()
    await house.tick(15)
    await hand_over(house, node)
    await node.said("已为您登记回拨")


@pytest.mark.parametrize("said", ["投诉物业", ""])
async def test_a_ticket_can_be_made_from_nothing_or_from_the_draft(house: House, node: ScriptedNode, said: str) -> None:
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await node.call()
    await node.wait("expect")
    if said:
        await node.final(said)
        await node.said("什么地方")
    await node.final("人工", start_ms=5000)
    pop = (await page.next("offer"))["pop"]
    assert bool(pop["ticket"]["ticket"]) is bool(said)
    await page.do("POST", f"handovers/{pop['handover']}/accept")
    body = {"elements": {"demand": {"text": "", "status": "declined", "reason": "来电人不愿说"}}}
    saved = await page.do("PUT", f"handovers/{pop['handover']}/elements", body)
    assert saved["elements"]["demand"]["reason"] == "来电人不愿说"
    assert len((await page.do("POST", f"handovers/{pop['handover']}/file"))["no"]) == 13


@pytest.mark.parametrize("bridged", [True, False])
async def test_a_talk_with_an_agent_outlives_the_gateway(begin: Begin, bridged: bool) -> None:
    first = await begin()
    node = await ScriptedNode.link(first.node, first.settings.secret("node"))
    page = await AgentPage.login(first, "8001")
    await page.ready()
    await hand_over(first, node)
    await page.do("POST", f"handovers/{(await page.next('offer'))['pop']['handover']}/accept")
    transfer = await node.wait("transfer")
    await node.transfer("connected", transfer.id, code=200)
    while (await page.next("phone"))["state"] != "connected":
        pass
    await node.close()
    await first.stop()

    second = await begin()
    other = await AgentPage.login(second, "8002")
    await other.ready()
    live = LiveCall(call="c1", number="13800000000", restricted=False, last_seq_seen=9, bridged=bridged)
    node = await ScriptedNode.link(second.node, second.settings.secret("node"), live=(live,))
    if bridged:
        await node.transfer("ended", transfer.id)
        await node.said("再见")
        await node.wait("hangup")
    else:
        await node.said("重新转接")
        assert (await other.next("offer"))["pop"]["status"] == "offered"
    await node.close()


async def test_a_caller_who_waits_outlives_the_gateway_or_is_called_back(begin: Begin) -> None:
    first = await begin()
    node = await ScriptedNode.link(first.node, first.settings.secret("node"))
    page = await AgentPage.login(first, "8001")
    await page.do("PUT", "presence", {"state": "busy"})
    await hand_over(first, node, call="stays")
    await node.call("goes")
    await node.wait("expect", call="goes")
    await node.final("人工", "goes")
    await until(lambda: len(first.gateway.desk.live) == 2)
    await node.close()
    await first.stop()

    second = await begin()
    live = LiveCall(call="stays", number="13800000000", restricted=False, last_seq_seen=9)
    node = await ScriptedNode.link(second.node, second.settings.secret("node"), live=(live,))
    await second.tick()
    assert await status_of(second) == ["waiting", "waiting"]
    other = await AgentPage.login(second, "8002")
    await other.do("PUT", "presence", {"state": "busy"})
    await second.tick(15)
    assert sorted(await status_of(second)) == ["callback", "waiting"]
    async with second.database.connect() as connection:
        assert list((await connection.execute(select(callbacks.c.reason))).scalars()) == ["lost"]
    await other.ready()
    assert (await other.next("offer"))["pop"]["caller"] == "138****0000"
    await node.close()
