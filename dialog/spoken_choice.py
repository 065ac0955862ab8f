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
SPOKEN_TITLE: Final = 20
"""Characters of an offered title that are said; three longer ones are more than a caller can keep in mind."""
_PAUSE: Final = re.compile(r"[，。；？！,;?!（(]")
_THAT_ONE: Final = re.compile(r"(?:我要|我问|我想问|就是|问)?(.{2,}?)的?(?:那|这)(?:一)?(?:个|条|项)(?:吧|的|啊|呢)?")


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
    scored = sorted(((_meant(words, choice.title), choice.key) for choice in choices), reverse=True)
    best = scored[0]
    clear = len(scored) == 1 or best[0] - scored[1][0] >= 0.1
    return best[1] if best[0] >= _CLOSE and clear else _that_one(words, choices)


def spoken_title(title: str) -> str:
    """What is said of an offered title: up to its first pause, and not more than a caller can keep in mind."""
    first = _PAUSE.split(title.strip(), maxsplit=1)[0] or title
    return first[:SPOKEN_TITLE]


def _meant(words: str, title: str) -> float:
    """Likeness to a title as it is shown or as it was said."""
    return max(_likeness(words, title), _likeness(words, spoken_title(title)))


def _that_one(words: str, choices: Sequence[Choice]) -> str | None:
    """「迁移的那个」: the one title that has these sounds in a row."""
    named = _THAT_ONE.fullmatch(words)
    if named is None:
        return None
    wanted = " ".join(sounds(named.group(1)))
    having = [choice.key for choice in choices if f" {wanted} " in f" {' '.join(sounds(choice.title))} "]
    return having[0] if len(having) == 1 else None


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
