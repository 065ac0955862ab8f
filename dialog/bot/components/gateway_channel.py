"""The channel through which the gateway talks to Rasa: one request a turn, the whole state in it."""

import hmac
import json
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME, REQUESTED_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

MAX_BODY_BYTES: Final = 8192
MAX_TEXT: Final = 500
"""Characters; a message of 2 MB keeps every other one waiting for 13 s (measured)."""
MAX_SENDER: Final = 128
ENVIRONMENT_NAME: Final = "HOTLINE_RASA_CHANNEL_SECRET"
CHANNEL_HEADER: Final = "x-hotline-secret"
FORM: Final = "ticket_form"
ELEMENTS: Final = ("event", "time", "place", "person", "demand")
STAGES: Final = ("open", "gathering", "confirming", "choosing")
STATUSES: Final = ("filled", "declined")
RANKING: Final = 5


class BadMessage(ValueError):
    """The request is not a message of ours."""


@dataclass(frozen=True)
class Turn:
    """One message and the state it is to be judged in."""

    sender: str
    text: str
    stage: str
    requested: str | None
    statuses: dict[str, str | None]
    new: list[str]

    @classmethod
    def parse(cls, body: bytes) -> "Turn":
        """Raises :class:`BadMessage` unless ``body`` is a message with a sender, in the bounds."""
        try:
            given = json.loads(body)
            turn = cls(
                sender=given["sender"],
                text=given["text"],
                stage=given.get("stage", "open"),
                requested=given.get("requested"),
                statuses=dict.fromkeys(ELEMENTS) | given.get("statuses", {}),
                new=given.get("new", []),
            )
            turn._check()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadMessage(type(error).__name__) from error
        return turn

    def _check(self) -> None:
        if not (isinstance(self.sender, str) and 0 < len(self.sender) <= MAX_SENDER):
            raise BadMessage("sender")
        if not (isinstance(self.text, str) and len(self.text.strip()) > 0 and len(self.text) <= MAX_TEXT):
            raise BadMessage("text")
        if self.stage not in STAGES or self.requested not in (None, *ELEMENTS):
            raise BadMessage("stage")
        if set(self.statuses) != set(ELEMENTS) or not set(self.statuses.values()) <= {None, *STATUSES}:
            raise BadMessage("statuses")
        if not set(self.new) <= set(ELEMENTS):
            raise BadMessage("new")

    @property
    def words(self) -> str:
        """The text without a leading slash, which Rasa would take for the name of an intent."""
        return self.text.strip().lstrip("/／@") or "。"

    def metadata(self) -> dict[str, Any]:
        return {"stage": self.stage, "requested": self.requested, "statuses": self.statuses, "new": self.new}

    def history(self) -> list[Event]:
        """What must have happened for a conversation to stand where this one does."""
        events: list[Event] = [
            ActionExecuted(ACTION_SESSION_START_NAME),
            SessionStarted(),
            SlotSet("stage", self.stage),
            *(SlotSet(name, status) for name, status in self.statuses.items()),
        ]
        if self.stage == "gathering":
            requested = self.requested or next((name for name in ELEMENTS if not self.statuses[name]), None)
            events += [ActionExecuted(FORM), ActiveLoop(FORM), SlotSet(REQUESTED_SLOT, requested)]
        return [*events, ActionExecuted(ACTION_LISTEN_NAME)]


class GatewayInput(InputChannel):
    """``POST /webhooks/gateway/message``; the shared secret comes in a header and from the environment."""

    @classmethod
    def name(cls) -> str:
        return "gateway"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> "GatewayInput":
        secret = os.environ.get(ENVIRONMENT_NAME, "")
        if len(secret) < 16:
            raise ValueError(f"{ENVIRONMENT_NAME} must hold a secret of at least 16 characters")
        return cls(secret)

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        routes = Blueprint("gateway_webhook", __name__)

        @routes.post("/message")
        async def message(request: Request) -> HTTPResponse:
            if not hmac.compare_digest(request.headers.get(CHANNEL_HEADER, "").encode(), self._secret):
                return response.json({"error": "forbidden"}, 403)
            if len(request.body) > MAX_BODY_BYTES:
                return response.json({"error": "too_large"}, 413)
            try:
                turn = Turn.parse(request.body)
            except BadMessage as error:
                return response.json({"error": "bad_message", "what": str(error)}, 400)
            agent = request.app.ctx.agent
            if not agent or not agent.is_ready():
                return response.json({"error": "no_model"}, 503)
            return response.json(await self._answer(turn, agent.domain, agent.tracker_store, on_new_message))

        return routes

    async def _answer(
        self, turn: Turn, domain: Domain, store: Any, on_new_message: Callable[[UserMessage], Awaitable[Any]]
    ) -> dict[str, Any]:
        """Judge the turn in a tracker made for it alone, so that nothing can be out of step."""
        name = f"{turn.sender}.{uuid.uuid4().hex}"
        tracker = DialogueStateTracker(name, domain.slots)
        tracker.update_with_events(turn.history(), domain)
        await store.save(tracker)
        out = CollectingOutputChannel()
        await on_new_message(UserMessage(turn.words, out, name, input_channel=self.name(), metadata=turn.metadata()))
        after = await store.retrieve(name)
        heard = _last_heard(after)
        if after is None or heard is None:
            return {"messages": [], "intent": None, "ranking": [], "entities": {}, "statuses": {}}
        return {
            "messages": [item["custom"] for item in out.messages if "custom" in item],
            "intent": heard.intent,
            "ranking": heard.parse_data.get("intent_ranking", [])[:RANKING],
            "entities": {
                item["entity"]: item["value"] for item in heard.entities if item["entity"] in ("element", "choice")
            },
            "statuses": {element: after.get_slot(element) for element in ELEMENTS},
        }


def _last_heard(tracker: DialogueStateTracker | None) -> UserUttered | None:
    """The citizen's words as parsed; looked up among all events, since a form hides from the applied ones what fed it."""
    events = reversed(tracker.events) if tracker else ()
    return next((event for event in events if isinstance(event, UserUttered)), None)
