"""What a channel and the conversation core say to each other. Channels render, they do not decide."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Channel(StrEnum):
    PHONE = "phone"
    WEB = "web"
    WECHAT_MP = "wechat_mp"


class Said(StrEnum):
    """How an utterance reached us."""

    SPEECH = "speech"
    TYPED = "typed"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Contact:
    """Who is in the conversation. ``number`` is normalised and never logged; ``None``: withheld or a web visitor."""

    number: str | None = None
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing the citizen said. Confidence 0…1; audio offsets in ms from the start of the call."""

    text: str
    said: Said = Said.TYPED
    confidence: float = 1.0
    audio_start_ms: int | None = None
    audio_end_ms: int | None = None


class MessageKind(StrEnum):
    GREETING = "greeting"
    ANSWER = "answer"
    CHOOSE = "choose"
    ASK = "ask"
    CONFIRM = "confirm"
    FILED = "filed"
    NOTICE = "notice"
    EMERGENCY = "emergency"
    SORRY = "sorry"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of at most three offers: ``key`` is what to press or send, ``title`` what to show."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Message:
    """``text`` for screens, ``speech`` for ears. An answer names its knowledge entry and version."""

    kind: MessageKind
    text: str
    speech: str
    entry_id: str | None = None
    entry_version: int | None = None
    choices: tuple[Choice, ...] = ()


class Do(StrEnum):
    """What the channel (through the gateway) is to carry out after the messages."""

    TRANSFER = "transfer"
    HANG_UP = "hang_up"
    END_CHAT = "end_chat"


@dataclass(frozen=True, slots=True)
class Directive:
    """``reason``: asked | emergency | failed | unanswered | abuse | choice. ``emergency_number``: e.g. ``119``."""

    do: Do
    reason: str = ""
    emergency_number: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the dialogue expects next, so that the phone can listen well.

    ``state``: open | element | confirm | choose | digits. ``hints``: words likely to be said. Times in seconds.
    """

    state: str = "open"
    element: str = ""
    hints: tuple[str, ...] = ()
    no_input_s: float = 6.0
    digits: int = 0
    """How many digits a number has that is asked for; 0: not known."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one turn; committed to the store before it is returned."""

    turn_id: str
    messages: tuple[Message, ...]
    directives: tuple[Directive, ...] = ()
    expect: Expectation = Expectation()
    emergency: bool = False
    ticket_no: str | None = None
    act: str = ""
    engine: str = ""
    """Which engine decided: guard | rasa | fallback."""


class DialogEngine(Protocol):
    """The conversation core as channels see it (``dialog.engine.Dialog`` implements it)."""

    async def open(self, channel: Channel, contact: Contact, external_id: str, at: datetime) -> tuple[str, Reply]:
        """Begin a conversation (``external_id``: SIP Call-ID or chat session). Returns its id and the greeting."""
        ...

    async def turn(self, conversation_id: str, utterance: Utterance, at: datetime) -> Reply: ...

    async def partial(self, conversation_id: str, text: str, at: datetime, *, settled: bool = True) -> Reply | None:
        """Look at words still being said: only an emergency or a plain call for a person answers at once.

        ``settled`` false: the last word may still become a longer one (火灾 → 火灾保险).
        """
        ...

    async def silence(self, conversation_id: str, count: int, at: datetime) -> Reply:
        """Nothing was said ``count`` times in a row (1, 2: ask again in other words; 3: a person)."""
        ...

    async def close(self, conversation_id: str, ended_by: str, at: datetime) -> None: ...
