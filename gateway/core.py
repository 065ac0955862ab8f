"""The conversation core of a running gateway: dialogue, knowledge that follows its changes, and a probe of the whole."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import delete

from config.clock import Clock, local
from config.rulebook import load_rulebook
from config.settings import Settings
from dialog.contract import Channel, Contact, DialogEngine, Utterance
from dialog.elements.extract import Extractor
from dialog.factory import build_dialog
from dialog.incidents import IncidentBook, IncidentLists
from dialog.rasa_client import RasaClient, connect
from dialog.unsure import UnsureListener
from gateway.assembly import Core
from gateway.follower import Follower
from gateway.kb_console import explained
from gateway.training import build_labels
from knowledge.contract import Audience, Entry, Ranked
from knowledge.explanation import Explanation
from knowledge.gap_grouping import Grouping
from knowledge.search import Search
from knowledge.web.tester import Asked
from store.engine import Database
from store.ids import new_id
from store.schema import metadata
from store.vault import Vault

log = structlog.get_logger("gateway")

REFRESH_S: Final = 0.3
"""How often a change is looked for; with its loading and a turn it is answered within a second of its publication."""
GAPS_EVERY_S: Final = 15.0
"""How often questions without an answer are put into gaps; the board does it besides whenever it is looked at."""
PROBE_EVERY_S: Final = 5.0
"""A synthetic turn is taken at most this often; between, its last finding is told."""
_QUESTION: Final = "你好，请问公积金怎么提取"


async def build_core(settings: Settings, database: Database, vault: Vault, clock: Clock) -> Core:
    """Load the knowledge base, connect to Rasa (which may come later) and put the core together."""
    await asyncio.to_thread(_load_dictionaries, settings, clock)
    search = Search(database, settings, clock, meaning=settings.search_meaning)
    await search.refresh_if_changed()
    rasa = connect(settings, follow=True)
    incidents = IncidentBook(load_rulebook(settings.city, settings.data_dir))
    lists = IncidentLists(database, clock, settings.city)
    listener = UnsureListener(rasa, await asyncio.to_thread(build_labels, database, vault, clock))
    dialog = build_dialog(settings, database, vault, clock, search=search, understanding=listener, incidents=incidents)
    seen = 0

    async def take_up_changes() -> None:
        """Changes of the knowledge base and of the list of emergencies."""
        nonlocal seen
        await search.refresh_if_changed()
        version = await lists.version()
        if version != seen:
            incidents.replace(await lists.all())
            seen = version

    follower = Follower("core", take_up_changes, every_s=REFRESH_S)
    await follower.start()
    probe = await Probe.prepare(settings, vault, clock, search, rasa)
    await probe.warm_up()

    grouping = Follower("gaps", Grouping(database, vault, clock).gather, every_s=GAPS_EVERY_S)
    await grouping.start()

    async def suggest(question: str) -> dict[str, Any]:
        now = clock.now()
        ranking = await asyncio.to_thread(partial(search.search, question, now, "desk", agents=True))
        entries = [
            entry_json(ranked) | {"disputed": _is_disputed(search, ranked.entry, now)} for ranked in ranking.ranked
        ]
        return {"verdict": ranking.verdict.value, "entries": entries}

    async def explain(asked: Asked) -> Explanation:
        return await asyncio.to_thread(explained, search, asked)

    async def refresh_draft(conversation_id: str) -> None:
        """The core writes its draft with every turn that adds to it."""

    async def close() -> None:
        await grouping.stop()
        await follower.stop()
        await asyncio.to_thread(search.close)
        await probe.close()
        await listener.close()
        await rasa.close()

    return Core(dialog, suggest, refresh_draft, probe.look, close, explain)


def entry_json(ranked: Ranked) -> dict[str, Any]:
    """A knowledge entry for the agent's page."""
    entry = ranked.entry
    return {
        "id": entry.id,
        "version": entry.version,
        "question": entry.question,
        "answer": entry.answer,
        "speech": entry.speech,
        "unit": entry.unit,
        "source": entry.source,
        "effective_at": entry.effective_at.isoformat(),
        "sample": entry.sample,
        "audience": entry.audience,
        "score": round(ranked.score, 3),
    }


def _is_disputed(search: Search, entry: Entry, at: datetime) -> bool:
    """An entry for everybody that the bot may not answer now."""
    return entry.audience == Audience.PUBLIC and search.entry(entry.id, at) is None


class Probe:
    """Synthetic conversations through the same core, over a store of their own, so that the books stay clean."""

    def __init__(self, dialog: DialogEngine, scratch: Database, clock: Clock) -> None:
        self._dialog = dialog
        self._scratch = scratch
        self._clock = clock
        self._looked = -PROBE_EVERY_S
        self._found = ""
        self._looking = asyncio.Lock()

    @classmethod
    async def prepare(cls, settings: Settings, vault: Vault, clock: Clock, search: Search, rasa: RasaClient) -> "Probe":
        """Make the scratch store anew."""
        file = settings.run_dir / "probe.db"
        for old in settings.run_dir.glob("probe.db*"):
            old.unlink(missing_ok=True)
        scratch = Database(f"sqlite+aiosqlite:///{file}")
        await scratch.migrate()
        dialog = build_dialog(settings, scratch, vault, clock, search=search, understanding=rasa)
        return cls(dialog, scratch, clock)

    async def warm_up(self) -> None:
        """Take the first turn, which loads dictionaries, before a citizen has to wait for it."""
        try:
            await self.look()
        except Exception:
            log.exception("first_turn_failed")

    async def look(self) -> str:
        """Which engine answered; raises when a turn through the core brings no answer."""
        async with self._looking:
            if self._clock.monotonic() - self._looked >= PROBE_EVERY_S:
                self._found = await self._turn(self._clock.now())
                self._looked = self._clock.monotonic()
        return self._found

    async def _turn(self, at: datetime) -> str:
        conversation_id, greeting = await self._dialog.open(Channel.WEB, Contact(), new_id(), at)
        reply = await self._dialog.turn(conversation_id, Utterance(_QUESTION), at)
        await self._dialog.close(conversation_id, "probe", at)
        await self._forget()
        if not greeting.messages or not reply.messages:
            raise RuntimeError("the core answered nothing")
        return f"{reply.engine} {local(at):%H:%M:%S}"

    async def _forget(self) -> None:
        async with self._scratch.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(delete(table))

    async def close(self) -> None:
        await self._scratch.close()


def _load_dictionaries(settings: Settings, clock: Clock) -> None:
    """What the first sentence would have to wait for; in a thread, so that the links stay alive."""
    extractor = Extractor(load_rulebook(settings.city, settings.data_dir))
    extractor.warm(clock.now())
