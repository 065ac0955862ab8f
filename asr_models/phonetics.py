"""Pinyin as the recogniser and the synthetic voices need it: syllables of a text, initials and finals, tone sandhi."""

import re
from functools import lru_cache
from typing import Final

from pypinyin import Style, lazy_pinyin, pinyin

INITIALS: Final = tuple(re.findall(r"\w+", "b p m f d t n l g k h j q x zh ch sh r z c s"))
FINALS: Final = tuple(
    sorted(
        re.findall(
            r"\w+",
            "a o e ai ei ao ou an en ang eng ong er i ia iao ie iou ian in iang ing iong "
            "u ua uo uai uei uan uen uang v ve van vn ii iii",
        )
    )
)
"""Finals in full: iou for -iu, uei for -ui, v for ü; ii after z, c, s and iii after zh, ch, sh, r."""

_SYLLABIC_NASALS: Final = {"n": "en", "m": "mu", "ng": "en", "hng": "heng", "hm": "heng", "ê": "ei"}
_WITHOUT_INITIAL: Final = {
    "yi": "i", "yu": "v", "yan": "ian", "yin": "in", "ying": "ing", "ya": "ia", "yao": "iao", "ye": "ie", "yo": "o",
    "yong": "iong", "you": "iou", "yue": "ve", "yuan": "van", "yun": "vn", "yang": "iang", "yai": "iai",
    "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "uei", "wan": "uan", "wen": "uen", "wang": "uang",
    "weng": "ong",
}  # fmt: skip
_IN_FULL: Final = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve"}


def split_syllable(syllable: str) -> tuple[str | None, str]:
    """``zhong1`` → (``zh``, ``ong``); ``yue4`` → (None, ``ve``). Raises ``ValueError`` for what is no syllable."""
    base = syllable.rstrip("12345").replace("ü", "v")
    base = _SYLLABIC_NASALS.get(base, base)
    if base in _WITHOUT_INITIAL:
        initial, final = None, _WITHOUT_INITIAL[base]
    else:
        initial = next((one for one in sorted(INITIALS, key=len, reverse=True) if base.startswith(one)), None)
        final = base[len(initial or "") :]
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    elif final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    final = _IN_FULL.get(final, final)
    if final not in FINALS:
        raise ValueError(f"不是拼音音节：{syllable}")
    return initial, final


def is_syllable(syllable: str) -> bool:
    try:
        split_syllable(syllable)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65536)
def syllables(text: str) -> tuple[str, ...]:
    """Toned syllables of the Chinese characters of ``text`` (``ni3 hao3``, 5 for the neutral tone); the rest is left out."""
    found = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    return tuple(_SYLLABIC_NASALS.get(one[:-1], one[:-1]) + one[-1] for one in found)


def readings(character: str) -> tuple[str, ...]:
    """All toneless readings of one character, the usual one first."""
    found = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    usual = [one.rstrip("12345") for one in syllables(character)]
    return tuple(dict.fromkeys([*usual, *(one for options in found for one in options if is_syllable(one))]))


def toned_readings(character: str) -> tuple[str, ...]:
    """All toned readings of one character, the usual one first, as :func:`syllables` writes them."""
    found = pinyin(character, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True, errors="ignore")
    every = [_SYLLABIC_NASALS.get(one[:-1], one[:-1]) + one[-1] for options in found for one in options if one]
    return tuple(dict.fromkeys([*syllables(character), *(one for one in every if is_syllable(one))]))


def with_third_tone_sandhi(toned: tuple[str, ...]) -> tuple[str, ...]:
    """A third tone before another becomes a second: ``ni3 hao3`` → ``ni2 hao3``."""
    following = (*toned[1:], "")
    return tuple(
        one[:-1] + "2" if one.endswith("3") and after.endswith("3") else one
        for one, after in zip(toned, following, strict=True)
    )


def espeak_spelling(syllable: str) -> str:
    """The spelling that the voice ``cmn-latn-pinyin`` reads as Mandarin in espeak-ng 1.51 and 1.52 alike.

    1.52 falls into English at ü and at jiong, qiong, xiong; v and -ong are read rightly by both.
    """
    spelt = syllable.replace("ü", "v")
    return spelt[0] + "ong" + spelt[-1] if spelt[:-1] in ("jiong", "qiong", "xiong") else spelt
