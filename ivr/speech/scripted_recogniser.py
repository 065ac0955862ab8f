"""A recogniser that hears what a script says: for tests and demonstrations of a call without a model."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from ivr.speech.recogniser import OnPartial, Recognised, RecogniserLost

LOST: Final = object()
"""In a script: this utterance is lost with its worker."""

CHARACTERS_A_SECOND: Final = 5
_FRAME_BYTES: Final = 320


class ScriptedRecogniser:
    """Speaks its next line at five characters a second of audio, in partials, whatever the audio is; an empty line is a noise."""

    def __init__(self, lines: deque[object], on_partial: OnPartial) -> None:
        self._lines = lines
        self._on_partial = on_partial
        self._frames = 0
        self._told: str | None = None
        self.hints: list[tuple[str, ...]] = []

    def begin(self, hints: Sequence[str] = ()) -> None:
        self.hints.append(tuple(hints))
        self._frames, self._told = 0, None

    def feed(self, pcm: bytes) -> None:
        self._frames += len(pcm) // _FRAME_BYTES
        line = self._lines[0] if self._lines else ""
        if isinstance(line, str) and line:
            words = line[: self._frames * CHARACTERS_A_SECOND // 50]
            if words != self._told:
                self._told = words
                self._on_partial(words)

    async def finish(self) -> Recognised:
        line = self._lines.popleft() if self._lines else ""
        if line is LOST:
            raise RecogniserLost
        return Recognised(str(line), 0.9 if line else 0.0)

    async def close(self) -> None:
        self._frames = 0


class ScriptedRecognisers:
    """A :class:`~ivr.speech.recogniser.RecogniserSource` whose calls share one script."""

    def __init__(self, lines: Iterable[object] = ()) -> None:
        self.lines: deque[object] = deque(lines)
        self.opened: list[ScriptedRecogniser] = []

    @property
    def name(self) -> str:
        return "scripted"

    async def start(self) -> None:
        self.opened.clear()

    async def close(self) -> None:
        self.lines.clear()

    async def probe(self) -> bool:
        return True

    def open(self, on_partial: OnPartial) -> ScriptedRecogniser:
        recogniser = ScriptedRecogniser(self.lines, on_partial)
        self.opened.append(recogniser)
        return recogniser
