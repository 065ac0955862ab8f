"""The knowledge base's pages inside a gateway: the desk's sessions as its door, the hotline's voice for "play it"."""

import asyncio
import io
import wave
from typing import TYPE_CHECKING, Final

from aiohttp import web

from config.clock import Clock
from config.settings import Settings
from desk.contract import RateLimit
from desk.login import Login, forget, keep
from desk.presence import PresenceState
from desk.service import Desk
from desk.sessions import DESK, Place, Session, Sessions
from gateway.training import build_labels, build_trainer
from knowledge.apart import Apart
from knowledge.attachments import Attachments
from knowledge.catalogue import Catalogue
from knowledge.consultations import Consultations
from knowledge.contract import Actor
from knowledge.duplicates import Candidates
from knowledge.gaps import Gaps
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from knowledge.synonyms import SynonymLists
from knowledge.web.account import AccountPages
from knowledge.web.attachments import AttachmentPages
from knowledge.web.contract import Visitor, WebError
from knowledge.web.drafts import DraftPages, DraftShapes
from knowledge.web.entries import EntryPages
from knowledge.web.exchange import ExchangePages
from knowledge.web.gaps import GapPages
from knowledge.web.reviews import ReviewPages
from knowledge.web.rights import KNOWLEDGE_ROLES
from knowledge.web.routing import Route, mounted
from knowledge.web.speech import SpeechPages
from knowledge.web.tester import QUESTION_MOST, Asked, Explain, TesterPages
from knowledge.web.training import TrainingPages
from store.accounts import ROLE_LABELS
from store.engine import Database
from store.vault import Vault

if TYPE_CHECKING:
    from ivr.speech.voice import Voice
    from knowledge.explanation import Explanation
    from knowledge.search import Search

KNOWLEDGE: Final = Place(KNOWLEDGE_ROLES, "这个账号的角色不能进入知识库，请用知识编辑、知识审核等账号登录")
SPEAK_WITHIN_S: Final = 15.0
TELEPHONE_RATE_HZ: Final = 8000


class DeskDoor:
    """The desk's sessions for the knowledge base: who is logged in there is logged in here, where the role allows it."""

    def __init__(self, sessions: Sessions, login: Login, desk: Desk) -> None:
        self._sessions = sessions
        self._login = login
        self._desk = desk

    async def enter(self, request: web.Request, account: object, password: object) -> tuple[str, Visitor]:
        token, session = await self._login.enter(account, password, request.remote, KNOWLEDGE)
        return token, _visitor(session)

    async def require(self, request: web.Request) -> Visitor:
        return _visitor(await self._sessions.require(request, KNOWLEDGE))

    async def leave(self, request: web.Request) -> None:
        """Log out everywhere: an agent is off the desk too."""
        session = await self._sessions.require(request, KNOWLEDGE)
        await self._sessions.revoke(session)
        if session.account.role in DESK.roles:
            await self._desk.presence.set(session.account.id, PresenceState.OFFLINE)
            self._desk.hub.close(session.account.id)

    def keep(self, request: web.Request, response: web.Response, token: str) -> None:
        keep(response, token, secure=request.secure)

    def forget(self, response: web.Response) -> None:
        forget(response)


class ConsoleVoice:
    """The hotline's voice for the editors: one worker process, started with the first text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_copy(update={"voice_workers": 1})
        self._voice: Voice | None = None

    async def speak(self, text: str) -> bytes:
        """A WAV file of ``text`` as callers hear it. Raises ``unavailable``."""
        from ivr.speech.voice_pool import VoiceUnavailable

        if self._voice is None:
            self._voice = await asyncio.to_thread(_voice, self._settings)
        try:
            async with asyncio.timeout(SPEAK_WITHIN_S):
                pcm = await self._voice.synthesise(text)
        except (VoiceUnavailable, TimeoutError) as error:
            raise WebError("unavailable", "语音合成没有回应，请稍后再试；仍不行请联系运维", 503) from error
        return _wav(pcm)

    async def close(self) -> None:
        if self._voice is not None:
            await self._voice.close()


class KnowledgeConsole:
    """Everything under ``/api/kb``."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        vault: Vault,
        clock: Clock,
        door: DeskDoor,
        limit: RateLimit,
        explain: Explain,
    ) -> None:
        self._door = door
        self._voice = ConsoleVoice(settings)
        catalogue = Catalogue(database, clock)
        consultations = Consultations(database, vault, clock)
        lifecycle = Lifecycle(database, vault, clock, candidates=_candidates(explain, clock))
        shapes = DraftShapes(lifecycle, catalogue, clock)
        self.labels: Final = build_labels(database, vault, clock)
        self.attachments: Final = Attachments(database, clock, settings.data_dir / "attachments")
        gaps = Gaps(database, vault, clock, lifecycle)
        apart = Apart()
        self.guarded: Final[list[Route]] = [
            *EntryPages(lifecycle, shapes, catalogue, consultations, clock).routes(),
            *DraftPages(lifecycle, shapes).routes(),
            *ReviewPages(lifecycle, shapes, catalogue).routes(),
            *GapPages(gaps, shapes, consultations, clock, self.attachments.incoming, apart).routes(),
            *ExchangePages(lifecycle, Repository(database, clock), clock, self.attachments.incoming, apart).routes(),
            *TesterPages(explain, SynonymLists(database, clock), clock).routes(),
            *TrainingPages(build_trainer(settings, database, clock, self.labels), self.labels).routes(),
            *AttachmentPages(self.attachments, catalogue).routes(),
            *SpeechPages(self._voice.speak, limit).routes(),
        ]

    def routes(self) -> list[web.RouteDef]:
        """The routes as an application takes them."""
        return [*AccountPages(self._door).routes(), *mounted(self.guarded, self._door)]

    async def close(self) -> None:
        """Let go of the voice."""
        await self._voice.close()


def _candidates(explain: Explain, clock: Clock) -> Candidates:
    """The live search's candidates for near-duplicates: what it compares closely, whatever it would answer."""

    async def candidates(way: str) -> list[tuple[str, int]]:
        explanation = await explain(Asked(way[:QUESTION_MOST], clock.now(), agents=True))
        return [(one.id, one.version) for one in explanation.candidates]

    return candidates


def explained(search: "Search", asked: Asked) -> "Explanation":
    """What the live search makes of a question of the tester. Raises ``knowledge_not_ready``."""
    previous = asked.previous
    if previous and search.entry(previous, asked.at) is None:
        before = search.search(previous, asked.at, "desk", area=asked.area, agents=asked.agents).ranked
        previous = before[0].entry.id if before else ""
    return search.explain(
        asked.question, asked.at, act=asked.act, area=asked.area, previous=previous, agents=asked.agents
    )


def _visitor(session: Session) -> Visitor:
    account = session.account
    return Visitor(Actor(account.id, account.role, account.unit), ROLE_LABELS[account.role], session.csrf, account.name)


def _voice(settings: Settings) -> "Voice":
    from ivr.prompts import load_prompts  # speech has dictionaries of its own: not before somebody wants to hear it
    from ivr.speech.voice import hotline_voice

    return hotline_voice(settings, load_prompts())


def _wav(pcm: bytes) -> bytes:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TELEPHONE_RATE_HZ)
        file.writeframes(pcm)
    return sound.getvalue()
