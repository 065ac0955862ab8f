"""Scenarios of a phone call as data: what the caller does, what has to be heard, and within how many ms."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict

FOLDER = Path(__file__).with_name("phone")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Hear(_Strict):
    """A sentence with ``hear`` in it begins within ``within_ms`` of this step."""

    hear: str
    within_ms: int = 6000


class NotHear(_Strict):
    """No sentence with ``not_hear`` in it begins for ``for_ms``."""

    not_hear: str
    for_ms: int


class Say(_Strict):
    """The caller says ``say``; ``[900]`` in it is a pause of 900 ms. ``meanwhile``: the next step begins with the speech."""

    say: str
    meanwhile: bool = False


class Sound(_Strict):
    """A sound without words for ``ms``; ``murmur`` is a voice, the others are none."""

    sound: Literal["cough", "noise", "music", "murmur"]
    ms: int
    meanwhile: bool = False


class Street(_Strict):
    """From here on noise of this level behind everything, in dBFS; 0 ends it."""

    street: float


class Press(_Strict):
    """Keys, one each ``gap_ms``."""

    press: str
    gap_ms: int = 150


class Prompt(_Strict):
    """The prompt is ``ducked``, ``silent`` or ``full`` again within ``within_ms`` of the beginning of the last sound."""

    prompt: Literal["ducked", "silent", "full"]
    within_ms: int


class Stays(_Strict):
    """The prompt is neither ducked nor silenced for ``for_ms``."""

    stays_full_ms: int


class Wait(_Strict):
    wait_ms: int


class HeardOut(_Strict):
    """Until nothing is being said."""

    heard_out: Literal[True]


class Gateway(_Strict):
    gateway: Literal["lost", "back"]


class Agent(_Strict):
    agent: Literal["hangs_up", "comes"]


class Transferred(_Strict):
    """How far the hand-over is within ``within_ms``: the agent's phone rings, or both talk."""

    transfer: Literal["ringing", "connected"]
    within_ms: int = 6000


class Ended(_Strict):
    """The hotline ends the call within ``within_ms``."""

    ended_within_ms: int


class HangUp(_Strict):
    hang_up: Literal[True]


Step = (
    Hear
    | NotHear
    | Say
    | Sound
    | Street
    | Press
    | Prompt
    | Stays
    | Wait
    | HeardOut
    | Gateway
    | Agent
    | Transferred
    | Ended
    | HangUp
)
_KINDS: dict[str, type[_Strict]] = {
    "hear": Hear,
    "not_hear": NotHear,
    "say": Say,
    "sound": Sound,
    "street": Street,
    "press": Press,
    "prompt": Prompt,
    "stays_full_ms": Stays,
    "wait_ms": Wait,
    "heard_out": HeardOut,
    "gateway": Gateway,
    "agent": Agent,
    "transfer": Transferred,
    "ended_within_ms": Ended,
    "hang_up": HangUp,
}
"""Steps by the key that begins them."""


def _step(raw: Any) -> Any:
    return _KINDS[next(iter(raw))].model_validate(raw) if isinstance(raw, dict) else raw


class Told(_Strict):
    """What must be known once the call is over. ``understood``: the turns of the caller, in order, as they were understood."""

    ended_by: Literal["caller", "bot", "agent", "policy", "fault"] | None = None
    understood: list[str] | None = None
    emergency: bool | None = None
    ticket: bool | None = None
    connected: bool | None = None
    promised: bool | None = None
    longest_silence_ms: int | None = None
    """The caller is never left longer without a sound from us while a word is owed (queue and answers)."""


class Scenario(_Strict):
    """One call. ``real``: it is also made as a real call (tests/e2e/test_scenarios.py)."""

    name: str
    about: str
    real: bool = False
    number: str | None = "13800000001"
    restricted: bool = False
    agent: Literal["none", "ready", "busy"] = "none"
    accepts_ms: int = 1000
    phone: Literal["answers", "busy", "rings"] = "answers"
    answers_ms: int = 2000
    script: list[Annotated[Step, BeforeValidator(_step)]]
    told: Told = Told()


def load(file: Path) -> Scenario:
    """One scenario; raises ``pydantic.ValidationError`` for a step that does not exist."""
    raw: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return Scenario.model_validate(raw)


def all_scenarios() -> dict[str, Scenario]:
    """Every scenario by the name of its file."""
    return {file.stem: load(file) for file in sorted(FOLDER.glob("*.yaml"))}
