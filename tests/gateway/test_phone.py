"""The phone channel over a real WebSocket: what a node sends, and what it is told to say."""

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from ivr.protocol import CallOffered, LiveCall
from tests.gateway.conftest import House, until
from tests.gateway.scripted_dialog import ANSWER, GREETING
from tests.gateway.scripted_node import ScriptedNode

Begin = Callable[[], Awaitable[House]]


async def test_a_call_is_greeted_and_its_question_answered(house: House, node: ScriptedNode) -> None:
    await node.call()
    assert (await node.wait("say")).text == GREETING
    assert (await node.wait("expect")).state == "open"
    await node.final("公积金怎么提取")
    assert (await node.said(ANSWER)).barge_in
    assert [frame.seq for frame in node.frames if getattr(frame, "call", "")] == [1, 2, 3, 4]


async def test_a_node_without_the_secret_is_refused(house: House) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await ScriptedNode.link(house.node, "wrong")
    assert refused.value.status == 403


async def test_an_emergency_is_answered_while_it_is_still_being_said(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.partial("家里煤气")
    advice = await node.said("关阀")
    assert not advice.barge_in
    assert node.frames.index(node.all("stop_saying")[0]) < node.frames.index(advice)
    await node.final("家里煤气泄漏了")
    await node.wait("expect", count=3)
    assert house.dialog.heard == ["家里煤气"]


async def test_key_0_reaches_a_person_before_the_greeting_has_ended(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.key("0")
    await node.said("正在为您转人工")
    assert node.all("stop_saying")
    assert house.dialog.heard == ["0"]


async def test_digits_are_gathered_where_a_number_is_expected(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.final("查编号")
    await node.wait("expect", state="digits")
    for digit in "2040#":
        await node.key(digit)
    await node.said("没有听懂")
    assert house.dialog.heard[-1] == "2040"


async def test_only_the_newest_of_several_answers_is_spoken(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    house.dialog.gate.clear()
    await node.final("第一句", start_ms=1000)
    await node.final("公积金", start_ms=3000)
    await until(lambda: house.dialog.heard == ["第一句"])
    house.dialog.gate.set()
    await node.said(ANSWER)
    assert house.dialog.heard == ["第一句", "公积金"]
    assert "没有听懂。" not in node.texts


async def test_silence_is_asked_about_and_then_handed_over(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.silent(1)
    await node.said("您还在吗")
    await node.silent(3)
    await node.said("正在为您转人工")


async def test_a_broken_core_means_a_person(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    house.dialog.broken = True
    await node.final("公积金")
    await node.said("系统出了点问题")
    await house.tick()
    await node.said("已为您登记回拨")
    assert (await node.wait("hangup")).reason == "bot"


async def test_goodbye_ends_the_call_and_closes_the_conversation(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.final("再见")
    await node.wait("hangup")
    await node.end(by="bot")
    await until(lambda: house.dialog.closed)
    assert house.dialog.closed[0][1] == "bot"


async def test_a_restricted_caller_is_not_greeted_but_an_emergency_is_heard(house: House, node: ScriptedNode) -> None:
    await node.call(restricted=True)
    await node.partial("煤气漏了")
    await node.said("关阀")
    assert GREETING not in node.texts


async def test_a_node_that_comes_back_gets_what_it_missed(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.close()
    live = LiveCall(call="c1", number="13800000000", restricted=False, last_seq_seen=1)
    again = await ScriptedNode.link(house.node, house.settings.secret("node"), live=(live,))
    assert (await again.wait("welcome")).resume == ("c1",)
    assert (await again.wait("expect")).seq == 2
    assert not again.all("say")
    await again.close()


async def test_a_restarted_gateway_goes_on_from_the_database(begin: Begin) -> None:
    first = await begin()
    node = await ScriptedNode.link(first.node, first.settings.secret("node"))
    await node.call()
    await node.wait("expect")
    await node.close()
    await first.stop()
    first.clock.advance(4)
    second = await begin()
    live = (
        LiveCall(call="c1", number="13800000000", restricted=False, last_seq_seen=2),
        LiveCall(call="never-heard-of", number=None, restricted=False, last_seq_seen=0),
    )
    node = await ScriptedNode.link(second.node, second.settings.secret("node"), live=live)
    welcome = await node.wait("welcome")
    assert (welcome.resume, welcome.release) == (("c1",), ("never-heard-of",))
    await node.final("公积金怎么提取")
    assert (await node.said(ANSWER)).seq == 3
    timeline = await second.gateway.phone.timeline("c1")
    assert timeline is not None
    assert [(turn.said, turn.at_ms) for turn in timeline.turns] == [("", 0), ("公积金怎么提取", 4000)]
    await node.close()


async def test_a_call_that_is_gone_when_its_node_returns_is_closed(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.close()
    again = await ScriptedNode.link(house.node, house.settings.secret("node"))
    await house.gateway.link.drop_lost()
    assert not house.dialog.closed
    house.clock.advance(3)
    await house.gateway.link.drop_lost()
    await until(lambda: house.dialog.closed)
    assert house.dialog.closed[0][1] == "fault"
    await again.close()


async def test_a_caller_who_hung_up_while_the_link_was_cut_has_hung_up(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.close()
    again = await ScriptedNode.link(house.node, house.settings.secret("node"))
    again.seq["c1"] = 1
    await again.end()
    await until(lambda: house.dialog.closed)
    assert house.dialog.closed[0][1] == "caller"
    await again.close()


async def test_a_call_that_ended_while_no_gateway_was_there_is_closed(begin: Begin) -> None:
    first = await begin()
    node = await ScriptedNode.link(first.node, first.settings.secret("node"))
    await node.call()
    await node.wait("expect")
    await node.close()
    await first.stop()
    second = await begin()
    node = await ScriptedNode.link(second.node, second.settings.secret("node"))
    await node.end()
    await until(lambda: second.dialog.closed)
    assert second.dialog.closed[0][1] == "caller"
    await node.close()


async def test_an_offered_call_is_admitted(house: House, node: ScriptedNode) -> None:
    await node.raw(CallOffered(call="c9", number="13800000000").model_dump_json())
    await node.wait("admit", call="c9")


async def test_a_frame_that_breaks_the_protocol_does_not_end_the_link(house: House, node: ScriptedNode) -> None:
    await node.raw('{"type": "nonsense"}')
    await node.call()
    await node.wait("say")
