"""A whole hotline in one process and in no time: the real node, gateway, desk and core over a real store and a real WebSocket;
only SIP, sound and the clock are made up.
"""

import asyncio
import contextlib
import shutil
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy import select

from callers.restrictions import Restrictions
from config.rulebook import load_rulebook
from config.settings import Settings
from desk.actions import AgentActions
from desk.contract import DeskError, HandoverStatus
from desk.presence import PresenceState
from dialog.factory import build_dialog
from dialog.rasa_client import RasaStep, RasaUnavailable, Resume
from gateway.assembly import Core, Gateway
from gateway.live_state import LiveState
from gateway.ports import free_ports
from ivr.node import Node
from ivr.promises import Promises
from knowledge.repository import Repository
from knowledge.search import Search
from store.accounts import Accounts
from store.engine import Database
from store.schema import callbacks
from store.vault import Vault
from tests.ivr.scripted_leg import ScriptedEndpoint, ScriptedVoice
from tests.scenarios.held_time import HeldLoop, LoopClock
from tests.scenarios.spoken import FrameRecognisers
from tickets.service import Tickets

AGENT = "8001"


class NoRasa:
    """Rasa is away: the core decides by words alone, always alike."""

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: dict[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep:
        raise RasaUnavailable("down")


@dataclass
class Shift:
    """How the one agent behaves. ``accepts_ms`` after the offer; his phone as in :class:`ScriptedEndpoint`."""

    there: bool = False
    accepts_ms: int = 1000


class PlainVoice(ScriptedVoice):
    """Tells its own texts from other sounds: their samples do not change."""

    def text_of(self, frame: bytes) -> str:
        return super().text_of(frame) if frame == frame[:2] * (len(frame) // 2) else "音"


class House:
    """Use as an asynchronous context on a :class:`HeldLoop`."""

    def __init__(self, loop: HeldLoop, folder: Path, migrated: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(migrated, folder / "hotline.db")
        _silent_hold_audio(folder / "prompts" / "hold.wav")
        self.settings = Settings.model_validate({"data_dir": folder, **free_ports()})
        self.clock = LoopClock(loop)
        self.database = Database(self.settings.effective_database_url)
        self.vault = Vault(self.settings)
        self.voice = PlainVoice()
        self.endpoint = ScriptedEndpoint(self.voice)
        self.recognisers = FrameRecognisers()
        self.shift = Shift()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> "House":
        await Repository(self.database, self.clock).load_samples()
        search = Search(self.database, self.settings)
        await search.refresh_if_changed()
        self.gateway = Gateway(
            self.settings, self.clock, self.database, self.vault, self._core(search), self._live_state()
        )
        await self.gateway.start()
        await self.open_link()
        accounts = Accounts(self.database, self.vault, self.clock)
        await accounts.create(AGENT, "sip:8001@127.0.0.1:5070", "agent")
        await accounts.create("9001", "", "office")
        found = await accounts.get(AGENT)
        assert found is not None
        self._agent = found
        tickets = Tickets(self.database, self.vault, self.clock, self.settings.city)
        self._actions = AgentActions(self.gateway.desk, tickets)
        self.node = Node(
            self.settings, endpoint=self.endpoint, voice=self.voice, recognisers=self.recognisers, clock=self.clock
        )
        await self.node.start()
        self._desk_work = asyncio.create_task(self._work_at_desk())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._desk_work.cancel()
        await asyncio.gather(self._desk_work, return_exceptions=True)
        await self.node.stop()
        await self.close_link()
        await self.gateway.stop()
        await self.database.close()

    async def open_link(self) -> None:
        """The node can reach the gateway."""
        self._runner = web.AppRunner(self.gateway.node_application(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.settings.node_port).start()

    async def close_link(self) -> None:
        """The node loses the gateway."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await self.gateway.link.close()
            await runner.cleanup()

    async def restrict(self, number: str) -> None:
        """Hold ``number`` back from now on."""
        rulebook = load_rulebook(self.settings.city, self.settings.data_dir)
        decisions = Restrictions(self.database, self.vault, self.clock, rulebook)
        await decisions.add(number, ground="harass", evidence="反复辱骂", by="9001")
        await asyncio.sleep(2.5)

    async def agent(self, state: str, *, accepts_ms: int) -> None:
        """The agent is ``ready``, ``busy`` with somebody else, or not there (``none``: the page is closed, too)."""
        self.shift.there, self.shift.accepts_ms = state == "ready", accepts_ms
        pages = self.gateway._agent_pages._pages
        pages.pop(AGENT, None)
        if state != "none":
            pages[AGENT] = []
        states = {"ready": PresenceState.READY, "busy": PresenceState.BUSY}
        await self.gateway.presence.set(AGENT, states.get(state, PresenceState.OFFLINE))

    async def tidy_up(self) -> None:
        """After a call: the agent has put down and closed it, and the link is up."""
        await self.endpoint.stop()
        self.endpoint.agents.clear()
        if self._runner is None:
            await self.open_link()
        await asyncio.sleep(1)
        for live in list(self.gateway.desk.live.values()):
            if live.handover.agent_id == AGENT:
                with contextlib.suppress(DeskError):
                    await self._actions.end(self._agent, live.handover.id)

    async def promised(self, call: str) -> bool:
        """Whether a promise to call back is on a disk for that call: the gateway's, or still the node's."""
        kept = Promises(self.settings.data_dir / "promises", self.vault).undelivered()
        async with self.database.connect() as connection:
            row = await connection.execute(select(callbacks.c.id).where(callbacks.c.external_id == call))
            return row.first() is not None or any(promise.call == call for promise in kept)

    async def _work_at_desk(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            if not self.shift.there:
                continue
            offered = [
                live.handover.id
                for live in self.gateway.desk.live.values()
                if live.handover.status is HandoverStatus.OFFERED and live.handover.agent_id == AGENT
            ]
            for handover in offered:
                await asyncio.sleep(self.shift.accepts_ms / 1000)
                with contextlib.suppress(DeskError):
                    await self._actions.accept(self._agent, handover)

    def _core(self, search: Search) -> Core:
        dialog = build_dialog(
            self.settings, self.database, self.vault, self.clock, search=search, understanding=NoRasa()
        )

        async def suggest(question: str) -> dict[str, Any]:
            return {"verdict": "abstain", "entries": []}

        async def nothing(*_: object) -> str:
            return ""

        async def none() -> None:
            return None

        return Core(dialog, suggest, nothing, nothing, none)

    def _live_state(self) -> LiveState:
        return LiveState(Redis(port=1, retry=Retry(NoBackoff(), 0)), self.clock)


def _silent_hold_audio(file: Path) -> None:
    """What is said over it stays readable to the scripted ear."""
    file.parent.mkdir()
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000))
