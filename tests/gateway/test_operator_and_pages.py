"""The operator interface, the pages' headers, and the restriction table on its way to the nodes."""

from datetime import timedelta
from typing import Any

import aiohttp

from callers.restrictions import Restrictions
from config.rulebook import load_rulebook
from dialog.incidents import IncidentLists
from gateway.pages import NOT_BUILT
from ivr.emergency_words import EmergencyWords
from ivr.protocol import CallbackRecorded, CallOffered
from tests.gateway.conftest import House, until
from tests.gateway.scripted_dialog import ANSWER
from tests.gateway.scripted_node import ScriptedNode


async def ask(house: House, path: str, token: str = "", method: str = "GET", body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token or house.settings.secret('operator')}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, house.operator.make_url(path), json=body) as answer,
    ):
        plain = answer.content_type != "application/json"
        return answer.status, await (answer.text() if plain else answer.json())


async def test_nothing_is_told_without_the_operators_token(house: House) -> None:
    for path in ("/health", "/metrics", "/operator/calls/c1"):
        assert (await ask(house, path, "wrong"))[0] == 401


async def test_health_looks_at_the_work_and_forgives_what_may_be_away(house: House, node: ScriptedNode) -> None:
    status, found = await ask(house, "/health")
    assert (status, found["ok"], found["degraded"]) == (200, True, ["redis"])
    assert found["checks"]["nodes"]["detail"] == "n1"
    assert (await ask(house, "/health?require=redis"))[0] == 503
    await house.database.close()


async def test_a_core_that_answers_nothing_is_not_healthy(house: House) -> None:
    async def broken() -> str:
        raise RuntimeError("no answer")

    house.gateway._operator._health._checks["dialog"] = broken  # type: ignore[index]
    status, found = await ask(house, "/health")
    assert (status, found["ok"]) == (503, False)


async def test_a_call_is_told_by_its_id_while_it_lasts_and_after(house: House, node: ScriptedNode) -> None:
    await node.call("abc@127.0.0.1")
    await node.wait("expect")
    await node.final("公积金怎么提取", "abc@127.0.0.1")
    await node.said(ANSWER)
    await node.end("abc@127.0.0.1")
    await until(lambda: house.dialog.closed)
    status, told = await ask(house, "/operator/calls/abc%40127.0.0.1")
    assert status == 200
    assert (told["call"], told["admission"], told["ended_by"]) == ("abc@127.0.0.1", "normal", "caller")
    greeting, answer = told["turns"]
    assert (greeting["said"], answer["said"]) == ("", "公积金怎么提取")
    assert answer["reply"] == {"text": ANSWER, "speech": ANSWER, "entry_id": "gjj-1", "entry_version": 3, "choices": []}
    assert answer["stages"]["dialog_ms"] >= 0
    house.gateway.phone.timelines._calls.clear()
    status, kept = await ask(house, "/operator/calls/abc%40127.0.0.1")
    assert (kept["ended_by"], [turn["reply"] for turn in kept["turns"]]) == (
        "caller",
        [turn["reply"] for turn in told["turns"]],
    )
    assert (await ask(house, "/operator/calls/unknown"))[0] == 404


async def test_a_desk_session_is_given_to_the_operator(house: House) -> None:
    assert (await ask(house, "/operator/desk-token", method="POST", body={"agent": "8001"}))[0] == 404
    await house.account("8001")
    status, given = await ask(house, "/operator/desk-token", method="POST", body={"agent": "8001"})
    assert status == 200
    browser = await house.visitor()
    headers = {"Authorization": f"Bearer {given['token']}"}
    answer = await browser.put("/api/desk/presence", json={"state": "ready"}, headers=headers)
    assert (await answer.json()) == {"state": "ready"}


async def test_metrics_count_calls_and_name_nobody(house: House, node: ScriptedNode) -> None:
    await node.call(number="13800000000")
    await node.wait("expect")
    status, text = await ask(house, "/metrics")
    assert status == 200
    assert "hotline_live_calls 1.0" in text
    assert "13800000000" not in text


async def test_pages_carry_the_headers_that_keep_them_safe(house: House) -> None:
    browser = await house.visitor()
    for path in ("/", "/desk", "/desk/queue", "/api/city", "/nothing", "/assets/../desk.html"):
        answer = await browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    city = await (await browser.get("/api/city")).json()
    assert (city["city"], city["name"]) == ("zhanjiang", "湛江市")
    assert {"number": "119", "label": "燃气泄漏"} in city["emergency_numbers"] or city["emergency_numbers"]


async def test_pages_that_are_not_built_say_how(house: House, tmp_path: Any) -> None:
    house.gateway._pages._dist = tmp_path
    browser = await house.visitor()
    answer = await browser.get("/")
    assert (answer.status, await answer.text()) == (503, NOT_BUILT)


async def test_the_restriction_table_reaches_the_node_and_follows_changes(house: House, node: ScriptedNode) -> None:
    first = await node.wait("restrictions")
    assert (first.version, first.rows) == (0, ())
    assert "申诉" in first.notice
    await house.account("9001", "office", "")
    decisions = Restrictions(house.database, house.vault, house.clock, load_rulebook("zhanjiang"))
    await decisions.add("13800000000", "harass", "录音 1", "9001")
    second = await node.wait("restrictions", count=2)
    assert [row.number_key for row in second.rows] == [house.vault.key("13800000000")]
    await node.raw(CallOffered(call="c1", number="13800000000").model_dump_json())
    assert (await node.wait("admit_restricted", call="c1")).notice == first.notice
    await decisions.lift("13800000000", "9001", "申诉成立")
    assert (await node.wait("restrictions", count=3)).rows == ()


async def test_a_promise_made_by_a_node_is_taken_over_once(house: House, node: ScriptedNode) -> None:
    frame = CallbackRecorded(
        id="a" * 32, call="c7", number="13800000000", at="2023-04-03T02:00:00+00:00", promise="稍后回拨"
    )
    for count in (1, 2):
        await node.raw(frame.model_dump_json())
        assert (await node.wait("ack", count=count)).id == "a" * 32
    kept = await house.gateway.desk.handovers.callbacks()
    assert [(one["caller"], one["reason"], one["promise"]) for one in kept] == [
        ("138****0000", "gateway_away", "稍后回拨")
    ]


async def test_a_decided_list_of_emergencies_reaches_the_nodes_when_it_comes_into_force(
    house: House, node: ScriptedNode
) -> None:
    rulebook = load_rulebook(house.settings.city)
    await house.account("boss", "office", sip="")
    lists = IncidentLists(house.database, house.clock, house.settings.city)
    changed = tuple(one.model_copy(update={"cues": (*one.cues, "鱼排翻了")}) for one in rulebook.emergency)
    await lists.decide(changed, "boss", "增加海上养殖的说法", house.clock.now() + timedelta(hours=1))
    assert not await house.gateway.incidents.look()
    house.clock.advance(3600)
    await house.gateway.incidents.look()
    pushed = await node.wait("incidents")
    assert pushed.version == 1
    words = EmergencyWords(rulebook)
    assert words.find("我们鱼排翻了") is None
    words.replace(pushed)
    found = words.find("我们鱼排翻了")
    assert found is not None
    assert found.number == rulebook.emergency[0].number
    late = await ScriptedNode.link(house.node, house.settings.secret("node"), name="n2")
    assert (await late.wait("incidents")).version == 1
    await late.close()
