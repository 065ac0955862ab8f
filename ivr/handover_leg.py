"""Putting a call through: dial the second leg, let the caller hear that it rings, bridge the two."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from ivr.playback import Playback
from ivr.protocol import Transfer
from ivr.sip.contract import SAMPLE_RATE, CallLeg, DialFailed, SipEndpoint

State = Literal["ringing", "connected", "failed", "ended"]
OnState = Callable[[State, int], None]

_RING_HZ: Final = 450
_RING_ON_S: Final = 1
_RING_OFF_S: Final = 4
"""Ring-back tone: 450 Hz, 1 s on, 4 s off (GB/T 3380); the caller knows what it means."""
_RING_LEVEL: Final = 0.1


def ring_back() -> bytes:
    """One period of ring-back tone, int16 at 8 kHz."""
    moment = np.arange(_RING_ON_S * SAMPLE_RATE) / SAMPLE_RATE
    tone = (_RING_LEVEL * 32767 * np.sin(2 * np.pi * _RING_HZ * moment)).astype("<i2")
    return tone.tobytes() + bytes(2 * _RING_OFF_S * SAMPLE_RATE)


class HandoverLeg:
    """One transfer of one call."""

    def __init__(self, endpoint: SipEndpoint, leg: CallLeg, playback: Playback, on_state: OnState) -> None:
        self._endpoint = endpoint
        self._leg = leg
        self._playback = playback
        self._on_state = on_state

    async def run(self, command: Transfer) -> None:
        """Carry ``command`` out; returns when it has failed or the agent's leg is over."""
        if command.mode == "refer":
            await self._refer(command.target)
            return
        ringing = asyncio.get_running_loop().create_task(self._ring(), name="ring-back")
        try:
            agent = await self._endpoint.dial(
                command.target,
                caller=self._leg.number or "",
                timeout_s=command.ring_timeout_s,
                on_ringing=lambda: self._on_state("ringing", 180),
            )
        except DialFailed as failed:
            await _over(ringing)
            self._leg.flush()
            self._on_state("failed", failed.code)
            return
        finally:
            await _over(ringing)
        try:
            await self._talk(agent)
        finally:
            await agent.hangup()

    async def _talk(self, agent: CallLeg) -> None:
        if self._leg.ended:
            return
        self._playback.stop(force=True)
        self._leg.flush()
        self._on_state("connected", 200)
        await self._leg.bridge(agent)
        if not self._leg.ended:
            self._on_state("ended", 0)

    async def _refer(self, target: str) -> None:
        await self._playback.idle()
        if await self._leg.refer(target):
            self._on_state("connected", 202)
            await self._leg.wait_ended()
        else:
            self._on_state("failed", 0)

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
