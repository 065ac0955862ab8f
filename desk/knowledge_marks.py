"""What agents say about knowledge: that an entry is wrong, and that they answered a caller with one (Z18, Z47)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from config.clock import Clock
from desk.contract import WITH_AGENT, DeskError, HandoverStatus
from desk.handovers import Handover, Handovers
from desk.sessions import Sessions
from desk.web import body_of
from dialog.masking import mask
from dialog.transcript import Transcripts
from knowledge.consultations import Consultation, Consultations, Result
from knowledge.contract import Actor, Entry, KnowledgeError
from knowledge.disputes import Disputes
from knowledge.repository import Repository
from store.accounts import Account

REASON_MOST: Final = 500
_ID_MOST: Final = 64

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answered(Protocol):
    """Turns typed errors into JSON answers: ``desk.web.answered``."""

    def __call__(self, handler: Handler) -> Handler: ...


class KnowledgeMarks:
    """Routes under ``/api/desk``: ``knowledge/{id}/dispute`` and ``handovers/{id}/answered``."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        handovers: Handovers,
        consultations: Consultations,
        disputes: Disputes,
        entries: Repository,
        transcripts: Transcripts,
        clock: Clock,
        answered: Answered,
    ) -> None:
        self._sessions = sessions
        self._handovers = handovers
        self._consultations = consultations
        self._disputes = disputes
        self._entries = entries
        self._transcripts = transcripts
        self._clock = clock
        self._answered = answered

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/desk/knowledge/{id}/dispute", self._answered(self._dispute)),
            web.post("/api/desk/handovers/{id}/answered", self._answered(self._tell)),
        ]

    async def _dispute(self, request: web.Request) -> web.Response:
        """``{reason, version?, handover?}`` → ``{dispute, due_at}``; the bot no longer answers with the entry."""
        account, body = (await self._sessions.require(request)).account, await body_of(request)
        reason = str(body.get("reason") or "").strip()
        if not 2 <= len(reason) <= REASON_MOST:
            raise DeskError("bad_request", f"请写明哪里不对（2 到 {REASON_MOST} 个字）")
        conversation_id = None
        if body.get("handover"):
            conversation_id = (await self._mine(account, str(body["handover"]))).conversation_id
        actor = Actor(account.id, account.role, account.unit)
        try:
            made = await self._disputes.report_dispute(
                actor,
                request.match_info["id"][:_ID_MOST],
                mask(reason),
                conversation_id=conversation_id,
                version=_version(body.get("version")),
            )
        except KnowledgeError as error:
            raise DeskError(error.code, error.message, error.status) from error
        return web.json_response({"dispute": made.id, "due_at": made.due_at.isoformat() if made.due_at else None})

    async def _tell(self, request: web.Request) -> web.Response:
        """``{entry}`` → ``{consultation}``: the caller's last question was answered with that entry."""
        account, body = (await self._sessions.require(request)).account, await body_of(request)
        handover = await self._mine(account, request.match_info["id"])
        if handover.status not in {*WITH_AGENT, HandoverStatus.ENDED}:
            raise DeskError("conflict", "还没有接起，不能标记已答复", 409)
        entry_id = str(body.get("entry") or "")[:_ID_MOST]
        versions = await self._entries.history(entry_id)
        if not versions:
            raise DeskError("not_found", "没有这条知识，请重新查找", 404)
        return web.json_response({"consultation": await self._mark(handover, versions[0])})

    async def _mark(self, handover: Handover, entry: Entry) -> str:
        """The conversation's last question as answered by an agent; where the bot was asked none, one is written down."""
        told: dict[str, Any] = {
            "entry_id": entry.id,
            "version": entry.version,
            "unit": entry.unit,
            "topic": entry.field,
        }
        marked = await self._consultations.mark(handover.conversation_id, Result.AGENT_ANSWERED, **told)
        if marked is not None:
            return marked
        said = [turn.text for turn in await self._transcripts.turns_of(handover.conversation_id) if len(turn.text) > 3]
        return await self._consultations.record(
            Consultation(
                conversation_id=handover.conversation_id,
                contact_key=handover.contact_id or handover.conversation_id,
                channel=handover.channel,
                text=mask(said[-1]) if said else entry.question,
                at=self._clock.now(),
                result=Result.AGENT_ANSWERED,
                **told,
            )
        )

    async def _mine(self, account: Account, handover_id: str) -> Handover:
        handover = await self._handovers.get(handover_id)
        if handover.agent_id != account.id:
            raise DeskError("forbidden", "这个转接不是派给您的", 403)
        return handover


def _version(raw: object) -> int | None:
    if raw is None:
        return None
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        raise DeskError("bad_request", "version 应为正整数")
    return raw
