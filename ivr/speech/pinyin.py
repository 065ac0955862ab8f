"""Speakable Chinese → numbered pinyin for the synthesiser, with tone sandhi; and the split into sentences. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from pypinyin import Style, lazy_pinyin
from pypinyin.phrases_dict import phrases_dict

from asr_models.phonetics import espeak_spelling
from ivr.speech.lexicon import EMPTY, Lexicon

MAX_SENTENCE: Final = 40
"""Characters to which sentences are cut at their commas: a voice is never busy with one piece for long."""
LONG_OPENING: Final = 14
"""Characters above which the first clause goes ahead alone."""
_SHORTEST_OPENING: Final = 5
"""Characters that last a second: enough for the rest to be ready when they have been said."""
AFTER_SENTENCE_MS: Final = 220
AFTER_CLAUSE_MS: Final = 120
AFTER_ITEM_MS: Final = 60

_SENTENCE_END: Final = re.compile(r"(?<=[。！？；!?;\n…])(?![”’」』）])")
_CLAUSE_END: Final = re.compile(r"(?<=[，,：:、])")
_HANZI: Final = re.compile(r"[㐀-鿿〇\ue000-\uf8ff]+")
"""Characters, and the lexicon's marks for words that have letters or figures in them."""
_TOKEN: Final = re.compile(r"[㐀-鿿〇\ue000-\uf8ff]+|[A-Za-z]+|[。！？；!?;\n…]+|[，,：:、—（）()《》“”\"]+")

_LETTERS: Final = {
    "A": "ei1", "B": "bi4", "C": "xi1", "D": "di4", "E": "yi4", "F": "ai2 fu5", "G": "ji4", "H": "ei2 qi5",
    "I": "ai4", "J": "zhei4", "K": "kei4", "L": "ai2 le5", "M": "ai2 mu5", "N": "en1", "O": "ou1", "P": "pi4",
    "Q": "kiu4", "R": "a4 er5", "S": "ai2 si5", "T": "ti4", "U": "you1", "V": "wei1", "W": "da2 bu5 liu5",
    "X": "ai2 ke5 si5", "Y": "wai4", "Z": "zei4",
}  # fmt: skip
"""Latin letters by their usual Mandarin names, in syllables of the pinyin voice."""

_SYLLABIC_NASALS: Final = {"n": "en", "m": "mu", "ng": "en", "hng": "heng", "hm": "heng", "ê": "ei"}
"""Interjections (嗯, 呣, 哼) as syllables that the voice has."""

_LONGEST_PHRASE: Final = 8
"""The dictionary of phrases has ten that are longer."""

_NOT_COUNTED: Final = set("零一二三四五六七八九十百千万亿幺〇点")


def sentences(text: str) -> list[str]:
    """Split into what is synthesised at a time. Nothing speakable is lost.

    Sentences; long ones at their commas; of a first sentence that is long its first clause alone, so that speech starts at once.
    """
    parts = [piece for sentence in _SENTENCE_END.split(text) for piece in _pieces(sentence)]
    parts = [part.strip() for part in parts if _HANZI.search(part) or re.search(r"[A-Za-z]", part)]
    if parts and len(parts[0]) > LONG_OPENING:
        opening = next((at for at in _clause_ends(parts[0]) if at >= _SHORTEST_OPENING), 0)
        if opening and _HANZI.search(parts[0][opening:]):
            parts[:1] = [parts[0][:opening], parts[0][opening:].strip()]
    return parts


def _pieces(sentence: str) -> list[str]:
    """A sentence in pieces of at most :data:`MAX_SENTENCE` characters, if its commas allow it."""
    pieces = [""]
    for clause in _CLAUSE_END.split(sentence):
        if pieces[-1] and len(pieces[-1]) + len(clause) > MAX_SENTENCE:
            pieces.append("")
        pieces[-1] += clause
    return pieces


def _clause_ends(sentence: str) -> list[int]:
    return [found.end() for found in re.finditer(r"[，,：:]", sentence)]


def pause_ms(piece: str) -> int:
    """How long the silence is after a ``piece`` that is not the last one: as long as espeak's own at such a mark."""
    if piece[-1:] in "，,：:":
        return AFTER_CLAUSE_MS
    return AFTER_ITEM_MS if piece[-1:] == "、" else AFTER_SENTENCE_MS


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


def _yi_and_bu(spoken: Sequence["_Syllable"]) -> None:
    """一: 2nd tone before a 4th, 4th before the others, 1st when counting; 不: 2nd tone before a 4th."""
    for this in spoken:
        if this.character == "一" and not this.given and this.sound in {"yi2", "yi4"}:
            this.sound = "yi1"
    for index, (this, after) in enumerate(pairwise(spoken)):
        falling = _tone(after.sound) == "4"
        if this.given:
            continue
        if this.character == "不" and falling:
            this.sound = "bu2"
        if this.character != "一" or this.sound != "yi1":
            continue
        if index and spoken[index - 1].character in _NOT_COUNTED | {"第", "初"}:
            continue
        if after.character in _NOT_COUNTED - set("百千万亿") or after.character in "月号楼":
            continue
        this.sound = "yi2" if falling else "yi4"


@dataclass(slots=True)
class _Syllable:
    """One character and how it sounds. ``given``: by the lexicon, where 一 and 不 stand as they were written."""

    character: str
    sound: str
    given: bool


def words_of(run: str, lexicon: Lexicon = EMPTY) -> list[str]:
    """Cut ``run`` from the left into the longest words that have a reading of their own; what is left stands alone."""
    words: list[str] = []
    start, longest = 0, max(_LONGEST_PHRASE, lexicon.longest)
    while start < len(run):
        size = min(longest, len(run) - start)
        while size > 1 and run[start : start + size] not in lexicon.syllables:
            if size <= _LONGEST_PHRASE and run[start : start + size] in phrases_dict:
                break
            size -= 1
        words.append(run[start : start + size])
        start += size
    return words


@lru_cache(maxsize=32_768)
def _usual(word: str) -> tuple[tuple[str, str], ...]:
    """A word's characters with their usual sounds; a character without any is left out."""
    sounds = lazy_pinyin([word], style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    if len(sounds) != len(word):
        return tuple(pair for character in word for pair in _usual(character)) if len(word) > 1 else ()
    return tuple(zip(word, sounds, strict=True))


def _word(word: str, lexicon: Lexicon) -> list[_Syllable]:
    given = lexicon.syllables.get(word)
    if given is None:
        return [_Syllable(character, sound, given=False) for character, sound in _usual(word)]
    characters = word if len(word) == len(given) else " " * len(given)
    return [_Syllable(character, sound, given=True) for character, sound in zip(characters, given, strict=True)]


def _hanzi(run: str, lexicon: Lexicon) -> str:
    """Numbered pinyin of an unbroken run of characters and marks."""
    words = [word for word in (_word(word, lexicon) for word in words_of(run, lexicon)) if word]
    _yi_and_bu([syllable for word in words for syllable in word])
    spoken = [[_voiced(syllable.sound) for syllable in word] for word in words]
    _third_tones(spoken)
    return " ".join(sound for word in spoken for sound in word)


def _voiced(syllable: str) -> str:
    """As the voice must be given it: nasals as whole syllables, and what it would read as English spelt otherwise."""
    base, tone = syllable[:-1], syllable[-1]
    return espeak_spelling(_SYLLABIC_NASALS.get(base, base) + tone)


def pinyin(text: str, lexicon: Lexicon = EMPTY) -> str:
    """``ni2 hao3 , qing3 wen4 .``: syllables with tone digits (5: neutral), commas and stops for pauses."""
    spoken: list[str] = []
    for token in _TOKEN.findall(text):
        if _HANZI.fullmatch(token):
            spoken.append(_hanzi(token, lexicon))
        elif token[0].isascii() and token[0].isalpha():
            spoken.extend(_LETTERS[letter] for letter in token.upper())
        else:
            spoken.append("." if token[0] in "。！？；!?;\n…" else ",")
    while spoken and spoken[0] in ",.":
        spoken.pop(0)
    return " ".join(spoken)
