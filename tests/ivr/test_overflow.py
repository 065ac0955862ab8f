"""Callers for whom no recogniser was free, and those still there when a node must leave; on a virtual clock."""

import asyncio
from pathlib import Path

from ivr.protocol import CallEnded, CallStarted, Dtmf, Expect, NoInput, SpeechFinal, SpeechPartial, Transfer
from tests.ivr.test_call_flow import PROMPTS, Call, play

NOTICE = "来电较多按0排队。"


def test_only_the_keys_of_a_caller_without_a_recogniser_are_heard(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("正在为您接通。")
        call.command(Expect(call="call-1", state="open"))
        await call.leg.until_heard("正在为您接通。")
        for _ in range(4):
            await call.leg.speak(1500)
            await asyncio.sleep(1)
        call.leg.press("1")
        await call.until(Dtmf)

    call = play(lambda: Call(tmp_path, "我要投诉", overflow="queue"), script)
    assert call.of(CallStarted)[0].overflow == "queue"
    assert not call.of(CallStarted)[0].restricted
    assert call.of(SpeechPartial) == []
    assert call.of(SpeechFinal) == []
    assert call.of(NoInput) != []
    assert call.leg.texts_heard[0] == "正在为您接通。"
    assert not {PROMPTS["not_heard"], *(text for name, text in PROMPTS.items() if name.startswith("noise"))} & set(
        call.leg.texts_heard
    )


def test_the_notice_of_other_ways_ends_the_call(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path, notice=NOTICE, overflow="notice"), script)
    started = call.of(CallStarted)[0]
    assert (started.overflow, started.restricted) == ("notice", False)
    assert call.leg.texts_heard == [NOTICE]
    assert call.of(CallEnded)[0].ended_by == "policy"


def test_key_0_leads_from_the_notice_to_a_person(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await asyncio.sleep(0.5)
        call.leg.press("0")
        assert (await call.until(Dtmf)).digit == "0"
        call.command(Transfer(call="call-1", id="t1", target="sip:8001@127.0.0.1"))
        await asyncio.sleep(5)
        assert call.leg.bridged_with is not None

    call = play(lambda: Call(tmp_path, notice=NOTICE, overflow="notice"), script)
    assert call.endpoint.dialled == ["sip:8001@127.0.0.1"]


def test_who_is_with_the_bot_when_the_node_must_leave_is_promised_a_call_back(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("您好请讲。")
        await call.leg.until_heard("您好请讲。")
        call.flow.end_with_promise()
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path), script)
    assert "".join(call.leg.texts_heard).endswith(PROMPTS["promise"])
    assert [promise.number for promise in call.promises.undelivered()] == ["13800000001"]
    assert call.of(CallEnded)[0].ended_by == "fault"


def test_who_is_with_an_agent_then_is_let_go_at_once(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.command(Transfer(call="call-1", id="t1", target="sip:8001@127.0.0.1"))
        await asyncio.sleep(5)
        assert call.leg.bridged_with is not None
        call.flow.end_with_promise()
        await call.until(CallEnded, within_s=1)

    call = play(lambda: Call(tmp_path), script)
    assert call.promises.undelivered() == []
