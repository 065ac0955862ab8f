"""Calls for benchmarks: an instance to call, and a caller who asks one thing after another and hears the answers."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from config.settings import ROOT, Settings
from gateway.running import running_status, stop
from ivr.phones.citizen import CitizenPhone, Exchange
from ivr.phones.operator_view import OperatorView
from ivr.sip.contract import CallLeg

_READY_S: Final = 300
_ANSWER_S: Final = 6.0
"""How long a caller waits for the first sound of an answer."""
_TIMELINE_S: Final = 1.5
"""How long after the answer's first sound the operator interface may take to show the turn."""
_ASK_AGAIN_S: Final = 0.1


class InstanceFailed(RuntimeError):
    """The private instance did not start; the message ends with what ``up`` said."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what came of it. Empty words: nothing was recognised, answered or heard."""

    question: str
    recognised: str = ""
    act: str = ""
    entry_id: str | None = None
    version: int | None = None
    """Of the entry."""
    choices: tuple[str, ...] = ()
    """The titles that were offered."""
    speech: str = ""
    sound: bytes = b""
    first_audio_ms: int | None = None
    answered_at: float | None = None
    """When the first voiced packet of the answer came in, in seconds of the monotonic clock."""
    handed_over: bool = False
    stages: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Settings]:
    """The instance on ``settings.data_dir``, or a private one in a folder of its own while none runs there."""
    if running_status(settings) is not None:
        yield settings
        return
    with private() as own:
        yield own


@contextlib.contextmanager
def private() -> Iterator[Settings]:
    """A fresh instance on free ports, stopped and forgotten on leaving. Raises :class:`InstanceFailed`."""
    with tempfile.TemporaryDirectory(prefix="hotline-bench-") as folder:
        data = Path(folder) / "data"
        try:
            hotline("up", "--detach", "--free-ports", data=data)
            yield Settings(data_dir=data)
        finally:
            stop(Settings(data_dir=data))


def hotline(*words: str, data: Path) -> None:
    """Run one command of this program on ``data``. Raises :class:`InstanceFailed`."""
    argv = [sys.executable, "-m", "gateway.cli", *words, "--data", str(data), "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=_READY_S, check=False)
    if done.returncode:
        raise InstanceFailed(f"hotline {words[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")


class Caller:
    """A citizen's phone in a call. Use :func:`calling`."""

    def __init__(self, phone: CitizenPhone, operator: OperatorView, leg: CallLeg) -> None:
        self._phone = phone
        self._operator = operator
        self._leg = leg
        self._turns = 0

    @property
    def over(self) -> bool:
        """Whether the call has ended or a person is being fetched: no further question would reach the bot."""
        return self._phone.ended or self._operator.latest.transfer is not None

    async def ask(self, question: str, pcm: bytes, *, hear_out: bool) -> Asked:
        """Speak ``pcm`` and listen: to the end of the answer, or only until it has begun."""
        await self._phone.say(pcm)
        if hear_out:
            exchange = await self._phone.listen()
        else:
            exchange = await self._phone.listen(lambda: self._phone.hears_speech, patience_s=_ANSWER_S)
        return self._asked(question, await self._new_turn(), exchange)

    async def hear(self, seconds: float) -> None:
        """Go on listening without saying anything."""
        await self._phone.wait(seconds)

    async def _new_turn(self) -> dict[str, Any]:
        """The newest turn since the last question, once its first sound is on record; empty when there is none."""
        turns: list[dict[str, Any]] = []
        for _ in range(round(_TIMELINE_S / _ASK_AGAIN_S)):
            view = await self._operator.look(self._leg.call_id)
            turns = [turn for turn in view.raw.get("turns", []) if turn["seq"] > self._turns and turn["said"]]
            if turns and "total_ms" in turns[-1]["stages"]:
                break
            await asyncio.sleep(_ASK_AGAIN_S)
        if not turns:
            return {}
        self._turns = turns[-1]["seq"]
        return turns[-1]

    def _asked(self, question: str, turn: dict[str, Any], exchange: Exchange) -> Asked:
        reply = turn.get("reply", {})
        return Asked(
            question,
            turn.get("said", ""),
            turn.get("act", ""),
            entry_id=reply.get("entry_id"),
            version=reply.get("entry_version"),
            choices=tuple(reply.get("choices", ())),
            speech=reply.get("speech", ""),
            sound=exchange.audio,
            first_audio_ms=exchange.first_audio_ms,
            answered_at=exchange.answered_at,
            handed_over=self._operator.latest.transfer is not None,
            stages=turn.get("stages", {}),
        )


@contextlib.asynccontextmanager
async def calling(settings: Settings, number: str) -> AsyncIterator[Caller]:
    """A call in which the greeting has been heard; hung up on leaving. Raises :class:`ivr.sip.contract.DialFailed`."""
    phone = CitizenPhone(f"sip:12345@{settings.host}:{settings.sip_port}", caller=number)
    await phone.start()
    try:
        async with OperatorView(settings.operator_port, settings.secret("operator")) as operator:
            leg = await phone.dial()
            await phone.listen()
            try:
                yield Caller(phone, operator, leg)
            finally:
                await phone.hangup()
    finally:
        await phone.stop()
