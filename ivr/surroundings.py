"""What every call of a node shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from config.clock import Clock
from ivr.emergency_words import EmergencyWords
from ivr.hold_audio import melody
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
    hold_sound: NDArray[np.int16] = field(default_factory=melody)
    """What is played, round and round, to callers who wait for a person."""
