"""A whole call by script: what to say in turn, which keys to press when; it ends with a report."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ivr.phones.citizen import CitizenPhone, Exchange
from ivr.phones.operator_view import OperatorView, SystemView
from ivr.sip.contract import DialFailed

_NOTICE_BEFORE_SPEAKING_S: Final = 1.0
"""A restricted caller interrupts the notice: only what is said meanwhile is listened for."""
_STAY_S: Final = 1.5
_PERSON_SHOWS_WITHIN_S: Final = 4.0
_PERSON_COMES_WITHIN_S: Final = 90.0
_BRIDGE_ANSWER_S: Final = 3.0
_BRIDGE_SETTLES_S: Final = 0.5
_AFTERMATH_S: Final = 3.0
_ADMISSION_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to say: the words, as far as they are known, and their sound."""

    text: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class KeyPress:
    """A key and when to press it, in seconds after the answer."""

    key: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn of the caller's: ``said`` is empty for what the hotline said first. ``at_ms``: since the answer."""

    said: str
    at_ms: float
    exchange: Exchange


@dataclass(slots=True)
class CallResult:
    """What became of the call, seen from the phone, and the hotline's own view of it."""

    sip: int
    call_id: str = ""
    spoken: list[Spoken] = field(default_factory=list)
    heard_both_ways: bool = False
    ended: str = ""
    """``local``: the caller hung up; ``remote``; ``fault``."""
    system: SystemView = field(default_factory=SystemView)


class ScriptedCall:
    """Runs one call; ``tell`` receives Chinese lines for people who watch."""

    def __init__(
        self,
        phone: CitizenPhone,
        operator: OperatorView,
        lines: list[Line],
        keys: list[KeyPress],
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._phone = phone
        self._operator = operator
        self._lines = lines
        self._keys = keys
        self._tell = tell
        self._result = CallResult(sip=0)
        self._bridged = False

    async def run(self) -> CallResult:
        """Dial, go through the script, hang up, ask how the hotline saw it."""
        result = self._result
        try:
            leg = await self._phone.dial(lambda: self._tell("☎ 对方振铃"))
        except DialFailed as failure:
            result.sip = failure.code
            self._tell(f"✖ {failure}")
            return result
        result.sip, result.call_id = 200, leg.call_id
        self._tell(f"☎ 已接通（{leg.codec}）")
        helpers = [
            asyncio.create_task(self._operator.follow(leg.call_id), name="follow call"),
            asyncio.create_task(self._press_keys(), name="press keys"),
        ]
        try:
            await self._converse()
            await self._see_it_through()
        finally:
            await self._phone.hangup()
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        result.ended = await leg.wait_ended()
        result.system = await self._operator.settled(leg.call_id, _AFTERMATH_S)
        return result

    # --- the conversation ---------------------------------------------------------------------------------------

    async def _converse(self) -> None:
        opening = await self._hear_opening()
        self._note("", 0.0, opening)
        for line in self._lines:
            await self._meet_agent()
            if self._phone.ended:
                break
            self._tell(f"我：{line.text}")
            at_ms = self._now_ms()
            await self._phone.say(line.pcm)
            if self._bridged:
                answer = await self._phone.listen(patience_s=_BRIDGE_ANSWER_S)
            else:
                answer = await self._phone.listen(self._is_connected)
            self._note(line.text, at_ms, answer)

    async def _hear_opening(self) -> Exchange:
        if self._lines and await self._is_restricted():
            await self._phone.wait(_NOTICE_BEFORE_SPEAKING_S)
            return await self._phone.listen(lambda: True)
        return await self._phone.listen(self._is_connected)

    async def _is_restricted(self) -> bool:
        await self._phone.wait(_ADMISSION_S, lambda: self._operator.latest.known)
        return self._operator.latest.admission == "restricted"

    async def _see_it_through(self) -> None:
        """After the script: stay while a person is being fetched, and test the bridge when one comes."""
        if self._asked_for_person():
            await self._phone.wait(_PERSON_SHOWS_WITHIN_S, lambda: self._operator.latest.transfer is not None)
        if self._asked_for_person() or self._operator.latest.transfer is not None:
            await self._phone.wait(_PERSON_COMES_WITHIN_S, self._is_connected)
        await self._meet_agent()
        await self._phone.wait(_STAY_S)

    async def _meet_agent(self) -> None:
        if self._bridged or not self._is_connected():
            return
        self._bridged = True
        self._tell("☎ 坐席已接通，正在互测声音")
        await self._phone.wait(_BRIDGE_SETTLES_S)
        self._result.heard_both_ways = await self._phone.is_heard_back()
        self._tell("☎ 双方都听得到" if self._result.heard_both_ways else "☎ 没有听到坐席话机的应答音")

    def _asked_for_person(self) -> bool:
        view = self._operator.latest
        return any(press.key == "0" for press in self._keys) or (
            bool(view.turns) and view.turns[-1].act in {"person_please", "emergency"}
        )

    def _is_connected(self) -> bool:
        transfer = self._operator.latest.transfer
        return transfer is not None and transfer.connected

    async def _press_keys(self) -> None:
        for press in sorted(self._keys, key=lambda one: one.at_s):
            await asyncio.sleep(max(0.0, press.at_s - self._now_ms() / 1000))
            if self._phone.ended:
                return
            self._tell(f"我：按 {press.key}")
            await self._phone.press(press.key)

    def _note(self, said: str, at_ms: float, exchange: Exchange) -> None:
        self._result.spoken.append(Spoken(said, at_ms, exchange))

    def _now_ms(self) -> float:
        return 1000 * (asyncio.get_running_loop().time() - self._phone.connected_at)
