"""Questions with characters that sound alike put for others, as a recogniser does; to fit with."""

import random
from collections.abc import Sequence
from typing import Final

from knowledge.contract import Entry
from knowledge.text import sound_of

_SEED: Final = 12345
SHARE: Final = 0.15
"""Of the characters of a question, how many are put wrong; one at least."""
BADLY: Final = 0.3
"""The same on a bad line."""


class Mishearing:
    """Puts characters wrong, each for one of the same near sound that stands somewhere in ``entries``."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._random = random.Random(_SEED)  # noqa: S311 no secret is made of it
        texts = (text for entry in entries for text in (entry.question, *entry.similar, entry.answer))
        self._alike: dict[str, list[str]] = {}
        for character in sorted(set("".join(texts))):
            if "\u3400" <= character <= "\u9fff":
                self._alike.setdefault(sound_of(character), []).append(character)

    def of(self, question: str, share: float = SHARE) -> str:
        """``question`` with ``share`` (0…1) of its characters put wrong, one at least; as it is when none sounds like another."""
        places = [place for place, character in enumerate(question) if len(self._others(character)) > 0]
        wrong = self._random.sample(places, min(len(places), max(1, round(share * len(question)))))
        heard = list(question)
        for place in wrong:
            heard[place] = self._random.choice(self._others(question[place]))
        return "".join(heard)

    def _others(self, character: str) -> list[str]:
        return [other for other in self._alike.get(sound_of(character), ()) if other != character]
