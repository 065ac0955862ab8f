"""The conversation core of one gateway process, with what keeps it fresh."""

import asyncio
import contextlib
from typing import Any, Final

import structlog

from config.clock import Clock
from config.rulebook import load_rulebook
from config.settings import Settings
from dialog.elements.extract import Extractor
from dialog.factory import build_dialog
from dialog.rasa_client import connect
from dialog.records import UnknownConversation
from gateway.assembly import Core
from knowledge.contract import Ranked
from knowledge.search import Search
from store.engine import Database
from store.vault import Vault

log = structlog.get_logger("gateway")

REFRESH_S: Final = 1.0
"""How often a change of the knowledge base is looked for (``docs/decisions.md`` 1)."""
_PROBE_QUESTION: Final = "居住证怎么办理"
_PROBE_MATTER: Final = "昨天晚上十点在人民路有人施工"


async def build_core(settings: Settings, database: Database, vault: Vault, clock: Clock) -> Core:
    """The core over this installation's store, knowledge and Rasa; its dictionaries are loaded before it returns."""
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    rasa = connect(settings)
    dialog = build_dialog(settings, database, vault, clock, search=search, understanding=rasa)
    extractor = Extractor(load_rulebook(settings.city, settings.data_dir))
    await asyncio.to_thread(dialog.warm, clock.now())
    refresher = asyncio.create_task(_keep_fresh(search), name="knowledge-refresh")

    async def suggest(question: str) -> dict[str, Any]:
        ranking = search.search(question, clock.now(), "desk")
        return {"verdict": ranking.verdict.value, "entries": [_entry(ranked) for ranked in ranking.ranked[:3]]}

    async def refresh_draft(conversation_id: str) -> None:
        with contextlib.suppress(UnknownConversation):
            await dialog.refresh_draft(conversation_id)

    async def probe() -> str:
        """Search, extraction and Rasa answer; without Rasa the fallback does, and the gateway works."""
        search.search(_PROBE_QUESTION, clock.now())
        extractor.extract(_PROBE_MATTER, turn_id="probe", at=clock.now())
        return "rasa" if await rasa.healthy() else "fallback"

    async def close() -> None:
        refresher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await refresher
        await rasa.close()

    return Core(dialog=dialog, suggest=suggest, refresh_draft=refresh_draft, probe=probe, close=close)


async def _keep_fresh(search: Search) -> None:
    while True:
        await asyncio.sleep(REFRESH_S)
        try:
            await search.refresh_if_changed()
        except Exception:
            log.exception("knowledge_refresh_failed")


def _entry(ranked: Ranked) -> dict[str, Any]:
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
        "score": round(ranked.score, 4),
    }
