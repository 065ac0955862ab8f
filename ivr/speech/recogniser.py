"""What the call asks of a recogniser: one utterance after another, words while they are spoken, a result at the end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from config.errors import HotlineError


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word; times in ms from the start of the utterance's audio, confidence 0…1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Recognised:
    """One utterance: text without spaces, mean word confidence; empty when there was no word in it."""

    text: str = ""
    confidence: float = 0.0
    words: tuple[RecognisedWord, ...] = ()


class RecogniserLost(HotlineError):
    """What was being said is gone: the worker died or hung and nobody could take over."""

    def __init__(self) -> None:
        super().__init__("recogniser_lost", "语音识别进程中断，这句话没有识别出来；请让来电人再说一遍")


OnPartial = Callable[[str], None]
"""Called with the words of the utterance so far, first with none as soon as a voice is heard; never for sound without a voice."""


class Recogniser(Protocol):
    """One call's recogniser."""

    def begin(self, hints: Sequence[str] = ()) -> None:
        """Start an utterance; ``hints``: what is likely to be said. What was unfinished is dropped."""
        ...

    def feed(self, pcm: bytes) -> None:
        """More of the utterance: int16, 8 kHz, whole 20 ms frames."""
        ...

    async def finish(self) -> Recognised:
        """The utterance is over; raises :class:`RecogniserLost`."""
        ...

    async def close(self) -> None: ...


class RecogniserSource(Protocol):
    """Gives each call its recogniser."""

    @property
    def name(self) -> str:
        """Which model recognises."""
        ...

    def open(self, on_partial: OnPartial) -> Recogniser:
        """A recogniser for one call; ``on_partial``: see :data:`OnPartial`."""
        ...


class RecogniserService(RecogniserSource, Protocol):
    """A source with a life of its own, as the node owns it."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def probe(self) -> bool:
        """Whether it really recognises."""
        ...
