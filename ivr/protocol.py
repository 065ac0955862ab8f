"""The wire between an ivr node and the gateway: JSON over one WebSocket, version 1.

Every frame is one object ``{"type", "call", "seq", …}``; ``seq`` counts per call and direction from 1; commands carry an
``id`` and are carried out once. The node connects to ``ws://<gateway>:<node_port>/node`` with the headers
``Authorization: Bearer <secret "node">`` and ``X-Node: <node id>``. ``docs/protocol.md`` holds the JSON Schemas.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

PROTOCOL_VERSION: Final = 1
HEARTBEAT_S: Final = 1.0
OFFER_TIMEOUT_S: Final = 0.5
"""``call.offered`` unanswered for this long: the call is admitted (DESIGN §5)."""
RESUME_WINDOW_S: Final = 10.0
"""How long a node holds its calls for a gateway that went away."""


class _Frame(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    seq: int = 0


class LiveCall(BaseModel):
    """A call that a node still holds when it (re)connects. ``bridged``: an agent is on the line."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    call: str
    number: str | None
    restricted: bool
    last_seq_seen: int
    bridged: bool = False


# --- node → gateway ---------------------------------------------------------------------------------------------


class Hello(_Frame):
    """First frame on every connection."""

    type: Literal["hello"] = "hello"
    version: int = PROTOCOL_VERSION
    node: str
    live: tuple[LiveCall, ...] = ()
    restrictions_version: int = 0


class Heartbeat(_Frame):
    """Either side, every second."""

    type: Literal["heartbeat"] = "heartbeat"


class CallOffered(_Frame):
    """An INVITE came while the node has no restriction table: admit?"""

    type: Literal["call.offered"] = "call.offered"
    call: str
    number: str | None
    headers: dict[str, str] = {}


class CallStarted(_Frame):
    """The call is answered. ``call`` is the SIP Call-ID.

    ``overflow``: there was no recogniser for it, only keys are heard. ``queue``: it goes to the human queue at once;
    ``notice``: the node tells it of the other channels, and it goes to the queue if a key is pressed.
    """

    type: Literal["call.started"] = "call.started"
    call: str
    number: str | None
    called: str = ""
    restricted: bool = False
    trunk: str = ""
    overflow: Literal["", "queue", "notice"] = ""


class SpeechPartial(_Frame):
    """Words still being said. ``settled``: they have stood for 400 ms; a last word is whole then."""

    type: Literal["speech.partial"] = "speech.partial"
    call: str
    text: str
    start_ms: int
    settled: bool = False


class SpeechFinal(_Frame):
    """One utterance, recognised. ``endpoint_ms``: when the node decided that it had ended."""

    type: Literal["speech.final"] = "speech.final"
    call: str
    text: str
    confidence: float
    start_ms: int
    end_ms: int
    endpoint_ms: int
    recogniser: str = ""


class Dtmf(_Frame):
    type: Literal["dtmf"] = "dtmf"
    call: str
    digit: str
    at_ms: int


class NoInput(_Frame):
    """Nothing was heard within the expected time; ``count`` in a row."""

    type: Literal["no_input"] = "no_input"
    call: str
    count: int


class PlaybackStarted(_Frame):
    """The first packet of ``say`` command ``id`` left; the rest are measurements for the operator, in ms."""

    type: Literal["playback.started"] = "playback.started"
    call: str
    id: str
    at_ms: int
    synthesis_ms: float = 0.0


class PlaybackDone(_Frame):
    """``said_ms``: how much was heard; ``unsaid``: when interrupted, the text from the clause on in which it was cut."""

    type: Literal["playback.done"] = "playback.done"
    call: str
    id: str
    interrupted: bool = False
    said_ms: int = 0
    unsaid: str = ""


class TransferState(_Frame):
    """How command ``transfer`` goes on: ringing | connected | failed | ended (the agent hung up)."""

    type: Literal["transfer.state"] = "transfer.state"
    call: str
    id: str
    state: Literal["ringing", "connected", "failed", "ended"]
    sip_code: int = 0


class CallEnded(_Frame):
    type: Literal["call.ended"] = "call.ended"
    call: str
    ended_by: Literal["caller", "bot", "agent", "policy", "fault"]
    duration_ms: int


class NodeLoad(_Frame):
    type: Literal["node.load"] = "node.load"
    calls: int
    max_calls: int


class CallbackRecorded(_Frame):
    """A promise that the node made alone while the gateway was away; delivered until acknowledged by ``ack``."""

    type: Literal["callback.recorded"] = "callback.recorded"
    id: str
    call: str
    number: str | None
    at: str
    promise: str


# --- gateway → node ---------------------------------------------------------------------------------------------


class Welcome(_Frame):
    """Answer to ``hello``: which calls to go on with and which to let go (unknown here)."""

    type: Literal["welcome"] = "welcome"
    version: int = PROTOCOL_VERSION
    resume: tuple[str, ...] = ()
    release: tuple[str, ...] = ()


class RestrictionRow(BaseModel):
    """One restriction in force: keyed hash of the number (secret ``number_key``), end as ISO 8601 UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    number_key: str
    ends_at: str


class Restrictions(_Frame):
    """The whole table, by version; pushed on connection and on change. ``notice`` is spoken to a restricted caller."""

    type: Literal["restrictions"] = "restrictions"
    version: int
    rows: tuple[RestrictionRow, ...]
    notice: str


class IncidentRow(BaseModel):
    """One kind of emergency: ``cues`` that mean it, ``safe_contexts`` in which they are doubtful, what to say at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    name: str
    number: str
    advice: str
    cues: tuple[str, ...]
    safe_contexts: tuple[str, ...] = ()


class Incidents(_Frame):
    """The list of emergencies in force, for the moments when only the node listens; pushed like ``restrictions``."""

    type: Literal["incidents"] = "incidents"
    version: int
    rows: tuple[IncidentRow, ...]


class Admit(_Frame):
    type: Literal["admit"] = "admit"
    call: str


class AdmitRestricted(_Frame):
    type: Literal["admit_restricted"] = "admit_restricted"
    call: str
    notice: str


class Reject(_Frame):
    type: Literal["reject"] = "reject"
    call: str
    code: int = 603


class Say(_Frame):
    """Speak ``text`` (or the named ``prompt``). ``barge_in`` false: a notice that may not be interrupted."""

    type: Literal["say"] = "say"
    call: str
    id: str
    text: str = ""
    prompt: str = ""
    barge_in: bool = True


class StopSaying(_Frame):
    type: Literal["stop_saying"] = "stop_saying"
    call: str


class Expect(_Frame):
    """What to listen for after the prompts: ``state`` as in ``dialog.contract.Expectation``; times in seconds.

    ``state`` is ``waiting`` while the caller waits for a person; ``digits``: how many digits are expected, 0 when not known.
    """

    type: Literal["expect"] = "expect"
    call: str
    state: str = "open"
    hints: tuple[str, ...] = ()
    no_input_s: float = 6.0
    digits: int = 0


class Transfer(_Frame):
    """Dial ``target`` and bridge. Speech to the caller goes on (hold) until connected."""

    type: Literal["transfer"] = "transfer"
    call: str
    id: str
    target: str
    mode: Literal["bridge", "refer"] = "bridge"
    ring_timeout_s: float = 25.0


class HoldAudio(_Frame):
    """The caller waits for a person: hold audio between announcements, until it is switched off or somebody answers."""

    type: Literal["hold.audio"] = "hold.audio"
    call: str
    on: bool


class RecordingPause(_Frame):
    """Something secret is being said (CLAUSES Z14): silence is recorded from ``from_ms`` (−1: from now) until resumed.

    What was already written since ``from_ms`` is overwritten.
    """

    type: Literal["recording.pause"] = "recording.pause"
    call: str
    from_ms: int = -1


class RecordingResume(_Frame):
    type: Literal["recording.resume"] = "recording.resume"
    call: str


class HangUp(_Frame):
    """End the call after what is being said."""

    type: Literal["hangup"] = "hangup"
    call: str
    reason: Literal["bot", "policy", "agent"] = "bot"


class Ack(_Frame):
    """The record ``id`` of ``callback.recorded`` is on the gateway's disk."""

    type: Literal["ack"] = "ack"
    id: str


NodeFrame = Annotated[
    Hello
    | Heartbeat
    | CallOffered
    | CallStarted
    | SpeechPartial
    | SpeechFinal
    | Dtmf
    | NoInput
    | PlaybackStarted
    | PlaybackDone
    | TransferState
    | CallEnded
    | NodeLoad
    | CallbackRecorded,
    Field(discriminator="type"),
]
GatewayFrame = Annotated[
    Welcome
    | Heartbeat
    | Restrictions
    | Incidents
    | Admit
    | AdmitRestricted
    | Reject
    | Say
    | StopSaying
    | Expect
    | Transfer
    | HoldAudio
    | RecordingPause
    | RecordingResume
    | HangUp
    | Ack,
    Field(discriminator="type"),
]

node_frame: Final[TypeAdapter[NodeFrame]] = TypeAdapter(NodeFrame)
"""Parses what a node sent."""
gateway_frame: Final[TypeAdapter[GatewayFrame]] = TypeAdapter(GatewayFrame)
"""Parses what the gateway sent."""
