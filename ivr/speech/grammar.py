"""Hints made into a grammar that Vosk survives: only words of the model, never empty, never long.

Vosk dies of ``[]`` and of broken JSON, drops words it does not know without a word, and compiles what it is given while a caller
waits (DESIGN §6.2). Nothing but what :meth:`Grammars.grammar` returns may reach it.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from asr_models.measure import spoken

ANYTHING_ELSE: Final = "[unk]"
"""The model's word for what is in no vocabulary; without it a grammar hears a hint in whatever is said."""
MOST_PHRASES: Final = 200
LONGEST_PHRASE: Final = 40
_LONGEST_WORD: Final = 8
_NOT_SPOKEN: Final = re.compile(r"[^\u3400-\u9fff\u3007A-Za-z]")


class Grammars:
    """What one model can listen for. ``model`` is a ``vosk.Model`` read from ``model_dir``."""

    def __init__(self, model: Any, model_dir: Path | None = None) -> None:
        self._model = model
        self._known: dict[str, bool] = {}
        self._can_be_guided = model_dir is None or (model_dir / "graph" / "Gr.fst").is_file()

    def has(self, word: str) -> bool:
        """Whether ``word`` is in the model's vocabulary."""
        if word not in self._known:
            self._known[word] = self._model.vosk_model_find_word(word) >= 0
        return self._known[word]

    def split(self, phrase: str) -> str | None:
        """``phrase`` as known words with spaces between, longest first; ``None`` when it cannot be said in them."""
        words, start = [], 0
        while start < len(phrase):
            for end in range(min(len(phrase), start + _LONGEST_WORD), start, -1):
                if self.has(phrase[start:end]):
                    words.append(phrase[start:end])
                    start = end
                    break
            else:
                return None
        return " ".join(words) or None

    def grammar(self, hints: object) -> str | None:
        """A grammar of the hints that the model can hear, as JSON; ``None``: listen openly.

        ``hints`` comes from outside: whatever is no list of words counts as no hint. A phrase that cannot be said in the model's
        words is dropped, figures are read out, punctuation goes. ``None`` too for a model without :data:`ANYTHING_ELSE` and for
        one whose graph is fixed.
        """
        if not self._can_be_guided or not self.has(ANYTHING_ELSE):
            return None
        phrases = dict.fromkeys(words for hint in _texts(hints) if (words := self.split(hint)))
        kept = sorted(list(phrases)[:MOST_PHRASES])
        return json.dumps([*kept, ANYTHING_ELSE], ensure_ascii=False) if kept else None


def _texts(hints: object) -> Iterable[str]:
    """The hints as they are spoken."""
    if not isinstance(hints, list | tuple):
        return
    for hint in hints:
        said = _NOT_SPOKEN.sub("", spoken(hint)) if isinstance(hint, str) and len(hint) <= 4 * LONGEST_PHRASE else ""
        if 0 < len(said) <= LONGEST_PHRASE:
            yield said
