"""Whole calls on a virtual clock: a scripted caller, a scripted recogniser, and this test as the gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest

from config.clock import SystemClock
from config.rulebook import load_rulebook
from config.settings import Settings
from ivr.call_flow import PATIENCE_MS, CallFlow
from ivr.emergency_words import EmergencyWords
from ivr.promises import Promises
from ivr.prompts import load_prompts
from ivr.protocol import (
    CallEnded,
    CallStarted,
    Dtmf,
    Expect,
    GatewayFrame,
    HangUp,
    NodeFrame,
    NoInput,
    PlaybackDone,
    PlaybackStarted,
    Say,
    SpeechFinal,
    SpeechPartial,
    StopSaying,
    Transfer,
    TransferState,
)
from ivr.speech.scripted_recogniser import LOST, ScriptedRecognisers
from ivr.surroundings import Surroundings
from store.vault import Vault
from tests.ivr.scripted_leg import ScriptedEndpoint, ScriptedLeg, ScriptedVoice
from tests.ivr.virtual_time import run_virtually

F = TypeVar("F", bound=NodeFrame)
GREETING = "您好请讲。"
PROMPTS = load_prompts()


class Call:
    """One call under test. ``sent`` is what the gateway got."""

    def __init__(self, folder: Path, *lines: object, **flow: Any) -> None:
        self.voice = ScriptedVoice()
        self.endpoint = ScriptedEndpoint(self.voice)
        self.leg = ScriptedLeg(self.voice, number=flow.pop("number", "13800000001"))
        self.sent: list[NodeFrame] = []
        self.recognisers = ScriptedRecognisers(lines)
        self.vault = Vault(Settings(data_dir=folder))
        self.promises = Promises(folder / "promises", self.vault)
        around = Surroundings(
            endpoint=self.endpoint,
            voice=self.voice,
            recognisers=self.recognisers,
            prompts=PROMPTS,
            emergencies=EmergencyWords(load_rulebook("zhanjiang")),
            promises=self.promises,
            clock=SystemClock(),
            send=self.sent.append,
            fallback_uri=flow.pop("fallback_uri", ""),
        )
        self.flow = CallFlow(self.leg, around, **flow)

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.sent if isinstance(frame, kind)]

    def command(self, *frames: GatewayFrame) -> None:
        for frame in frames:
            self.flow.command(frame)

    def say(self, text: str, *, barge_in: bool = True) -> None:
        self.command(Say(call="call-1", id=f"say {text}", text=text, barge_in=barge_in))

    async def until(self, kind: type[F], count: int = 1, within_s: float = 60) -> F:
        for _ in range(int(within_s / 0.02)):
            if len(self.of(kind)) >= count:
                return self.of(kind)[count - 1]
            await asyncio.sleep(0.02)
        raise AssertionError(f"no {kind.__name__} number {count} in {self.sent}")


Script = Callable[[Call], Awaitable[None]]


def play(call_of: Callable[[], Call], script: Script) -> Call:
    """Run ``script`` beside the call; the caller leaves at its end unless the call is over."""

    async def both() -> Call:
        call = call_of()
        running = asyncio.get_running_loop().create_task(call.flow.run())
        try:
            await call.until(CallStarted)
            await script(call)
        finally:
            call.leg.leave()
            await asyncio.wait_for(running, 30)
            await call.leg.hangup()
            await call.endpoint.stop()
        assert len(asyncio.all_tasks()) == 1, "the call left tasks behind"
        return call

    return run_virtually(both())


def longest_silence_ms(call: Call, until_ms: int) -> int:
    """The longest stretch in which nothing new began to be heard."""
    moments = [0, *(at for at, _ in call.leg.heard), until_ms]
    return max(after - before for before, after in pairwise(moments))


def test_a_question_is_heard_answered_and_ended_by_the_caller(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say(GREETING)
        await call.until(PlaybackDone)
        await call.leg.speak(2000)
        final = await call.until(SpeechFinal)
        assert final.text == "公积金怎么提取"
        call.say("带身份证去办。")
        await call.leg.until_heard("带身份证去办。")

    call = play(lambda: Call(tmp_path, "公积金怎么提取"), script)
    [started] = call.of(CallStarted)
    assert (started.number, started.called, started.restricted) == ("13800000001", "12345", False)
    assert call.of(SpeechPartial)[0].text == "公"
    [final] = call.of(SpeechFinal)
    assert final.confidence == 0.9
    assert final.end_ms - final.start_ms == pytest.approx(2000, abs=80)
    assert 600 <= final.endpoint_ms - final.end_ms <= 920
    assert call.of(CallEnded)[0].ended_by == "caller"
    assert [frame.seq for frame in call.sent] == list(range(1, len(call.sent) + 1))


def test_the_decision_is_sent_in_the_frame_it_is_made(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.leg.speak(1000)
        final = await call.until(SpeechFinal)
        answered_at = call.leg.answered_at or 0.0
        now_ms = (asyncio.get_running_loop().time() - answered_at) * 1000
        assert now_ms - final.endpoint_ms <= 60

    play(lambda: Call(tmp_path, "你好"), script)


def test_sayings_are_heard_in_order_and_reported(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("第一句。第二句。")
        call.say("第三句。")
        await call.until(PlaybackDone, 2)

    call = play(lambda: Call(tmp_path), script)
    assert call.leg.texts_heard == ["第一句。", "第二句。", "第三句。"]
    assert [frame.id for frame in call.of(PlaybackStarted)] == ["say 第一句。第二句。", "say 第三句。"]
    assert [frame.interrupted for frame in call.of(PlaybackDone)] == [False, False]
    started = call.of(PlaybackStarted)[0]
    assert abs(started.at_ms - call.leg.ms_of("第一句。")) <= 40


def test_a_command_is_carried_out_once(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say(GREETING)
        call.say(GREETING)
        await call.until(PlaybackDone)
        await asyncio.sleep(2)

    assert play(lambda: Call(tmp_path), script).leg.texts_heard == [GREETING]


def test_speech_stops_the_prompt_and_is_understood(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("这是一段很长很长的欢迎词，请您听完以后再说话好不好。")
        await asyncio.sleep(1)
        await call.leg.speak(1500)
        done = await call.until(PlaybackDone)
        assert done.interrupted
        await call.until(SpeechFinal)

    call = play(lambda: Call(tmp_path, "我要投诉"), script)
    at = next(frame for frame in call.sent if isinstance(frame, PlaybackDone))
    final = call.of(SpeechFinal)[0]
    assert call.sent.index(at) < call.sent.index(final)


def test_a_notice_is_heard_to_its_end(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("这是不能打断的通知。", barge_in=False)
        await asyncio.sleep(0.5)
        await call.leg.speak(1200)
        await call.until(PlaybackDone)

    call = play(lambda: Call(tmp_path, "喂"), script)
    assert not call.of(PlaybackDone)[0].interrupted


def test_key_0_in_the_first_frame_stops_the_greeting_at_once(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say(GREETING, barge_in=False)
        await asyncio.sleep(0.02)
        call.leg.press("0")
        key = await call.until(Dtmf)
        assert key.digit == "0"
        assert key.at_ms <= 60
        assert call.leg.queued_ms == 0
        assert call.of(PlaybackDone)[0].interrupted

    play(lambda: Call(tmp_path), script)


def test_stop_saying_empties_the_queue(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("第一句。")
        call.say("第二句。")
        await asyncio.sleep(0.1)
        call.command(StopSaying(call="call-1"))
        await asyncio.sleep(5)

    call = play(lambda: Call(tmp_path), script)
    assert call.leg.texts_heard == ["第一句。"]
    assert {frame.id for frame in call.of(PlaybackDone)} == {"say 第一句。", "say 第二句。"}


def test_silence_is_told_after_the_prompt(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.command(Expect(call="call-1", state="open", no_input_s=6))
        call.say(GREETING)
        await call.until(PlaybackDone)
        first = await call.until(NoInput)
        assert first.count == 1
        call.say("请问您还在吗。")
        second = await call.until(NoInput, 2)
        assert second.count == 2

    play(lambda: Call(tmp_path), script)


def test_speech_without_words_is_told_as_silence_and_a_cough_is_not(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.command(Expect(call="call-1", state="open", no_input_s=30))
        await call.leg.speak(200)
        await asyncio.sleep(3)
        assert call.of(NoInput) == []
        await call.leg.speak(1500)
        assert (await call.until(NoInput)).count == 1

    call = play(lambda: Call(tmp_path, "", ""), script)
    assert call.of(SpeechFinal) == []


def test_hints_reach_the_recogniser(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.command(Expect(call="call-1", state="confirm", hints=("对", "不对")))
        await call.leg.speak(600)
        final = await call.until(SpeechFinal)
        assert final.endpoint_ms - final.end_ms <= 520

    call = play(lambda: Call(tmp_path, "对"), script)
    assert call.recognisers.opened[0].hints == [("对", "不对")]


def test_a_slow_gateway_does_not_leave_the_caller_in_silence(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.leg.speak(1000)
        await call.until(SpeechFinal)
        await asyncio.sleep(9)

    call = play(lambda: Call(tmp_path, "你好"), script)
    assert call.leg.texts_heard.count(PROMPTS["wait"]) >= 2
    final = call.of(SpeechFinal)[0]
    assert call.leg.ms_of(PROMPTS["wait"]) - final.end_ms < 5000


def test_a_lost_utterance_is_asked_for_again(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.leg.speak(1000)
        await call.leg.until_heard(PROMPTS["not_heard"])
        await asyncio.sleep(3)
        await call.leg.speak(1000)
        assert (await call.until(SpeechFinal)).text == "我要投诉"

    play(lambda: Call(tmp_path, LOST, "我要投诉"), script)


def test_the_bot_hangs_up_after_its_last_words(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("感谢来电。")
        call.command(HangUp(call="call-1", reason="bot"))
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path), script)
    assert call.of(PlaybackDone)[0].interrupted is False
    assert call.of(CallEnded)[0].ended_by == "bot"


# --- transfer -----------------------------------------------------------------------------------------------------


def transfer(call: Call) -> None:
    call.command(Transfer(call="call-1", id="t1", target="sip:8001@127.0.0.1:5070"))


def test_a_caller_of_whom_nothing_comes_is_told_once_to_use_keys(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say(GREETING)
        await call.until(PlaybackDone)
        for what in ("digital_silence", "not_heard", "nothing_heard"):
            call.leg.tell_one_way(what)
        await asyncio.sleep(15)

    assert "".join(play(lambda: Call(tmp_path), script).leg.texts_heard) == GREETING + PROMPTS["no_sound"]


def test_a_transfer_rings_connects_and_ends_with_the_caller(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("正在为您转接。")
        transfer(call)
        await call.until(TransferState, 2)
        assert call.leg.bridged_with is call.endpoint.agents[0]
        assert call.flow.live.bridged
        await call.leg.speak(2000)
        await asyncio.sleep(2)

    call = play(lambda: Call(tmp_path, "不该识别"), script)
    assert [state.state for state in call.of(TransferState)] == ["ringing", "connected"]
    assert call.of(SpeechFinal) == []
    assert call.endpoint.agents[0].ended
    assert call.of(CallEnded)[0].ended_by == "caller"


def test_ring_back_is_heard_while_the_agent_does_not_answer(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.endpoint.answer_s = 12
        transfer(call)
        await call.until(TransferState, 2)

    call = play(lambda: Call(tmp_path), script)
    rings = [at for at, text in call.leg.heard if text == "音"]
    assert len(rings) >= 2


def test_an_agent_who_does_not_answer_gives_the_call_back(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.endpoint.code = 486
        transfer(call)
        failed = await call.until(TransferState, 2)
        assert (failed.state, failed.sip_code) == ("failed", 486)
        await call.leg.until_heard(PROMPTS["wait"])
        call.say("坐席忙。")
        await call.leg.until_heard("坐席忙。")

    play(lambda: Call(tmp_path), script)


def test_when_the_agent_hangs_up_the_call_ends_politely(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        transfer(call)
        await call.until(TransferState, 2)
        call.endpoint.agents[0].leave()
        assert (await call.until(TransferState, 3)).state == "ended"
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path), script)
    assert call.leg.texts_heard[-1] == PROMPTS["goodbye"][:-1] + "。"
    assert call.of(CallEnded)[0].ended_by == "agent"


def test_refer_ends_our_part(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.command(Transfer(call="call-1", id="t1", target="sip:8001@pbx", mode="refer"))
        assert (await call.until(TransferState)).state == "connected"

    play(lambda: Call(tmp_path), script)


# --- restricted callers -------------------------------------------------------------------------------------------

NOTICE = "您的号码目前被限制，网站和小程序仍可办理。"


def test_a_restricted_caller_hears_the_notice_and_the_call_ends(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("不该听见。")
        await call.leg.speak(1000)
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path, "我要找你们", notice=NOTICE), script)
    assert call.of(CallStarted)[0].restricted
    assert call.leg.texts_heard == [NOTICE]
    assert call.of(SpeechFinal) == []
    assert call.of(SpeechPartial) == []
    assert call.of(CallEnded)[0].ended_by == "policy"
    assert call.of(CallEnded)[0].duration_ms < 12_000


def test_a_notice_is_cut_at_twelve_seconds(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path, notice="很长的通知" * 40), script)
    assert 12_000 < call.of(CallEnded)[0].duration_ms < 14_000


def test_an_emergency_is_heard_during_the_notice(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await asyncio.sleep(0.5)
        await call.leg.speak(2400)
        final = await call.until(SpeechFinal)
        assert "煤气泄漏" in final.text
        call.say("请先关阀开窗。")
        await call.leg.until_heard("请先关阀开窗。")

    call = play(lambda: Call(tmp_path, "我家里煤气泄漏了", notice=NOTICE), script)
    assert "煤气泄漏" in call.of(SpeechPartial)[0].text
    assert call.leg.ms_of("请先关阀开窗。") < 6000


def test_key_1_opens_the_way_and_other_keys_do_not(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await asyncio.sleep(0.5)
        call.leg.press("0")
        await asyncio.sleep(0.5)
        assert call.of(Dtmf) == []
        call.leg.press("1")
        assert (await call.until(Dtmf)).digit == "1"
        assert call.leg.queued_ms == 0
        call.say("请讲。")
        await call.leg.until_heard("请讲。")

    play(lambda: Call(tmp_path, notice=NOTICE), script)


# --- the gateway goes away ----------------------------------------------------------------------------------------


def test_a_lost_gateway_is_bridged_by_holding_sentences(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say(GREETING)
        await call.until(PlaybackDone)
        lost_at = len(call.leg.heard)
        call.flow.link_lost()
        await asyncio.sleep(7)
        assert call.leg.texts_heard[lost_at:].count(PROMPTS["recovering"]) >= 1
        call.flow.link_restored(known=True)
        await call.leg.until_heard(PROMPTS["resumed"])
        await asyncio.sleep(4)
        await call.leg.speak(1000)
        await call.until(SpeechFinal)

    call = play(lambda: Call(tmp_path, "我要投诉"), script)
    assert call.leg.ms_of(PROMPTS["recovering"]) - call.leg.ms_of(GREETING) < 1000 + 2000
    assert call.promises.undelivered() == []


def test_a_gateway_that_comes_back_at_once_is_not_mentioned(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say(GREETING)
        await call.until(PlaybackDone)
        call.flow.link_lost()
        await asyncio.sleep(0.5)
        call.flow.link_restored(known=True)
        await asyncio.sleep(3)

    assert play(lambda: Call(tmp_path), script).leg.texts_heard == [GREETING]


def test_words_that_got_lost_with_the_gateway_are_asked_for_again(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.leg.speak(1000)
        await call.until(SpeechFinal)
        call.flow.link_lost()
        await asyncio.sleep(1.5)
        call.flow.link_restored(known=True)
        await call.leg.until_heard(PROMPTS["again"], within_s=10)

    play(lambda: Call(tmp_path, "我要投诉"), script)


def test_an_answer_that_was_only_delayed_is_heard_instead(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.leg.speak(1000)
        await call.until(SpeechFinal)
        call.flow.link_lost()
        await asyncio.sleep(1.5)
        call.flow.link_restored(known=True)
        call.say("好的。")
        await call.leg.until_heard("好的。")
        await asyncio.sleep(5)

    assert PROMPTS["again"] not in play(lambda: Call(tmp_path, "我要投诉"), script).leg.texts_heard


def test_a_gateway_that_knows_the_call_no_more_is_told_of_it(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.flow.link_lost()
        await asyncio.sleep(2)
        call.flow.link_restored(known=False)
        await call.until(CallStarted, 2)
        call.say(GREETING)
        await call.leg.until_heard(GREETING)

    play(lambda: Call(tmp_path), script)


def test_without_a_gateway_a_promise_is_on_disk_before_it_is_spoken(tmp_path: Path) -> None:
    promised_before: list[int] = []

    async def script(call: Call) -> None:
        call.say(GREETING)
        await call.until(PlaybackDone)
        call.flow.link_lost()
        first = PROMPTS["promise"].split("。")[0] + "。"
        for _ in range(3000):
            if first in call.leg.texts_heard:
                break
            if call.promises.undelivered():
                promised_before.append(len(call.leg.heard))
            await asyncio.sleep(0.02)
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path), script)
    assert promised_before
    [promise] = call.promises.undelivered()
    assert (promise.number, promise.call) == ("13800000001", "call-1")
    assert call.of(CallEnded)[0].ended_by == "fault"
    assert longest_silence_ms(call, call.of(CallEnded)[0].duration_ms) < 9000  # the longest sentence among them
    lost_at = next(frame.at_ms for frame in call.of(PlaybackStarted)) + 1000
    first = PROMPTS["promise"].split("。")[0] + "。"
    assert PATIENCE_MS <= call.leg.ms_of(first) - lost_at <= PATIENCE_MS + 4000


def test_no_callback_is_promised_to_a_withheld_number(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path, number=None, patience_ms=4000), script)
    assert call.promises.undelivered() == []
    assert PROMPTS["promise_withheld"].split("。")[1] + "。" in call.leg.texts_heard
    assert call.leg.ms_of(PROMPTS["recovering"]) <= 1500


def test_the_fallback_line_takes_the_call(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        for _ in range(2000):
            if call.leg.bridged_with:
                break
            await asyncio.sleep(0.02)
        call.endpoint.agents[0].leave()
        await call.until(CallEnded)

    call = play(lambda: Call(tmp_path, patience_ms=4000, fallback_uri="sip:duty@127.0.0.1"), script)
    assert call.endpoint.dialled == ["sip:duty@127.0.0.1"]
    assert call.promises.undelivered() == []


def test_a_fallback_that_does_not_answer_ends_in_a_promise(tmp_path: Path) -> None:
    def call_of() -> Call:
        call = Call(tmp_path, patience_ms=4000, fallback_uri="sip:duty@127.0.0.1")
        call.endpoint.code = 480
        return call

    async def script(call: Call) -> None:
        await call.until(CallEnded)

    assert len(play(call_of, script).promises.undelivered()) == 1


def test_without_a_gateway_an_emergency_still_gets_its_number(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await call.leg.speak(2000)
        await asyncio.sleep(3)

    call = play(lambda: Call(tmp_path, "这里着火了快来人", patience_ms=9000), script)
    assert any("119" in text for text in call.leg.texts_heard)
