"""Whole scripted calls against a small hotline: real SIP, RTP and operator interface."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ivr.phones.agent import AgentPhone
from ivr.phones.citizen import CitizenPhone, Exchange
from ivr.phones.listening import tone
from ivr.phones.operator_view import OperatorView, SystemTurn
from ivr.phones.report import call_report, share_out
from ivr.phones.script import CallResult, KeyPress, Line, ScriptedCall, Spoken
from ivr.phones.transcriber import Transcriber
from tests.ivr_phones.small_hotline import TOKEN, SmallHotline

SPEECH = tone(300, 600)


@pytest.fixture
async def hotline() -> AsyncIterator[SmallHotline]:
    small = SmallHotline()
    await small.start()
    yield small
    await small.stop()


async def run(
    hotline: SmallHotline, lines: list[Line], keys: list[KeyPress] | None = None, caller: str = "13800000001"
) -> tuple[CallResult, dict[str, Any]]:
    phone = CitizenPhone(hotline.uri, caller=caller)
    await phone.start()
    try:
        async with OperatorView(hotline.operator_port, TOKEN) as operator:
            result = await ScriptedCall(phone, operator, lines, keys or []).run()
        return result, await call_report(result, Transcriber(None))
    finally:
        await phone.stop()


async def test_each_line_gets_its_own_answer(hotline: SmallHotline) -> None:
    _, report = await run(hotline, [Line("第一句", SPEECH), Line("第二句", SPEECH)])
    assert set(report) == {"sip", "admission", "emergency", "turns", "transfer", "ticket", "ended_by"}
    assert (report["sip"], report["admission"], report["transfer"]) == (200, "normal", None)
    first, second = report["turns"]
    assert (first["said"], first["recognised"]) == ("第一句", "话1")
    assert first["reply"] == {"text": "答1", "speech": "答1", "entry_id": "kb-1", "version": 2}
    assert second["recognised"] == "话2"
    assert second["heard"]["ms"] == pytest.approx(1200, abs=60)
    assert second["heard"]["dbfs"] == pytest.approx(-15, abs=1)
    assert 250 < second["first_audio_ms"] < 2000
    assert report["ended_by"] == "caller"
    assert hotline.speech_began[0] > hotline.greeting_ended


async def test_without_words_the_greeting_is_the_one_turn(hotline: SmallHotline) -> None:
    _, report = await run(hotline, [])
    (turn,) = report["turns"]
    assert turn["said"] == ""
    assert turn["heard"]["ms"] == pytest.approx(1600, abs=60)


async def test_the_hotline_hangs_up(hotline: SmallHotline) -> None:
    hotline.hang_up_after = 0
    result, report = await run(hotline, [Line("再见", SPEECH), Line("没有机会说", SPEECH)])
    assert result.ended == "remote"
    assert report["ended_by"] == "bot"
    assert [turn["said"] for turn in report["turns"]] == ["再见"]


async def test_key_zero_fetches_a_person_and_both_are_heard(hotline: SmallHotline) -> None:
    agent = AgentPhone("sip:8001@127.0.0.1:0", auto_answer=True)
    await agent.start()
    hotline.transfer_on_key = f"sip:8001@127.0.0.1:{agent.address[1]}"
    try:
        _, report = await run(hotline, [], [KeyPress("0", 0.5)])
    finally:
        await agent.stop()
    assert hotline.keys == ["0"]
    assert report["transfer"] == {"agent": "8001", "ms": 812, "heard_both_ways": True}


async def test_a_withheld_number_stays_withheld(hotline: SmallHotline) -> None:
    await run(hotline, [], caller="")
    assert hotline.numbers == [None]


async def test_a_refusal_is_reported() -> None:
    phone = CitizenPhone("sip:12345@127.0.0.1:9", caller="1")
    endpoint = SmallHotline()
    await endpoint.endpoint.start()
    endpoint.endpoint.on_call(lambda leg: leg.reject(503))
    phone = CitizenPhone(endpoint.uri, caller="1")
    await phone.start()
    async with OperatorView(9, TOKEN) as operator:
        result = await ScriptedCall(phone, operator, [Line("喂", SPEECH)], []).run()
    await phone.stop()
    await endpoint.endpoint.stop()
    report = await call_report(result, Transcriber(None))
    assert (report["sip"], report["admission"], report["turns"]) == (503, "full", [])


def turn(said: str, at_ms: float | None) -> SystemTurn:
    return SystemTurn(said, "", "", "", None, None, at_ms)


def test_system_turns_are_shared_out_by_time() -> None:
    spoken = [Spoken("甲", 3000, Exchange()), Spoken("乙", 9000, Exchange())]
    turns = tuple(turn(*one) for one in [("", 0.0), ("甲一", 4500.0), ("甲二", 5500.0), ("", 8000.0), ("乙", 10500.0)])
    groups = share_out(spoken, turns)
    assert [[one.said for one in group] for group in groups] == [["甲一", "甲二", ""], ["乙"]]


def test_system_turns_without_times_are_shared_out_in_order() -> None:
    spoken = [Spoken("甲", 3000, Exchange()), Spoken("乙", 9000, Exchange())]
    groups = share_out(spoken, tuple(turn(said, None) for said in ("", "甲", "", "乙", "丙")))
    assert [[one.said for one in group] for group in groups] == [["甲", ""], ["乙", "丙"]]


def test_first_audio_counts_only_an_answer_that_came_after() -> None:
    assert Exchange(said_until=1.0, answered_at=1.25).first_audio_ms == 250
    assert Exchange(said_until=1.0, answered_at=0.5).first_audio_ms is None
    assert Exchange(said_until=1.0).first_audio_ms is None
