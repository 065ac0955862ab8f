"""Putting a call through: dial the second leg, let the caller hear that it rings, bridge the two."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import numpy as np
import structlog

from config.errors import HotlineError
from ivr.health import answers_options
from ivr.playback import Playback
from ivr.protocol import Transfer
from ivr.sip.address import resolve
from ivr.sip.contract import SAMPLE_RATE, CallLeg, DialFailed, SipEndpoint

_log = structlog.get_logger("ivr")

State = Literal["ringing", "connected", "failed", "ended"]
OnState = Callable[[State, int], None]

_RING_HZ: Final = 450
_RING_ON_S: Final = 1
_RING_OFF_S: Final = 4
"""Ring-back tone: 450 Hz, 1 s on, 4 s off (GB/T 3380); the caller knows what it means."""
_RING_LEVEL: Final = 0.1
_GONE: Final = 408
"""How an agent who was cut off is reported: as one who does not answer."""


def ring_back() -> bytes:
    """One period of ring-back tone, int16 at 8 kHz."""
    moment = np.arange(_RING_ON_S * SAMPLE_RATE) / SAMPLE_RATE
    tone = (_RING_LEVEL * 32767 * np.sin(2 * np.pi * _RING_HZ * moment)).astype("<i2")
    return tone.tobytes() + bytes(2 * _RING_OFF_S * SAMPLE_RATE)


AGENT_SILENT_S: Final = 5.0
"""An agent's phone that sends no packet for this long is asked whether it is still there."""
_LOOK_EVERY_S: Final = 1.0
REFERRED_WAIT_S: Final = 5.0
"""A far end that took the caller over ends our call within this time; otherwise we end it (RFC 5589 §6.1)."""

Alive = Callable[[str], Awaitable[bool]]


async def phone_answers(target: str) -> bool:
    """Whether something answers at ``target``, twice asked. Behind a proxy that is the proxy: RTP's own time-out remains."""
    try:
        host, port = (await resolve(target)).address
    except HotlineError:
        return False
    return await answers_options(host, port) or await answers_options(host, port)


class HandoverLeg:
    """One transfer of one call. ``alive``: asks a phone that has fallen silent whether it is still there."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        leg: CallLeg,
        playback: Playback,
        on_state: OnState,
        *,
        alive: Alive = phone_answers,
    ) -> None:
        self._endpoint = endpoint
        self._leg = leg
        self._playback = playback
        self._on_state = on_state
        self._alive = alive
        self._dropped = False

    async def run(self, command: Transfer) -> None:
        """Carry ``command`` out; returns when it has failed or the agent's leg is over. A refused REFER is bridged instead."""
        ringing = asyncio.get_running_loop().create_task(self._ring(), name="ring-back")
        try:
            if command.mode == "refer" and await self._referred(command.target, ringing):
                return
            agent = await self._dial(command)
        finally:
            await _over(ringing)
        if agent is None:
            return
        try:
            await self._talk(agent, command.target)
        finally:
            await agent.hangup()

    async def _dial(self, command: Transfer) -> CallLeg | None:
        try:
            return await self._endpoint.dial(
                command.target,
                caller=self._leg.number or "",
                timeout_s=command.ring_timeout_s,
                on_ringing=lambda: self._on_state("ringing", 180),
            )
        except DialFailed as failed:
            self._leg.flush()
            self._on_state("failed", failed.code)
            return None

    async def _talk(self, agent: CallLeg, target: str) -> None:
        if self._leg.ended:
            return
        self._playback.stop(force=True)
        self._leg.flush()
        self._on_state("connected", 200)
        watching = asyncio.get_running_loop().create_task(self._watch(agent, target), name="agent-watch")
        try:
            await self._leg.bridge(agent)
        finally:
            await _over(watching)
        if self._leg.ended:
            return
        if self._dropped or await agent.wait_ended() == "fault":
            self._on_state("failed", _GONE)
        else:
            self._on_state("ended", 0)

    async def _watch(self, agent: CallLeg, target: str) -> None:
        """Notice a phone that died in mid-talk: no packet comes from it, and it answers nothing."""
        received, quiet_s = -1.0, 0.0
        while not agent.ended:
            await asyncio.sleep(_LOOK_EVERY_S)
            now = agent.stats.get("packets_received")
            if now is None or now != received:
                received, quiet_s = -1.0 if now is None else now, 0.0
                continue
            quiet_s += _LOOK_EVERY_S
            if quiet_s >= AGENT_SILENT_S:
                quiet_s = 0.0
                if not await self._alive(target):
                    _log.warning("agent_phone_gone")
                    self._dropped = True
                    await agent.hangup()

    async def _referred(self, target: str, ringing: asyncio.Task[None]) -> bool:
        """Whether the far end took the caller over to ``target``; then our part is done."""
        await self._playback.idle()
        if not await self._leg.refer(target):
            if not self._leg.ended:
                _log.warning("refer_failed")
            return self._leg.ended
        await _over(ringing)
        self._on_state("connected", 202)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFERRED_WAIT_S):
                await self._leg.wait_ended()
        if not self._leg.ended:
            self._on_state("ended", 0)
        return True

    async def _ring(self) -> None:
        period = ring_back()
        while not self._leg.ended:
            await self._playback.idle()
            self._leg.play(period)
            await self._leg.drained()


async def _over(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
