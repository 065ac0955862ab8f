"""Hold audio: our own melody, at its level, under announcements and never in an agent's way."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from config.errors import HotlineError
from ivr.hold_audio import LEVEL_DBFS, UNDER_SPEECH_DB, HoldAudio, load_hold_audio, melody
from ivr.protocol import HoldAudio as HoldAudioSwitch
from ivr.protocol import Transfer, TransferState
from tests.ivr.scripted_leg import ScriptedLeg, ScriptedVoice
from tests.ivr.test_call_flow import Call, play
from tests.ivr.virtual_time import run_virtually

AUDIBLE = 30
"""The scripted voice speaks in samples smaller than this."""


def dbfs(samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]") -> float:
    return float(20 * np.log10(np.sqrt(np.mean((samples.astype(float) / 32768) ** 2))))


def test_the_melody_is_gentle_and_has_no_seam() -> None:
    sound = melody()
    assert abs(dbfs(sound) - LEVEL_DBFS) < 0.2
    assert 10 < len(sound) / 8000 < 40
    assert np.abs(sound).max() < 10_000
    steps = np.abs(np.diff(np.concatenate([sound[-400:], sound[:400]]).astype(int)))
    assert steps.max() < 1500, "no click where the end leads into the beginning"


def test_a_city_may_put_its_own_recording(tmp_path: Path) -> None:
    assert (load_hold_audio(tmp_path) == melody()).all()
    (tmp_path / "prompts").mkdir()
    with wave.open(str(tmp_path / "prompts" / "hold.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.full(8000, 321, "<i2").tobytes())
    assert (load_hold_audio(tmp_path) == 321).all()


def test_a_recording_that_cannot_be_played_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    with wave.open(str(tmp_path / "prompts" / "hold.wav"), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(bytes(44100))
    with pytest.raises(HotlineError, match="8 kHz"):
        load_hold_audio(tmp_path)
    (tmp_path / "prompts" / "hold.wav").write_bytes(b"no sound")
    with pytest.raises(HotlineError, match="WAV"):
        load_hold_audio(tmp_path)


def test_speech_goes_over_it_and_it_goes_on_softly_beneath() -> None:
    async def check() -> None:
        voice = ScriptedVoice()
        allowed = True
        leg = ScriptedLeg(voice)
        hold = HoldAudio(leg, np.full(8000, 1000, np.int16), voice, lambda: allowed)
        speech = np.full(160, 5000, "<i2").tobytes()
        assert hold.under(speech) == speech
        hold.switch(True)
        mixed = np.frombuffer(hold.under(speech), "<i2")
        assert (mixed == 5000 + int(1000 * 10 ** (UNDER_SPEECH_DB / 20))).all()
        loud = np.frombuffer(hold.under(np.full(160, 32767, "<i2").tobytes()), "<i2")
        assert (loud == 32767).all(), "no overflow"
        allowed = False
        assert hold.under(speech) == speech
        leg.leave()

    run_virtually(check())


def hold(call: Call, on: bool = True) -> None:
    call.command(HoldAudioSwitch(call="call-1", on=on))


def sent_levels(call: Call) -> list[int]:
    """Peak of each frame that was sent, from the moment of the call on."""
    levels: list[int] = []
    call.leg.on_sent(lambda frame: levels.append(int(np.abs(np.frombuffer(frame, "<i2")).max(initial=0))))
    return levels


def test_a_caller_who_waits_hears_something_all_the_time(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        levels = sent_levels(call)
        hold(call)
        await asyncio.sleep(5)
        call.say("您前面还有两位。")
        await call.leg.until_heard("您前面还有两位。")
        await asyncio.sleep(5)
        quiet = longest = 0
        for level in levels[15:]:
            quiet = quiet + 1 if level < AUDIBLE else 0
            longest = max(longest, quiet)
        assert longest <= 25, f"{longest * 20} ms of silence"

    play(lambda: Call(tmp_path), script)


def test_it_stops_when_told_and_for_the_agents_phone(tmp_path: Path) -> None:
    async def script(call: Call) -> None:
        levels = sent_levels(call)
        hold(call)
        await asyncio.sleep(3)
        hold(call, on=False)
        await asyncio.sleep(0.1)
        del levels[:]
        await asyncio.sleep(1)
        assert max(levels) < AUDIBLE
        hold(call)
        await asyncio.sleep(1)
        call.command(Transfer(call="call-1", id="t1", target="sip:8001@127.0.0.1:5070"))
        await call.until(TransferState, 2)
        await asyncio.sleep(0.1)
        del levels[:]
        await asyncio.sleep(1)
        assert max(levels) < AUDIBLE, "the agent is on the line"

    play(lambda: Call(tmp_path), script)
