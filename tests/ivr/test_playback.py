"""Playback on a virtual clock: order, quieter, held, taken up, stopped, and what was not said."""

import asyncio
from collections.abc import Awaitable, Callable

from ivr.playback import DUCK_DB, Playback, Saying
from tests.ivr.scripted_leg import ScriptedLeg, ScriptedVoice
from tests.ivr.virtual_time import run_virtually

LONG = "第一句话，请您听好。第二句话，也要听。"


class Ear:
    """A leg that plays, and what playback told."""

    def __init__(self) -> None:
        self.voice = ScriptedVoice()
        self.leg = ScriptedLeg(self.voice)
        self.playback = Playback(self.leg, self.voice, self)
        self.done: list[tuple[str, bool, int, str]] = []
        self.started: list[str] = []

    def saying_started(self, id: str, synthesis_ms: float) -> None:
        self.started.append(id)

    def saying_done(self, id: str, *, interrupted: bool, said_ms: int, unsaid: str) -> None:
        self.done.append((id, interrupted, said_ms, unsaid))

    def prompt_started(self, *, barge_in: bool) -> None:
        """Not looked at here."""

    def prompt_ended(self) -> None:
        """Not looked at here."""


def play(script: Callable[[Ear], Awaitable[None]]) -> Ear:
    async def both() -> Ear:
        ear = Ear()
        await ear.leg.answer()
        running = asyncio.get_running_loop().create_task(ear.playback.run())
        try:
            await script(ear)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await ear.leg.hangup()
        return ear

    return run_virtually(both())


def test_what_was_said_to_its_end_leaves_nothing_unsaid() -> None:
    async def script(ear: Ear) -> None:
        ear.playback.say(Saying(id="a", text=LONG))
        assert 3000 < ear.playback.left_ms < 6000
        await ear.playback.idle()
        assert ear.playback.left_ms == 0

    assert play(script).done == [("a", False, 200 * len(LONG), "")]


def test_a_stopped_saying_tells_from_which_clause_on_it_was_not_heard() -> None:
    async def script(ear: Ear) -> None:
        ear.playback.say(Saying(id="a", text=LONG))
        ear.playback.say(Saying(id="b", text="还有一句。"))
        await asyncio.sleep(2.5)
        ear.playback.stop()
        await ear.playback.idle()

    ear = play(script)
    assert ear.done[0] == ("b", True, 0, "还有一句。")
    id, interrupted, said_ms, unsaid = ear.done[1]
    assert (id, interrupted, unsaid) == ("a", True, "第二句话，也要听。")
    assert 2300 <= said_ms <= 2500


def test_a_ducked_saying_goes_on_quieter_and_comes_back() -> None:
    async def script(ear: Ear) -> None:
        ear.playback.say(Saying(id="a", text=LONG))
        await asyncio.sleep(1)
        ear.playback.duck()
        assert ear.leg.gain_db == DUCK_DB
        ear.playback.resume()
        assert ear.leg.gain_db == 0
        await ear.playback.idle()

    assert play(script).done == [("a", False, 200 * len(LONG), "")]


def test_a_held_saying_goes_on_where_it_was_left() -> None:
    async def script(ear: Ear) -> None:
        ear.playback.say(Saying(id="a", text=LONG))
        await asyncio.sleep(2.5)
        ear.playback.hold()
        assert ear.playback.held
        assert ear.leg.queued_ms == 0
        await asyncio.sleep(3)
        assert ear.playback.playing
        assert ear.leg.queued_ms == 0
        ear.playback.resume()
        await ear.playback.idle()

    ear = play(script)
    assert ear.done == [("a", False, 200 * len(LONG), "")]
    assert ear.leg.texts_heard == ["第一句话，请您听好。", "第二句话，也要听。", "第二句话，也要听。"]


def test_a_saying_held_before_all_of_it_was_synthesised_is_said_whole() -> None:
    async def script(ear: Ear) -> None:
        ear.voice.delay_s = 1.0
        ear.playback.say(Saying(id="a", text=LONG))
        await asyncio.sleep(1.2)
        ear.playback.hold()
        await asyncio.sleep(5)
        ear.playback.resume()
        await ear.playback.idle()

    ear = play(script)
    assert ear.done == [("a", False, 200 * len(LONG), "")]
    assert ear.leg.texts_heard[-1] == "第二句话，也要听。"


def test_a_held_saying_can_be_dropped() -> None:
    async def script(ear: Ear) -> None:
        ear.playback.say(Saying(id="a", text=LONG))
        await asyncio.sleep(2.5)
        ear.playback.hold()
        ear.playback.stop()
        await ear.playback.idle()
        assert not ear.playback.held

    assert play(script).done[0][1]


def test_what_may_not_be_interrupted_is_neither_ducked_nor_held_nor_stopped() -> None:
    async def script(ear: Ear) -> None:
        ear.playback.say(Saying(id="a", text=LONG, barge_in=False))
        await asyncio.sleep(1)
        ear.playback.duck()
        ear.playback.hold()
        ear.playback.stop()
        assert ear.leg.gain_db == 0
        await ear.playback.idle()

    assert not play(script).done[0][1]


def test_a_saying_displaces_what_the_leg_plays_between_sayings() -> None:
    async def script(ear: Ear) -> None:
        ear.leg.play(b"\1\0" * 8 * 5000)
        await asyncio.sleep(0.5)
        ear.playback.say(Saying(id="a", text="紧急。"))
        await ear.playback.idle()

    ear = play(script)
    assert ear.leg.ms_of("紧急。") <= 600
