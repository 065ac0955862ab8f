"""The whole core over a real store and the real sample knowledge; Rasa scripted or away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from config.clock import ManualClock, SystemClock
from config.settings import Settings
from dialog.contract import Channel, Contact, Reply, Said, Utterance
from dialog.engine import Dialog
from dialog.factory import build_dialog
from dialog.rasa_client import RasaStep, RasaUnavailable, Resume
from knowledge.repository import Repository
from knowledge.search import Search
from store.engine import Database
from store.vault import Vault
from tickets.service import Tickets


@dataclass
class ScriptedRasa:
    """Answers each turn with the next step of a script; without one it is down. Keeps what it was sent."""

    steps: list[tuple[str, tuple[dict[str, Any], ...]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str | None], bool, Resume]] = field(default_factory=list)

    def will(self, act: str, *directives: dict[str, Any]) -> None:
        self.steps.append((act, directives))

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: dict[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep:
        self.asked.append((text, dict(statuses), active_form, resume or Resume()))
        if not self.steps:
            raise RasaUnavailable("down")
        act, directives = self.steps.pop(0)
        return RasaStep(act=act, confidence=0.9, ranking=((act, 0.9),), directives=directives)


@dataclass
class Talk:
    """One conversation with the core."""

    dialog: Dialog
    clock: ManualClock
    id: str
    greeting: Reply
    replies: list[Reply] = field(default_factory=list)

    async def say(self, text: str, said: Said = Said.SPEECH) -> Reply:
        self.clock.advance(5)
        reply = await self.dialog.turn(self.id, Utterance(text, said), self.clock.now())
        self.replies.append(reply)
        return reply

    async def say_all(self, texts: Iterable[str]) -> Reply:
        for text in texts:
            reply = await self.say(text)
        return reply


Begin = Callable[..., Awaitable[Talk]]


@pytest.fixture
def rasa() -> ScriptedRasa:
    return ScriptedRasa()


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """The sample knowledge, indexed once."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("knowledge"))

    async def build() -> Search:
        database = Database(settings.effective_database_url)
        await database.migrate()
        await Repository(database, SystemClock()).load_samples()
        search = Search(database, settings)
        await search.refresh_if_changed()
        await database.close()
        return search

    return asyncio.run(build())


@pytest.fixture
def dialog(
    settings: Settings, database: Database, vault: Vault, clock: ManualClock, rasa: ScriptedRasa, search: Search
) -> Dialog:
    return build_dialog(settings, database, vault, clock, search=search, understanding=rasa)


@pytest.fixture
def tickets(database: Database, vault: Vault, clock: ManualClock) -> Tickets:
    return Tickets(database, vault, clock, "zhanjiang")


@pytest.fixture
def begin(dialog: Dialog, clock: ManualClock) -> Begin:
    async def start(channel: Channel = Channel.PHONE, contact: Contact | None = None) -> Talk:
        contact = contact or Contact("13800000000")
        conversation_id, greeting = await dialog.open(channel, contact, "call-1", clock.now())
        return Talk(dialog, clock, conversation_id, greeting)

    return start
