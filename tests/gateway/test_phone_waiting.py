"""Waiting for a person on the phone: place and time, hold audio, a callback by key, the next agent, never a dead end."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from config.settings import Settings
from desk.contract import QueueState
from gateway.phone_line import LONG_WAIT_S, transfer_mode, waiting_text
from ivr.protocol import RecordingPause
from store.schema import callbacks, handovers
from tests.gateway.conftest import House, until
from tests.gateway.scripted_node import ScriptedNode
from tests.gateway.test_desk_over_http import AgentPage, hand_over, status_of


async def busy_agent(house: House) -> AgentPage:
    page = await AgentPage.login(house, "8001")
    await page.do("PUT", "presence", {"state": "busy"})
    return page


async def past_talks(house: House, minutes: list[int]) -> None:
    """Talks of so many minutes that ended just now, of conversations long closed."""
    async with house.database.connect() as connection:
        conversation = (await connection.execute(select(handovers.c.conversation_id))).scalar()
    async with house.database.begin() as connection:
        for number, lasted in enumerate(minutes):
            ended = house.clock.now() - timedelta(seconds=number)
            row = {
                "id": f"past-{number}",
                "conversation_id": conversation,
                "reason": "asked",
                "status": "ended",
                "agent_id": "8001",
                "created_at": ended - timedelta(minutes=lasted, seconds=30),
                "accepted_at": ended - timedelta(minutes=lasted),
                "ended_at": ended,
            }
            await connection.execute(insert(handovers).values(**row))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (QueueState(0), "正在为您转接话务员，请稍候。"),
        (QueueState(1), "话务员都在忙，您是下一位，请稍候。"),
        (QueueState(3), "话务员都在忙，您前面还有2位，请稍候。"),
        (QueueState(3, wait_s=61.0), "话务员都在忙，您前面还有2位，请稍候。预计还要等大约2分钟。"),
        (QueueState(1, wait_s=5.0), "话务员都在忙，您是下一位，请稍候。预计还要等大约1分钟。"),
        (QueueState(9, wait_s=LONG_WAIT_S + 1), "话务员都在忙，您前面还有8位，请稍候。现在来电较多，需要等较长时间。"),
    ],
)
def test_what_a_waiting_caller_is_told(state: QueueState, said: str) -> None:
    assert waiting_text(state) == said


async def test_hold_audio_plays_and_the_place_is_told_over_it(house: House, node: ScriptedNode) -> None:
    page = await busy_agent(house)
    await hand_over(house, node)
    assert (await node.wait("hold.audio")).on
    told = await node.said("您是下一位")
    assert "分钟" not in told.text, "no time is made up without talks to tell it from"
    assert "按1" in told.text
    assert (await node.wait("expect", no_input_s=20.0)).call == "c1"
    await node.silent(1)
    await until(lambda: sum("您是下一位" in text for text in node.texts) == 2)
    assert (await page.do("GET", "me"))["presence"] == "busy"


async def test_the_time_is_estimated_from_recent_talks_and_the_agents_on_duty(house: House, node: ScriptedNode) -> None:
    page = await busy_agent(house)
    await hand_over(house, node)
    await node.said("您是下一位")
    await past_talks(house, [4, 4, 4, 4, 4])
    house.clock.advance(31)
    await node.call("c2")
    await node.wait("expect", call="c2")
    await node.final("人工", "c2")
    assert "大约8分钟" in (await node.said("您前面还有1位")).text
    other = await AgentPage.login(house, "8002")
    await other.do("PUT", "presence", {"state": "busy"})
    await node.silent(1, "c2")
    await node.said("大约4分钟")
    assert (await page.do("GET", "me"))["presence"] == "busy"


async def test_a_key_asks_for_a_callback_instead_of_waiting(house: House, node: ScriptedNode) -> None:
    page = await busy_agent(house)
    await hand_over(house, node)
    await node.said("按1")
    await node.key("5")
    await node.key("1")
    await node.said("好的，已为您登记回拨")
    assert (await node.wait("hangup")).reason == "bot"
    async with house.database.connect() as connection:
        row = (await connection.execute(select(callbacks))).one()
    assert (row.reason, row.status, house.vault.decrypt(row.number_enc)) == ("asked", "open", "13800000000")
    assert await status_of(house) == ["callback"]
    assert (await page.do("GET", "me"))["presence"] == "busy"


async def test_without_a_number_no_callback_is_offered_nor_made(house: House, node: ScriptedNode) -> None:
    page = await busy_agent(house)
    await node.call(number=None)
    await node.wait("expect")
    await node.final("人工")
    assert "按1" not in (await node.said("您是下一位")).text
    await node.key("1")
    await node.said("现在不能登记回拨")
    assert not node.all("hangup")
    assert await status_of(house) == ["waiting"]
    assert (await page.do("GET", "me"))["presence"] == "busy"


async def test_an_emergency_is_not_put_off_to_a_callback(house: House, node: ScriptedNode) -> None:
    page = await busy_agent(house)
    await node.call()
    await node.wait("expect")
    await node.partial("煤气漏了")
    assert "按1" not in (await node.said("您是下一位")).text
    await node.key("1")
    await node.said("现在不能登记回拨")
    assert await status_of(house) == ["waiting"]
    assert (await page.do("GET", "me"))["presence"] == "busy"


@pytest.mark.parametrize("code", [404, 408, 480, 486, 603])
async def test_a_phone_that_does_not_take_the_call_gives_it_to_the_next_agent_at_once(
    house: House, node: ScriptedNode, code: int
) -> None:
    first, second = await AgentPage.login(house, "8001"), await AgentPage.login(house, "8002")
    await first.ready()
    house.clock.advance(1)
    await second.ready()
    await hand_over(house, node)
    handover = (await first.next("offer"))["pop"]["handover"]
    await first.do("POST", f"handovers/{handover}/accept")
    transfer = await node.wait("transfer")
    await node.transfer("failed", transfer.id, code=code)
    await node.said("正在为您转接其他话务员")
    assert (await second.next("offer"))["pop"]["handover"] == handover
    assert (await first.do("GET", "me"))["presence"] == "busy"
    await second.do("POST", f"handovers/{handover}/accept")
    assert (await node.wait("transfer", count=2)).target.startswith("sip:8002@")


async def test_an_agent_who_is_cut_off_is_explained_and_the_caller_is_queued_again(
    house: House, node: ScriptedNode
) -> None:
    first, second = await AgentPage.login(house, "8001"), await AgentPage.login(house, "8002")
    await first.ready()
    await hand_over(house, node)
    handover = (await first.next("offer"))["pop"]["handover"]
    await first.do("POST", f"handovers/{handover}/accept")
    transfer = await node.wait("transfer")
    await node.transfer("connected", transfer.id, code=200)
    while (await first.next("phone"))["state"] != "connected":
        pass
    holding = len(node.all("hold.audio", on=True))
    await node.transfer("failed", transfer.id, code=408)
    await node.said("与话务员的通话中断了")
    await node.wait("hold.audio", count=holding + 1, on=True)
    assert "话务员的电话暂时没有接通" not in "".join(node.texts)
    await second.ready()
    assert (await second.next("offer"))["pop"]["handover"] == handover


async def test_agents_who_fail_one_after_the_other_are_no_loop(house: House) -> None:
    pages = [await AgentPage.login(house, f"800{number}") for number in range(1, 6)]
    node = await ScriptedNode.link(house.node, house.settings.secret("node"))
    for page in pages:
        await page.ready()
        house.clock.advance(1)
    await hand_over(house, node)
    for number, page in enumerate(pages, start=1):
        handover = (await page.next("offer"))["pop"]["handover"]
        await page.do("POST", f"handovers/{handover}/accept")
        transfer = await node.wait("transfer", count=number)
        house.clock.advance(15)
        await node.transfer("failed", transfer.id, code=486)
        if number < len(pages):
            await until(lambda: house.gateway.desk.live[handover].handover.status.value == "offered")  # noqa: B023
    await until(lambda: house.gateway.desk.live[handover].phone.state == "failed")
    await house.tick(20)
    await house.tick(40)
    await node.said("已为您登记回拨")
    await node.wait("hangup")
    await node.close()


async def test_three_at_night_with_nobody_logged_in_is_a_callback_and_a_promise_not_a_loop(
    house: House, node: ScriptedNode
) -> None:
    house.clock.advance(17 * 3600)  # 03:00 in Asia/Shanghai
    await hand_over(house, node)
    await node.said("现在没有空闲的话务员，已为您登记回拨")
    await node.wait("hangup")
    assert sum("正在为您转人工" in text for text in node.texts) == 1
    assert len(node.all("hangup")) == 1
    async with house.database.connect() as connection:
        assert [(row.reason, row.status) for row in await connection.execute(select(callbacks))] == [
            ("no_agent", "open")
        ]


async def test_secrets_are_blotted_out_of_the_recording_from_their_first_word(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.partial("我的身份证号是110101", start_ms=4000)
    await node.partial("我的身份证号是110101199003072316", start_ms=4000)
    pause = await node.wait("recording.pause")
    assert isinstance(pause, RecordingPause)
    assert pause.from_ms == 4000
    assert not node.all("recording.resume")
    await node.final("我的身份证号是110101199003072316", start_ms=4000)
    await node.wait("recording.resume")
    await node.final("公积金怎么提取", start_ms=9000)
    await node.said("网上提取")
    assert len(node.all("recording.pause")) == len(node.all("recording.resume")) == 1


async def test_what_is_called_a_state_secret_is_blotted_out_of_the_recording(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.partial("我手上有一份国家秘密的材料", start_ms=4000)
    pause = await node.wait("recording.pause")
    assert isinstance(pause, RecordingPause)
    assert pause.from_ms == 4000
    await node.final("我手上有一份国家秘密的材料，写的是海滨路的仓库", start_ms=4000)
    await node.wait("recording.resume")


async def test_a_secret_heard_only_at_the_end_is_blotted_out_too(house: House, node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.final("验证码是839201", start_ms=4000)
    assert (await node.wait("recording.pause")).from_ms == 4000
    await node.wait("recording.resume")


def test_how_a_target_is_reached_is_a_setting_with_exceptions(settings: Settings) -> None:
    assert transfer_mode(settings, "sip:8001@10.0.0.9:5070") == "bridge"
    listed = settings.model_copy(update={"transfer_modes": {"pbx.example": "refer", "sip:1@pbx.example": "bridge"}})
    assert transfer_mode(listed, "sip:8001@pbx.example:5070") == "refer"
    assert transfer_mode(listed, "sip:1@pbx.example") == "bridge"
    assert transfer_mode(listed, "sip:8001@10.0.0.9") == "bridge"
    all_refer = settings.model_copy(update={"transfer_mode": "refer"})
    assert transfer_mode(all_refer, "sip:8001@10.0.0.9") == "refer"
