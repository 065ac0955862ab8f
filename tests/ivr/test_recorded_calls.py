"""Whole calls on record: the offsets that utterances carry point at their words, and an agent's voice is on the right."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from config.settings import Settings
from ivr.protocol import CallEnded, CallStarted, HangUp, RecordingPause, RecordingResume, Say, SpeechFinal, Transfer
from ivr.protocol import TransferState as State
from ivr.recording import Recordings
from ivr.sip.contract import CallLeg
from ivr.surroundings import Surroundings
from store.recording_file import Recording
from store.vault import Vault
from tests.ivr.scripted_leg import speech_frame
from tests.ivr.test_call_flow import Call, play
from tests.ivr.test_node import site_of

FRAME_MS = 20
VOICED = 300.0
"""Root mean square of a frame from which on it holds speech."""


def levels(file: Path, vault: Vault) -> NDArray[np.float64]:
    """Root mean square of each frame, caller and us."""
    with Recording(file, vault) as recording:
        sound = np.frombuffer(recording.pcm(0, recording.samples), "<i2").reshape(-1, 160, 2).astype(np.float64)
    return np.asarray(np.sqrt(np.mean(sound**2, axis=1)))


def spans(voiced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of voiced frames in ms, gaps under 300 ms bridged."""
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(voiced):
        start, end = int(frame) * FRAME_MS, (int(frame) + 1) * FRAME_MS
        if found and start - found[-1][1] < 300:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


class RecordedCall(Call):
    """A scripted call with the real recorder."""

    def __init__(self, folder: Path, *lines: object) -> None:
        super().__init__(folder, *lines)
        self.recordings = Recordings(folder / "node", self.vault)
        self.recordings.start()
        around = self.flow._parts.around
        known = {name: getattr(around, name) for name in Surroundings.__slots__}
        self.flow = type(self.flow)(self.leg, Surroundings(**known | {"recordings": self.recordings}))

    @property
    def file(self) -> Path:
        self.recordings.stop()
        [file] = (self.recordings.folder).glob("*.rec")
        return file


def test_the_offsets_of_an_utterance_point_at_its_words(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        call.say("您好请讲。")
        await asyncio.sleep(3)
        for _ in range(3):
            await call.leg.speak(1600)
            await asyncio.sleep(4)

    call = play(lambda: RecordedCall(tmp_path, "一", "二", "三"), script)
    assert isinstance(call, RecordedCall)
    recorded = spans(levels(call.file, call.vault)[:, 0] > VOICED)
    finals = call.of(SpeechFinal)
    assert len(finals) == len(recorded) == 3
    for final, (start, end) in zip(finals, recorded, strict=True):
        assert abs(final.start_ms - start) <= 2 * FRAME_MS, (final, start)
        assert abs(final.end_ms - end) <= 2 * FRAME_MS, (final, end)


def test_what_was_withheld_is_silent_in_its_place_and_the_next_words_are_in_theirs(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        await asyncio.sleep(1)
        await call.leg.speak(1600)
        first = await call.until(SpeechFinal)
        call.command(RecordingPause(call="call-1", from_ms=first.start_ms), RecordingResume(call="call-1"))
        await asyncio.sleep(2)
        await call.leg.speak(1600)
        await call.until(SpeechFinal, 2)

    call = play(lambda: RecordedCall(tmp_path, "密码是一二三四", "好了"), script)
    assert isinstance(call, RecordedCall)
    recorded = spans(levels(call.file, call.vault)[:, 0] > VOICED)
    first, second = call.of(SpeechFinal)
    assert [start for start, _ in recorded if start < first.endpoint_ms] == []
    assert any(abs(start - second.start_ms) <= 2 * FRAME_MS for start, _ in recorded)


@pytest.mark.slow
async def test_a_real_call_with_an_agent_is_recorded_on_both_sides(settings: Settings) -> None:
    async with site_of(settings, "转人工") as site:
        leg = await site.call()
        await site.gateway.until(CallStarted)
        call = site.gateway.of(CallStarted)[0].call
        await site.gateway.send(Say(call=call, id="greeting", text="您好，请问有什么可以帮您？"))
        await asyncio.sleep(3.5)
        leg.play(b"".join(speech_frame() for _ in range(60)))
        final = await site.gateway.until(SpeechFinal)

        async def answer(agent: CallLeg) -> None:
            await agent.answer()
            agent.play(b"".join(speech_frame() for _ in range(50)))
            await agent.wait_ended()

        site.phone.on_call(answer)
        host, port = site.phone.address
        await site.gateway.send(Transfer(call=call, id="t1", target=f"sip:8001@{host}:{port}"))
        await site.gateway.until(State, 2)
        await asyncio.sleep(2.5)
        await site.gateway.send(HangUp(call=call, reason="agent"))
        await site.gateway.until(CallEnded)
        assert site.node is not None
        folder = site.node._recordings.folder
    [file] = folder.glob("*.rec")
    loud = levels(file, Vault(settings)) > VOICED
    caller = spans(loud[:, 0])
    assert any(
        abs(start - final.start_ms) <= 3 * FRAME_MS and abs(end - final.end_ms) <= 3 * FRAME_MS for start, end in caller
    ), (caller, final)
    ours = spans(loud[:, 1])
    assert ours[0][0] < final.start_ms, "the greeting"
    assert ours[-1][0] >= final.endpoint_ms, "the agent"
    assert ours[-1][1] - ours[-1][0] >= 800
