"""How long the bot may have a call, and callers for whom no recogniser was free."""

import pytest

from config.rulebook import list_cities, load_rulebook
from gateway.call_limits import END_TEXT, OVERFLOW_TEXT, WARNING_TEXT, LongestCall, overflow_opening
from tests.gateway.conftest import House, until
from tests.gateway.scripted_node import ScriptedNode


def test_a_call_is_warned_a_minute_before_its_end_and_each_only_once() -> None:
    longest = LongestCall(300)
    told = [(second, due) for second in range(0, 400) if (due := longest.due(second))]
    assert told == [(240, "warn"), (300, "end")]


def test_one_that_was_not_looked_at_in_time_still_has_its_minute() -> None:
    longest = LongestCall(300)
    told = [(second, due) for second in range(500, 700) if (due := longest.due(second))]
    assert told == [(500, "warn"), (560, "end")]


def test_without_a_limit_nothing_is_due() -> None:
    assert [LongestCall(0).due(second) for second in (0, 10_000)] == [None, None]


@pytest.mark.parametrize("city", list_cities())
def test_the_overflow_opening_is_the_greeting_without_its_question(city: str) -> None:
    opening = overflow_opening(load_rulebook(city).greeting)
    assert "12345热线" in opening
    assert "录音" in opening
    assert "？" not in opening
    assert opening.endswith(OVERFLOW_TEXT)


async def pass_time(house: House, seconds: float) -> None:
    house.clock.advance(seconds)
    house.gateway.phone.pass_time()


async def test_a_long_call_is_warned_and_ended(house: House, node: ScriptedNode) -> None:
    limit = house.settings.longest_call_s
    await node.call()
    await node.wait("expect")
    await pass_time(house, limit - 61)
    await pass_time(house, 1.5)
    await node.said(WARNING_TEXT)
    assert not node.all("hangup")
    await pass_time(house, 60)
    assert not (await node.said(END_TEXT)).barge_in
    assert (await node.wait("hangup")).reason == "bot"


async def test_a_call_in_an_emergency_or_waiting_for_a_person_is_not_ended(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.partial("家里煤气")
    await node.said("关阀")
    await node.call("c2")
    await node.key("0", call="c2")
    await until(lambda: any("转人工" in text for text in node.texts))
    for _ in range(3):
        await pass_time(house, house.settings.longest_call_s)
    assert END_TEXT not in node.texts
    assert WARNING_TEXT not in node.texts


async def test_without_a_recogniser_the_caller_goes_straight_to_the_queue(house: House, node: ScriptedNode) -> None:
    await house.account("8001")
    await node.call(overflow="queue")
    told = await node.said(OVERFLOW_TEXT)
    assert not told.barge_in
    assert "请问" not in told.text
    assert (await node.wait("expect")).state == "waiting"
    assert house.dialog.heard == []
    await house.tick()
    await node.said("已为您登记回拨")


async def test_after_the_notice_of_other_ways_key_0_reaches_a_person(house: House, node: ScriptedNode) -> None:
    await node.call(overflow="notice")
    await node.key("0")
    await node.said("正在为您转人工")
    assert not [text for text in node.texts if "请问" in text]
