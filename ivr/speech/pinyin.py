"""Speakable Chinese → numbered pinyin for the synthesiser, with tone sandhi; and the split into sentences. Pure."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from pypinyin import Style, lazy_pinyin
from pypinyin.seg.mmseg import seg

from asr_models.phonetics import espeak_spelling

MAX_SENTENCE: Final = 60
"""Characters after which a sentence is cut at its next comma, so that speech starts at once."""

_SENTENCE_END: Final = re.compile(r"(?<=[。！？；!?;\n…])(?![”’」』）])")
_CLAUSE_END: Final = re.compile(r"(?<=[，,：:、])")
_HANZI: Final = re.compile(r"[㐀-鿿〇]+")
_TOKEN: Final = re.compile(r"[㐀-鿿〇]+|[A-Za-z]+|[。！？；!?;\n…]+|[，,：:、—（）()《》“”\"]+")

_LETTERS: Final = {
    "A": "ei1", "B": "bi4", "C": "xi1", "D": "di4", "E": "yi4", "F": "ai2 fu5", "G": "ji4", "H": "ei2 qi5",
    "I": "ai4", "J": "zhei4", "K": "kei4", "L": "ai2 le5", "M": "ai2 mu5", "N": "en1", "O": "ou1", "P": "pi4",
    "Q": "kiu4", "R": "a4 er5", "S": "ai2 si5", "T": "ti4", "U": "you1", "V": "wei1", "W": "da2 bu5 liu5",
    "X": "ai2 ke5 si5", "Y": "wai4", "Z": "zei4",
}  # fmt: skip
"""Latin letters by their usual Mandarin names, in syllables of the pinyin voice."""

_SYLLABIC_NASALS: Final = {"n": "en", "m": "mu", "ng": "en", "hng": "heng", "hm": "heng", "ê": "ei"}
"""Interjections (嗯, 呣, 哼) as syllables that the voice has."""

_NOT_COUNTED: Final = set("零一二三四五六七八九十百千万亿幺〇点")


def sentences(text: str) -> list[str]:
    """Split into what is synthesised at a time: sentences, long ones at their commas. Nothing speakable is lost."""
    parts: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        if len(sentence) <= MAX_SENTENCE:
            parts.append(sentence)
            continue
        piece = ""
        for clause in _CLAUSE_END.split(sentence):
            if piece and len(piece) + len(clause) > MAX_SENTENCE:
                parts.append(piece)
                piece = ""
            piece += clause
        parts.append(piece)
    return [part.strip() for part in parts if _HANZI.search(part) or re.search(r"[A-Za-z]", part)]


def _tone(syllable: str) -> str:
    return syllable[-1]


def _with_tone(syllable: str, tone: str) -> str:
    return syllable[:-1] + tone


def _third_tones(words: Sequence[list[str]]) -> None:
    """3+3 → 2+3: first inside each word, then across words on what is left (老+保管 keeps lao3 bao2 guan3)."""
    for word in words:
        for index in range(len(word) - 1):
            if _tone(word[index]) == "3" and _tone(word[index + 1]) == "3":
                word[index] = _with_tone(word[index], "2")
    for left, right in pairwise(words):
        if _tone(left[-1]) == "3" and _tone(right[0]) == "3":
            left[-1] = _with_tone(left[-1], "2")


def _yi_and_bu(characters: str, syllables: list[str]) -> None:
    """一: 2nd tone before a 4th, 4th before the others, 1st when counting; 不: 2nd tone before a 4th."""
    for index, character in enumerate(characters):
        if character == "一" and syllables[index] in {"yi2", "yi4"}:
            syllables[index] = "yi1"
    for index, character in enumerate(characters[:-1]):
        following = _tone(syllables[index + 1])
        if character == "不" and following == "4":
            syllables[index] = "bu2"
        if character != "一" or syllables[index] != "yi1":
            continue
        if index and characters[index - 1] in _NOT_COUNTED | {"第", "初"}:
            continue
        after = characters[index + 1]
        if after in _NOT_COUNTED - set("百千万亿") or after in "月号楼":
            continue
        syllables[index] = "yi2" if following == "4" else "yi4"


def _hanzi(run: str) -> str:
    """Numbered pinyin of an unbroken run of characters."""
    cut = list(seg.cut(run))
    syllables = lazy_pinyin(cut, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    known = "".join(character for character in run if lazy_pinyin(character, errors="ignore"))
    if len(syllables) != len(known):
        return " ".join(syllables)
    _yi_and_bu(known, syllables)
    words, start = [], 0
    for word in cut:
        size = sum(character in known for character in word)
        if size:
            words.append([_voiced(syllable) for syllable in syllables[start : start + size]])
        start += size
    _third_tones(words)
    return " ".join(syllable for word in words for syllable in word)


def _voiced(syllable: str) -> str:
    """As the voice must be given it: nasals as whole syllables, and what it would read as English spelt otherwise."""
    base, tone = syllable[:-1], syllable[-1]
    return espeak_spelling(_SYLLABIC_NASALS.get(base, base) + tone)


def pinyin(text: str) -> str:
    """``ni2 hao3 , qing3 wen4 .``: syllables with tone digits (5: neutral), commas and stops for pauses."""
    spoken: list[str] = []
    for token in _TOKEN.findall(text):
        if _HANZI.fullmatch(token):
            spoken.append(_hanzi(token))
        elif token[0].isascii() and token[0].isalpha():
            spoken.extend(_LETTERS[letter] for letter in token.upper())
        else:
            spoken.append("." if token[0] in "。！？；!?;\n…" else ",")
    while spoken and spoken[0] in ",.":
        spoken.pop(0)
    return " ".join(spoken)
