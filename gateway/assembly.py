"""Puts the rooms together: one gateway, with the conversation core given in, so that tests can give in another."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn

import structlog
from aiohttp import web

from callers.restrictions import Restrictions
from chatbot.room import RoomNeeds
from chatbot.service import Chat
from chatbot.web import ChatApi
from config.clock import Clock
from config.duty import duty_phone
from config.rulebook import load_rulebook
from config.rulebook_model import DutyPhone, Rulebook
from config.settings import ROOT, Settings
from desk.actions import AgentActions
from desk.contract import Suggest
from desk.handovers import Handovers
from desk.knowledge_marks import KnowledgeMarks
from desk.login import Login
from desk.pops import Pops
from desk.presence import Presence
from desk.recording_web import RecordingApi
from desk.recordings import StoredRecordings
from desk.service import Desk
from desk.sessions import Sessions
from desk.web import DeskApi, answered
from dialog.contract import Channel, DialogEngine
from dialog.corrections import Corrections
from dialog.incidents import IncidentLists
from dialog.transcript import Transcripts
from gateway import metrics
from gateway.chat_desk import ChatLine, DeskForChat
from gateway.health import Health
from gateway.incident_feed import IncidentFeed
from gateway.kb_console import DeskDoor, KnowledgeConsole
from gateway.live_state import LiveState
from gateway.node_link import NodeLink
from gateway.operator_api import OperatorApi
from gateway.pages import Pages, secure
from gateway.phone import Phone
from gateway.phone_line import transfer_mode
from gateway.recording_intake import PART_MOST, RecordingIntake
from gateway.restriction_feed import RestrictionFeed
from gateway.signing import TokenSigner
from gateway.sockets import Hub
from ivr.protocol import GatewayFrame
from knowledge.consultations import Consultations
from knowledge.disputes import Disputes
from knowledge.public_files import PublicFiles
from knowledge.repository import Repository
from knowledge.web.contract import WebError
from knowledge.web.tester import Asked, Explain
from store import versions
from store.accounts import Accounts
from store.engine import Database
from store.vault import Vault
from tickets.service import Tickets

log = structlog.get_logger("gateway")

BODY_MOST: Final = 64 * 1024
HOUSEKEEPING_S: Final = 1.0
FIRST_PURGE_S: Final = 300.0
PURGE_EVERY_S: Final = 3600.0
"""Recordings whose days are over are looked for this often."""


async def _not_ready(asked: Asked) -> NoReturn:
    raise WebError("knowledge_not_ready", "知识库还没有装入，请稍后再试", 503)


@dataclass(frozen=True, slots=True)
class Core:
    """The conversation core as the gateway uses it.

    ``suggest``: knowledge for an agent; ``refresh_draft``: writes what was taken down into the conversation's draft;
    ``probe``: one synthetic turn, which leaves nothing behind; ``close``: lets go of what the core holds; ``explain``: why
    the search answers as it does, for the search tester.
    """

    dialog: DialogEngine
    suggest: Suggest
    refresh_draft: Callable[[str], Awaitable[object]]
    probe: Callable[[], Awaitable[str]]
    close: Callable[[], Awaitable[None]]
    explain: Explain = _not_ready


class Gateway:
    """Everything of one gateway process but its listeners."""

    def __init__(
        self, settings: Settings, clock: Clock, database: Database, vault: Vault, core: Core, live: LiveState
    ) -> None:
        rulebook = load_rulebook(settings.city, settings.data_dir)
        self._settings = settings
        self._clock = clock
        self._database = database
        self._core = core
        self.live: Final = live
        signer = TokenSigner(settings.secret("session"), clock)
        accounts = Accounts(database, vault, clock)
        transcripts = Transcripts(database, vault)
        tickets = Tickets(database, vault, clock, settings.city)
        self._agent_pages = Hub()
        self._chat_pages = Hub()
        self.presence: Final = Presence(clock, live)
        self.desk: Final = Desk(
            clock=clock,
            handovers=Handovers(database, vault, clock),
            accounts=accounts,
            presence=self.presence,
            pops=Pops(transcripts, tickets, core.suggest, core.refresh_draft),
            hub=self._agent_pages,
            answer_timeout_s=settings.agent_answer_timeout,
            queue_timeout_s=settings.queue_timeout,
            agent_attempts=settings.agent_attempts,
            on_duty=partial(_on_duty, rulebook, clock),
            outgoing_uri=settings.outgoing_uri,
        )
        decisions = Restrictions(database, vault, clock, rulebook)
        self.link: Final = NodeLink(settings.secret("node"), clock, self._tables)
        self.feed: Final = RestrictionFeed(database, decisions, rulebook, self.link.broadcast)
        self.incidents: Final = IncidentFeed(
            IncidentLists(database, clock, settings.city), rulebook, clock, self.link.broadcast
        )
        self.phone: Final = Phone(
            link=self.link,
            dialog=core.dialog,
            desk=self.desk,
            database=database,
            vault=vault,
            clock=clock,
            restrictions=decisions,
            tickets=tickets,
            notice=lambda: self.feed.notice,
            mode_for=partial(transfer_mode, settings),
            longest_call_s=settings.longest_call_s,
        )
        self.link.handle_with(self.phone)
        self.chat: Final = Chat(
            RoomNeeds(core.dialog, DeskForChat(self.desk), database, transcripts, live, self._chat_pages, clock)
        )
        self.desk.lines = {Channel.PHONE: self.phone, Channel.WEB: ChatLine(self.chat)}
        self.sessions: Final = Sessions(signer, accounts, clock, live)
        self._login = Login(accounts, self.sessions, live)
        kept = settings.data_dir / "recordings"
        self.recordings: Final = StoredRecordings(database, vault, clock, kept, rulebook.recording)
        self._recording_api = RecordingApi(self.recordings, self.sessions, signer, answered)
        self._intake = RecordingIntake(settings.secret("node"), kept / "incoming", self.recordings)
        self._knowledge = KnowledgeConsole(
            settings=settings,
            database=database,
            vault=vault,
            clock=clock,
            door=DeskDoor(self.sessions, self._login, self.desk),
            limit=live,
            explain=core.explain,
        )
        self._knowledge_marks = KnowledgeMarks(
            sessions=self.sessions,
            handovers=self.desk.handovers,
            consultations=Consultations(database, vault, clock),
            disputes=Disputes(database, vault, clock),
            entries=Repository(database, clock),
            transcripts=transcripts,
            clock=clock,
            answered=answered,
        )
        self._desk_api = DeskApi(
            desk=self.desk,
            actions=AgentActions(self.desk, tickets, Corrections(self._knowledge.labels, transcripts).type_changed),
            sessions=self.sessions,
            login=self._login,
            suggest=core.suggest,
            serve_socket=self._serve_agent,
        )
        files = PublicFiles(database, clock, self._knowledge.attachments)
        self._chat_api = ChatApi(self.chat, signer, live, self._chat_pages, self._chat_pages.present, files)
        self._pages = Pages(ROOT / "web" / "dist", rulebook)
        self._operator = OperatorApi(
            token=settings.secret("operator"),
            health=Health(clock, self._checks()),
            phone=self.phone,
            desk_api=self._desk_api,
            gauge=self._gauge,
        )
        self._housekeeping: asyncio.Task[None] | None = None
        self._purging: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what is on disk and begin to work."""
        self.live.on_back = self.presence.mirror
        await self.sessions.restore()
        await self.desk.start()
        await self.feed.start()
        await self.incidents.start()
        self._housekeeping = asyncio.create_task(self._keep_house(), name="housekeeping")

    async def stop(self) -> None:
        """Stop in order: no new work, calls let go (their nodes hold them), pages closed."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._housekeeping
        if self._purging is not None:
            await self._purging
        await self.feed.stop()
        await self.incidents.stop()
        await self.link.close()
        await self.phone.stop()
        await self.desk.stop()
        for hub in (self._agent_pages, self._chat_pages):
            hub.close_all()
        await self._knowledge.close()
        await self._core.close()
        await self.live.close()

    def web_application(self) -> web.Application:
        """Pages, chat, desk and knowledge base."""
        application = web.Application(middlewares=[secure], client_max_size=BODY_MOST)
        desk = (self._desk_api, self._recording_api, self._knowledge_marks)
        for part in (self._pages, self._chat_api, *desk, self._knowledge):
            application.add_routes(part.routes())
        return application

    def node_application(self) -> web.Application:
        """The listener for ivr nodes."""
        application = web.Application(client_max_size=PART_MOST)
        application.router.add_get("/node", self.link.serve)
        application.add_routes(self._intake.routes())
        return application

    def operator_application(self) -> web.Application:
        """The listener for operators."""
        return self._operator.application()

    async def _serve_agent(self, request: web.Request, key: str, first: Any, on_frame: Any) -> web.StreamResponse:
        try:
            return await self._agent_pages.serve(request, key, first, on_frame)
        finally:
            self.desk.wake()

    def _tables(self) -> Sequence[GatewayFrame]:
        """What a node that connects is told first."""
        return [table for table in (self.feed.current, self.incidents.current) if table is not None]

    async def _keep_house(self) -> None:
        purge_at = self._clock.monotonic() + FIRST_PURGE_S
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            try:
                await self.link.drop_lost()
                self.phone.pass_time()
                if self._clock.monotonic() >= purge_at:
                    purge_at = self._clock.monotonic() + PURGE_EVERY_S
                    self._purging = asyncio.create_task(self._purge(), name="purge")
            except Exception:
                log.exception("housekeeping_failed")

    async def _purge(self) -> None:
        try:
            await self.recordings.purge()
        except Exception:
            log.exception("recordings_not_purged")

    def _checks(self) -> dict[str, Callable[[], Awaitable[str]]]:
        return {
            "database": self._check_database,
            "redis": self._check_redis,
            "dialog": self._core.probe,
            "nodes": self._check_nodes,
        }

    async def _check_database(self) -> str:
        async with self._database.begin() as connection:
            written = await versions.bump(connection, "health")
        async with self._database.connect() as connection:
            found = await versions.read(connection, "health")
        if found < written:
            raise RuntimeError("what was written is not there")
        return ""

    async def _check_redis(self) -> str:
        if not await self.live.ping():
            raise ConnectionError("Redis is away; state is kept in memory")
        return ""

    async def _check_nodes(self) -> str:
        if not self.link.nodes:
            raise ConnectionError("no ivr node is linked")
        return ", ".join(sorted(self.link.nodes))

    def _gauge(self) -> None:
        metrics.NODES.set(len(self.link.nodes))
        metrics.LIVE_CALLS.set(self.phone.live_calls)
        metrics.READY_AGENTS.set(len(self.presence.ready()))
        metrics.WAITING.set(len(self.desk.queue_json()["waiting"]))


def _on_duty(rulebook: Rulebook, clock: Clock, number: str) -> DutyPhone | None:
    """Who answers now for an emergency with this number; without one, for any matter."""
    incidents = [incident.id for incident in rulebook.emergency if incident.number == number] or [""]
    found = (duty_phone(rulebook.duty_phones, clock.now(), incident=incident) for incident in incidents)
    return next((row for row in found if row is not None), None)
