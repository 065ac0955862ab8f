"""What every call of a node shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.clock import Clock
from ivr.emergency_words import EmergencyWords
from ivr.promises import Promises
from ivr.protocol import NodeFrame
from ivr.recording import Recordings
from ivr.sip.contract import SipEndpoint
from ivr.speech.recogniser import RecogniserSource
from ivr.speech.voice import Speaker


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The node's parts as a call uses them. ``send`` takes frames for the gateway; ``prompts`` are our own, by name."""

    endpoint: SipEndpoint
    voice: Speaker
    recognisers: RecogniserSource
    prompts: Mapping[str, str]
    emergencies: EmergencyWords
    promises: Promises
    clock: Clock
    send: Callable[[NodeFrame], None]
    fallback_uri: str = ""
    recordings: Recordings | None = None
    """``None``: nothing is recorded."""
