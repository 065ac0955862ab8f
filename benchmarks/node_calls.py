"""Calls to the node's own flow of a call, in this process: real SIP and RTP on loopback, the real recogniser, no gateway.

For what the node decides alone: when speech begins and ends, what becomes of a prompt.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from config.clock import SystemClock
from config.rulebook import load_rulebook
from config.settings import Settings
from ivr.call_flow import CallFlow
from ivr.emergency_words import EmergencyWords
from ivr.promises import Promises
from ivr.prompts import load_prompts
from ivr.protocol import NodeFrame
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg
from ivr.sip.media import Taps
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.voice import Speaker
from ivr.surroundings import Surroundings
from store.vault import Vault

F = TypeVar("F", bound=NodeFrame)


@dataclass(slots=True)
class NodeCall:
    """One call: the node's ``flow``, the caller's ``phone``, and what the node told the gateway that is not there."""

    flow: CallFlow
    phone: CallLeg
    told: list[NodeFrame] = field(default_factory=list)

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.told if isinstance(frame, kind)]


class NodeLine:
    """A hotline and a phone of its own; use as an asynchronous context, one call after the other."""

    def __init__(self, settings: Settings, folder: Path, pool: RecogniserPool, voice: Speaker) -> None:
        self._hotline = AiosipuaEndpoint("127.0.0.1", 0)
        self._citizen = AiosipuaEndpoint("127.0.0.1", 0)
        self._flows: asyncio.Queue[CallFlow] = asyncio.Queue()
        self._told: list[NodeFrame] = []
        self._around = Surroundings(
            endpoint=self._hotline,
            voice=voice,
            recognisers=pool,
            prompts=load_prompts(),
            emergencies=EmergencyWords(load_rulebook(settings.city, settings.data_dir)),
            promises=Promises(folder, Vault(settings)),
            clock=SystemClock(),
            send=self._told.append,
        )

    async def __aenter__(self) -> "NodeLine":
        self._hotline.on_call(self._take)
        await self._hotline.start()
        await self._citizen.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._citizen.stop()
        await self._hotline.stop()

    @contextlib.asynccontextmanager
    async def call(self, taps: Taps | None = None) -> AsyncIterator[NodeCall]:
        """An answered call, hung up on leaving."""
        self._told.clear()
        host, port = self._hotline.address
        leg = await self._citizen.dial(f"sip:12345@{host}:{port}", caller="13800000041", taps=taps or Taps())
        try:
            yield NodeCall(await self._flows.get(), leg, self._told)
        finally:
            await leg.hangup()

    async def _take(self, leg: CallLeg) -> None:
        flow = CallFlow(leg, self._around)
        self._flows.put_nowait(flow)
        await flow.run()
