"""What ``dialog/`` asks Rasa: the act of an utterance and the next step.

Each request carries the whole state the utterance is to be judged in (stage, statuses of the five elements, what was
asked for), so Rasa keeps nothing that matters: after a restart the very next turn goes on where the last one stood.
The text must be masked (``dialog.masking``); element values never leave ``dialog/``.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import aiohttp

from config.errors import HotlineError
from config.settings import Settings
from dialog.live_model import LiveAddress

CHANNEL_HEADER: Final = "X-Hotline-Secret"
PATH: Final = "/webhooks/gateway/message"
MAX_TEXT: Final = 500
"""Characters; longer text is cut. A very long message keeps Rasa busy for everyone (2 MB: 13 s, measured)."""
ELEMENTS: Final = ("event", "time", "place", "person", "demand")
"""The order in which the bot asks: the citizen's account of what happened mostly holds time and place."""
_NOT_FILLED: Final = frozenset({None, "", "missing"})
_PROBE_SENDER: Final = "probe"


class Stage(StrEnum):
    """Where a conversation stands."""

    OPEN = "open"
    GATHERING = "gathering"
    CONFIRMING = "confirming"
    CHOOSING = "choosing"


@dataclass(frozen=True, slots=True)
class Resume:
    """What ``dialog/`` knows of the conversation before this utterance, and Rasa need not remember.

    ``stage``: GATHERING while elements are asked for, CONFIRMING once they were read back, CHOOSING when answers were
    offered. ``requested``: the element last asked for. ``new``: the elements that this utterance settled; without it,
    the requested one counts as settled by this utterance when its status says so.
    """

    stage: Stage = Stage.OPEN
    requested: str | None = None
    new: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RasaStep:
    """Rasa's verdict on one utterance.

    ``act``: a dialogue act of ``dialog/bot/domain.yml``, or ``nlu_fallback`` when nothing fits. ``directives``: what
    to do, in order: ``{"do": …}`` or ``{"ask": element}``. ``statuses``: as they stand after the turn; an element may
    have become ``declined`` (「不知道」), see ``declined``. ``entities``: ``element`` (which one is wrong) and
    ``choice`` (``1``, ``2``, ``3``, ``last``), where they were said.
    """

    act: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    directives: tuple[dict[str, Any], ...]
    statuses: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    entities: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    declined: str | None = None


class RasaUnavailable(HotlineError):
    """Rasa did not answer as it should; the turn falls back to ``dialog/`` alone.

    ``code``: ``down`` | ``slow`` | ``http_<status>`` | ``garbled`` | ``empty``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code, f"对话模型没有应答（{code}），本轮由备用流程处理；可用 ./hotline status 查看")


class RasaClient:
    """Talks to the gateway channel of one Rasa server. Use as an async context manager, or call :meth:`close`."""

    def __init__(
        self, base_url: str | Callable[[], str], token: str = "", secret: str = "", timeout_s: float = 2.0
    ) -> None:
        """``base_url``: or what is called for it before each request, where the server may move.

        ``token``: for an HTTP API in front of Rasa, if there is one; ``secret``: the channel's shared secret.
        """
        self._base_url: Callable[[], str] = base_url if callable(base_url) else lambda: base_url
        self._headers = {CHANNEL_HEADER: secret} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; the client can be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: Mapping[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep:
        """Judge one masked utterance.

        ``statuses``: of the five elements as they are *with* what was just extracted from ``text``; ``active_form``:
        whether a ticket is being taken down. Raises :class:`RasaUnavailable`.
        """
        if not conversation_id:
            raise ValueError("a conversation without an id would share Rasa's state with others")
        body = _message(conversation_id, text, statuses, active_form, resume or Resume())
        url = self._url()
        try:
            answer = await self._post(url, body)
        except RasaUnavailable as error:
            moved = self._url()
            if error.code != "down" or moved == url:
                raise
            answer = await self._post(moved, body)
        return _step(answer, body)

    def _url(self) -> str:
        return self._base_url().rstrip("/") + PATH

    async def healthy(self) -> bool:
        """Whether a synthetic turn goes through the model and comes back with a directive."""
        try:
            step = await self.turn(_PROBE_SENDER, "你好", {}, active_form=False)
        except RasaUnavailable:
            return False
        return bool(step.directives)

    async def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._session.post(url, json=body, headers=self._headers) as response:
                    if response.status != 200:
                        raise RasaUnavailable(f"http_{response.status}")
                    answer = json.loads(await response.read())
        except TimeoutError as error:
            raise RasaUnavailable("slow") from error
        except aiohttp.ClientError as error:
            raise RasaUnavailable("down") from error
        except ValueError as error:
            raise RasaUnavailable("garbled") from error
        if not answer:
            raise RasaUnavailable("empty")
        if not isinstance(answer, dict):
            raise RasaUnavailable("garbled")
        return answer


def connect(settings: Settings, *, follow: bool = False) -> RasaClient:
    """The client of this installation's Rasa. ``follow``: of the server whose model is in service, wherever it moves."""
    base_url = LiveAddress(settings) if follow else f"http://127.0.0.1:{settings.rasa_port}"
    return RasaClient(base_url, secret=settings.secret("rasa_channel"), timeout_s=settings.rasa_timeout)


def synthetic_turn() -> dict[str, Any]:
    """The body of a request that proves a server works; see ``bot_training.probe``."""
    return _message(_PROBE_SENDER, "你好", {}, False, Resume())


def _message(
    conversation_id: str, text: str, statuses: Mapping[str, str | None], active_form: bool, resume: Resume
) -> dict[str, Any]:
    sent = {name: _status(statuses.get(name)) for name in ELEMENTS}
    stage = resume.stage
    if active_form and stage is Stage.OPEN:
        stage = Stage.GATHERING
    elif not active_form and stage in (Stage.GATHERING, Stage.CONFIRMING):
        stage = Stage.OPEN
    requested = resume.requested if stage is Stage.GATHERING else None
    new = resume.new
    if new is None:
        new = (requested,) if requested and sent.get(requested) else ()
    return {
        "sender": conversation_id,
        "text": text.strip()[:MAX_TEXT],
        "stage": stage.value,
        "requested": requested,
        "statuses": sent,
        "new": [name for name in new if name in ELEMENTS],
    }


def _status(status: str | None) -> str | None:
    """Rasa knows ``filled``, ``declined`` and null: any other word would stop the form from asking."""
    if status in _NOT_FILLED:
        return None
    return "filled" if status == "filled" else "declined"


def _step(answer: dict[str, Any], asked: dict[str, Any]) -> RasaStep:
    messages = answer.get("messages")
    if not messages:
        raise RasaUnavailable("empty")
    try:
        directives = tuple({str(key): value for key, value in message.items()} for message in messages)
        act, confidence = str(answer["intent"]["name"]), float(answer["intent"]["confidence"])
        ranking = tuple((str(item["name"]), float(item["confidence"])) for item in answer["ranking"])
        statuses = {name: answer["statuses"].get(name) for name in ELEMENTS}
        entities = {str(name): str(value) for name, value in answer["entities"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RasaUnavailable("garbled") from error
    requested = asked["requested"]
    declined = bool(requested) and not asked["statuses"][requested] and statuses[requested] == "declined"
    return RasaStep(
        act=act,
        confidence=confidence,
        ranking=ranking,
        directives=directives,
        statuses=MappingProxyType(statuses),
        entities=MappingProxyType(entities),
        declined=requested if declined else None,
    )
