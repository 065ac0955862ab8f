import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.calls import Outcome, breaks_first, rows
from benchmarks.dialogue_load import Plan, load
from benchmarks.processes import Usage, part_of
from ivr.phones.listening import tone
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg

CALL = {
    "call": "a", "failure": "", "spoken": 2, "keys": 0, "lost": 0, "answered_ms": [900.0, 1100.0],
    "packets": 100, "gaps": 1, "worst_gap_ms": 70.0, "seconds": 30.0,
}  # fmt: skip
TURN = {"total_ms": 300.0, "recognition_ms": 20.0, "dialog_ms": 200.0, "synthesis_ms": 60.0, "network_ms": 20.0}


def outcome(**changed: object) -> Outcome:
    told = [CALL | changed]
    return Outcome(1, told, [TURN, TURN], 0, {"ivr node": 0.5}, 0.1)


def met(one: Outcome, metric: str) -> bool | None:
    return next(row.met for row in rows(one) if row.metric == metric)


def test_a_run_holds_only_without_a_failure_and_in_time() -> None:
    assert outcome().holds
    assert not outcome(failure="no answer").holds
    assert met(outcome(failure="no answer"), "calls failed") is False
    assert met(outcome(lost=1), "turns lost") is False
    late = Outcome(1, [CALL], [TURN | {"total_ms": 900.0}], 0, {"ivr node": 0.5}, 0.1)
    assert met(late, "endpoint to first audio p95") is False
    assert "dialog" in breaks_first([outcome(), late])
    assert "ivr node" in breaks_first([outcome(), late])
    assert "仍达标" in breaks_first([outcome()])


def test_an_utterance_without_a_turn_is_lost() -> None:
    unrecorded = Outcome(1, [CALL], [TURN], 1, {}, 0.1)
    assert (unrecorded.lost, unrecorded.holds) == (1, False)


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("python -m ivr.speech.voice_worker x", "voice workers"),
        ("python -m ivr.node", "ivr node"),
        ("python -m rasa run", "rasa"),
        ("sh", "other"),
    ],
)
def test_processes_are_told_apart(command: str, part: str) -> None:
    assert part_of(command) == part


def test_processor_time_of_children_that_end_is_counted() -> None:
    code = "import time\nend = time.process_time() + 1.5\nwhile time.process_time() < end: pass"
    with Usage(os.getpid()) as usage:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert sum(usage.cores.values()) * usage.wall_s > 0.3  # sampled once a second


@pytest.fixture
async def hotline() -> AsyncIterator[AiosipuaEndpoint]:
    """Greets with a tone; answers the first sound of the caller with another, and no further one."""
    endpoint = AiosipuaEndpoint("127.0.0.1", 0)
    greeting = tone(400, 300)

    async def answer(leg: CallLeg) -> None:
        await leg.answer()
        leg.play(greeting)
        heard = 0
        async for frame in leg.frames():
            heard += any(abs(sample) > 300 for sample in memoryview(frame).cast("h"))
            if heard == 10:
                leg.play(greeting)

    endpoint.on_call(answer)
    await endpoint.start()
    yield endpoint
    await endpoint.stop()


async def test_callers_take_turns_and_tell_what_came_back(
    hotline: AiosipuaEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.dialogue_load.NO_ANSWER_S", 2.0)
    said = tmp_path / "said.pcm"
    said.write_bytes(tone(500, 400))
    host, port = hotline.address
    steps = [str(said), str(said)]
    told = await asyncio.wait_for(load(Plan(f"sip:12345@{host}:{port}", [steps, steps], 0.1)), 30)
    assert len({one.call for one in told}) == 2
    for one in told:
        assert (one.spoken, one.lost, len(one.answered_ms), one.failure) == (2, 1, 1, "no answer")
        assert one.packets > 50
