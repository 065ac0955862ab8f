"""The main job with real parts: SIP, RTP, recogniser, Rasa, database, desk."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from config.clock import SystemClock, local
from tests.e2e.instance import Agent, Hotline

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

COMPLAINT = (
    "我要投诉",
    "昨天晚上十点半赤坎区海滨大道的工地一直施工，吵得睡不着",
    "我姓王",
    "希望尽快停工",
    "对",
)


def call(hotline: Hotline, *arguments: str) -> Any:
    return hotline.json("call", *arguments, timeout_s=200)


def say(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--say", text)]


async def chat(hotline: Hotline, text: str) -> dict[str, Any]:
    """Ask in the web chat; the first message of the bot that comes after it."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{hotline.web}api/chat/session", json={}) as answer:
            assert answer.status == 200
        async with session.ws_connect(f"{hotline.web}api/chat/ws", origin=hotline.web.rstrip("/")) as socket:
            assert (await socket.receive_json(timeout=10))["type"] == "ready"
            await socket.send_json({"type": "say", "id": "q1", "text": text})
            while True:
                frame = await socket.receive_json(timeout=15)
                if frame["type"] == "message" and frame["message"]["from"] == "bot":
                    message: dict[str, Any] = frame["message"]
                    return message


def test_a_question_gets_the_same_entry_by_phone_and_by_chat(hotline: Hotline) -> None:
    question = "请问公积金怎么提取"
    heard = call(hotline, *say(question))
    assert heard["sip"] == 200
    assert heard["admission"] == "normal"
    answered = [turn for turn in heard["turns"] if turn["reply"]["entry_id"]]
    assert answered, heard["turns"]
    reply = answered[0]["reply"]
    assert answered[0]["heard"]["ms"] > 1000
    assert -26 < answered[0]["heard"]["dbfs"] < -14
    message = asyncio.run(chat(hotline, question))
    assert message["entry"] == {"id": reply["entry_id"], "version": reply["version"]}


def test_a_spoken_complaint_becomes_a_five_element_ticket(hotline: Hotline) -> None:
    heard = call(hotline, *say(*COMPLAINT), "--from", "13800000011")
    assert heard["ticket"], heard["turns"]
    ticket = hotline.json("ticket", "show", heard["ticket"])
    assert ticket["type"] == "complaint"
    elements = ticket["elements"]
    yesterday = local(SystemClock().now()).date() - timedelta(days=1)
    time = elements["time"]["value"]
    assert time["start"].startswith(f"{yesterday.isoformat()}T22:30")
    assert time["ongoing"] is True
    assert time["end"] is None
    place = elements["place"]["value"]
    assert place["district"] == "赤坎区"
    assert place["city"] == "湛江市"
    assert {"field": "city", "value": "湛江市", "from": "gazetteer"} in place["derived"]
    assert elements["person"]["value"]["caller_name"].startswith("王")
    assert all(elements[name]["status"] == "filled" for name in ("time", "place", "person", "event", "demand"))
    assert all(elements[name]["source"] for name in elements)


@pytest.fixture
def waiting_agent(hotline: Hotline, agent: Agent) -> Iterator[Any]:
    """``./hotline desk``: ready, and takes the next hand-over."""
    desk = hotline.start("desk", "--agent", agent.id, "--json", "--seconds", "60")
    try:
        yield desk
    finally:
        if desk.poll() is None:
            desk.terminate()
        desk.communicate(timeout=20)


async def wait_until_ready(hotline: Hotline) -> None:
    token = (hotline.data / "secrets" / "operator").read_text(encoding="ascii").strip()
    url = f"http://127.0.0.1:{hotline.setting('operator_port')}/metrics"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for _ in range(150):
            async with session.get(url) as answer:
                if "hotline_ready_agents 1.0" in await answer.text():
                    return
            await asyncio.sleep(0.2)
    raise AssertionError("the agent never became ready")


def test_key_zero_reaches_an_agent_and_both_hear_each_other(hotline: Hotline, waiting_agent: Any) -> None:
    asyncio.run(wait_until_ready(hotline))
    heard = call(hotline, "--dtmf", "0", "--from", "13800000012")
    assert heard["transfer"] is not None
    assert heard["transfer"]["agent"] == "8001"
    assert heard["transfer"]["heard_both_ways"] is True
    pop = json.loads(waiting_agent.communicate(timeout=60)[0])
    assert pop["channel"] == "phone"
    assert pop["caller"] == "138****0012"
    assert pop["phone"]["answered"] is True


@pytest.mark.parametrize("before", [(), ("我要投诉",)], ids=["first", "in the form"])
def test_an_emergency_is_heard_in_the_same_turn(hotline: Hotline, before: tuple[str, ...]) -> None:
    heard = call(hotline, *say(*before, "家里煤气泄漏了"))
    assert heard["emergency"] is True
    last = [turn for turn in heard["turns"] if turn["said"]][-1]
    assert any(number in last["reply"]["text"] for number in ("119", "110", "120"))


def test_a_restricted_number_hears_the_notice_until_it_is_lifted(hotline: Hotline, officer: str) -> None:
    number = "13800000013"
    decided = ("--ground", "harass", "--evidence", "录音三段，反复辱骂", "--by", officer)
    hotline.json("restrict", "add", number, *decided)
    held = call(hotline, *say("请问公积金怎么提取"), "--from", number)
    assert held["admission"] == "restricted"
    assert held["ended_by"] == "policy"
    assert not any(turn["reply"]["entry_id"] for turn in held["turns"])
    emergency = call(hotline, *say("家里煤气泄漏了"), "--from", number)
    assert emergency["emergency"] is True
    hotline.json("restrict", "lift", number, "--by", officer, "--reason", "申诉成立")
    free = call(hotline, *say("请问公积金怎么提取"), "--from", number)
    assert free["admission"] == "normal"
    assert any(turn["reply"]["entry_id"] for turn in free["turns"])
