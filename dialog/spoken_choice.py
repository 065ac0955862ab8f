"""Which of the offered answers the citizen means: by key, by number, by title, also as it sounds."""

import re
from collections.abc import Sequence
from typing import Final

from dialog.contract import Choice
from dialog.elements.pinyin import sounds

_NUMBERS: Final = {"1": "一1１", "2": "二两2２", "3": "三3３"}
_ORDINAL: Final = re.compile(r"第?([一二两三123１２３])(?:个|条|项|种)?(?:吧|的|呢|啊)?")
_CLOSE: Final = 0.8
"""Share of a title's syllables that must be heard, in order, for it to be meant."""


def chosen(text: str, choices: Sequence[Choice]) -> str | None:
    """The key of the choice that ``text`` means, or ``None``."""
    if not choices:
        return None
    words = re.sub(r"[\s，。！？,.!?]", "", text)
    keys = [choice.key for choice in choices]
    ordinal = _ORDINAL.fullmatch(words.removeprefix("我要").removeprefix("我选").removeprefix("选"))
    if ordinal:
        key = next(number for number, forms in _NUMBERS.items() if ordinal.group(1) in forms)
        return key if key in keys else None
    if words in {"最后一个", "最后那个"}:
        return keys[-1]
    scored = sorted(((_likeness(words, choice.title), choice.key) for choice in choices), reverse=True)
    best = scored[0]
    clear = len(scored) == 1 or best[0] - scored[1][0] >= 0.1
    return best[1] if best[0] >= _CLOSE and clear else None


def _likeness(words: str, title: str) -> float:
    """Longest common subsequence of syllables, as a share of the title's (titles of two syllables or more)."""
    heard, wanted = sounds(words), sounds(re.sub(r"[^\u4e00-\u9fffA-Za-z0-9]", "", title))
    if len(wanted) < 2:
        return 0.0
    row = [0] * (len(wanted) + 1)
    for syllable in heard:
        previous = 0
        for index, other in enumerate(wanted, 1):
            previous, row[index] = row[index], previous + 1 if syllable == other else max(row[index], row[index - 1])
    return row[-1] / len(wanted)
