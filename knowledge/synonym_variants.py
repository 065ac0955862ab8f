"""The maintainers' own synonyms: a question is asked again with each of the words that they say means the same.

Nothing in the index depends on them, so a change holds from the next question on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from knowledge.text import all_words, normalise, without_courtesy

MOST_VARIANTS: Final = 4


@dataclass(frozen=True, slots=True)
class Variant:
    """``said`` was replaced by ``meant``."""

    text: str
    said: str
    meant: str


class Synonyms:
    """Groups of words that mean the same."""

    def __init__(self, groups: Sequence[Sequence[str]] = ()) -> None:
        self.groups: Final = tuple(tuple(group) for group in groups)
        self._others: dict[str, tuple[str, ...]] = {}
        for group in self.groups:
            words = tuple(dict.fromkeys(word for word in map(normalise, group) if word))
            for word in words:
                others = (other for other in words if other != word)
                self._others[word] = tuple(dict.fromkeys((*self._others.get(word, ()), *others)))
        self._longest_first = sorted(self._others, key=len, reverse=True)

    def variants(self, question: str) -> list[Variant]:
        """The question in other words, at most :data:`MOST_VARIANTS`; longer words before those that they contain."""
        if not self._others:
            return []
        plain = without_courtesy(normalise(question))
        found: list[Variant] = []
        seen: list[str] = []
        for word in self._longest_first:
            if word not in plain or any(word in longer for longer in seen):
                continue
            if len(word) == 1 and word not in all_words(plain):
                continue
            seen.append(word)
            for other in self._others[word]:
                if other not in plain:
                    found.append(Variant(plain.replace(word, other), word, other))
        return found[:MOST_VARIANTS]
