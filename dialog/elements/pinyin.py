"""Sounds of Chinese words, so that a name is found again when the recogniser wrote it with other characters."""

from functools import lru_cache
from typing import Final

_CONFUSED: Final = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
"""Sounds that southern speakers and telephone audio do not keep apart."""


@lru_cache(maxsize=4096)
def sounds(text: str) -> tuple[str, ...]:
    """One toneless syllable a character, with what is easily confused made the same; what is not Chinese stays, run by run."""
    from pypinyin import Style, lazy_pinyin

    return tuple(_simplified(syllable) for syllable in lazy_pinyin(text, style=Style.NORMAL))


def _simplified(syllable: str) -> str:
    for one, other in _CONFUSED:
        if one.endswith("g"):
            syllable = syllable.removesuffix(one) + other if syllable.endswith(one) else syllable
        elif syllable.startswith(one):
            syllable = other + syllable[len(one) :]
    if syllable.startswith("l"):
        syllable = "n" + syllable[1:]
    return syllable


def sounds_like(text: str, other: str) -> bool:
    """True when both are said (nearly) the same way."""
    return len(text) == len(other) and sounds(text) == sounds(other)


@lru_cache(maxsize=1024)
def syllable(character: str) -> str:
    """The exact toneless syllable of one character."""
    from pypinyin import Style, lazy_pinyin

    return "".join(lazy_pinyin(character, style=Style.NORMAL))
