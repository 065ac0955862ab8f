"""From what was asked to what is compared: normalised characters, words, character pairs and sounds."""

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import jieba
from pypinyin.constants import PINYIN_DICT

from config.settings import default_data_dir

_LEXICON: Final = Path(__file__).parent / "lexicon"
_SYNONYMS: Final = _LEXICON / "synonyms.txt"
_TERMS: Final = _LEXICON / "terms.txt"
_COURTESY: Final = _LEXICON / "courtesy.txt"
_STOP_WORDS: Final = _LEXICON / "stopwords.txt"

MAX_CHARACTERS: Final = 500
"""Longer questions are cut: nothing that a citizen asks in one breath is longer (DESIGN §6.3)."""

_DIGITS: Final = "零一二三四五六七八九"
_PLACES: Final = ("", "十", "百", "千")
_NOT_A_WORD: Final = "(?![水岗午班雨雪载乡周月个面调葬发属级])"
"""After 下: what makes a word of it."""
_NUMBER: Final = re.compile(r"(\d{4})(?=年)|\d+")
_NOT_TEXT: Final = re.compile(r"[^0-9a-z\u3400-\u9fff]+")
_TRADITIONAL: Final = str.maketrans(
    "證戶辦請問領繳費電氣醫療險積貸購買賣房產權過讓稅護養殘疾軍優補貼學費報轉離結婚訴遲欠勞動僱傭賠償設備業區擾聲車駕駛換掛號違規罰檢壞"
    "斷燈蓋樓鄰寵貓證當應該麼嗎個們這還時間錢歲現裡裏關於國際臺灣來後為從對會說話聽見網絡線單據類幫難",
    "证户办请问领缴费电气医疗险积贷购买卖房产权过让税护养残疾军优补贴学费报转离结婚诉迟欠劳动雇佣赔偿设备业区扰声车驾驶换挂号违规罚检坏"
    "断灯盖楼邻宠猫证当应该么吗个们这还时间钱岁现里里关于国际台湾来后为从对会说话听见网络线单据类帮难",
)
_TONES: Final = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹḿ", "aaaaeeeeiiiioooouuuuvvvvvnnnm")


@dataclass(frozen=True, slots=True)
class Terms:
    """A text as search sees it. Each tuple holds distinct terms, in the order of the text."""

    plain: str
    """The normalised text without courtesy."""
    words: tuple[str, ...]
    """Words that mean something, each as the first of its synonyms."""
    grams: tuple[str, ...]
    """Pairs of neighbouring characters."""
    sounds: tuple[str, ...]
    """Pairs of neighbouring syllables without tone, easily confused ones as one: they survive recognition errors."""


def normalise(text: str, most: int = MAX_CHARACTERS) -> str:
    """Half-width, lower-case, simplified, numbers in characters, no punctuation: ``６０岁, 補領`` → ``六十岁补领``."""
    plain = unicodedata.normalize("NFKC", text[:most]).lower().translate(_TRADITIONAL)
    return _NUMBER.sub(lambda match: _one_by_one(match[1]) if match[1] else _spoken(match[0]), _NOT_TEXT.sub("", plain))


def without_courtesy(text: str) -> str:
    """The normalised text less 请问, 我想问一下 and the like; all of it when nothing else is there."""
    return _courtesy().sub("", text) or text


def analyse(text: str) -> Terms:
    """Words, character pairs and sounds of ``text``. The first call loads jieba's dictionary (about a second)."""
    plain = without_courtesy(normalise(text))
    return Terms(
        plain=plain,
        words=telling_words(plain),
        grams=_distinct(_pairs(plain)),
        sounds=_distinct(_pairs([sound_of(character) for character in plain])),
    )


def telling_words(plain: str) -> tuple[str, ...]:
    """The distinct words of a normalised text that mean something, each as the first of its synonyms."""
    canonical, ignored = _canonical(), _stop_words()
    words = (canonical.get(word, word) for word in _segmenter().cut(plain, HMM=False))
    return _distinct(word for word in words if word not in ignored)


def all_words(plain: str) -> tuple[str, ...]:
    """The words that a normalised text is cut into, as they stand."""
    return tuple(_segmenter().cut(plain, HMM=False))


@lru_cache(maxsize=20_000)
def sound_of(character: str) -> str:
    """The commonest syllable of a character, near sounds as one (zh/z, ch/c, sh/s, n/l, -ng/-n); others as they are.

    By character and not by word: a recogniser's wrong character has a wrong neighbour as well.
    """
    said = PINYIN_DICT.get(ord(character))
    return _near_sound(said.split(",")[0].translate(_TONES)) if said else character


def alike(word: str) -> frozenset[str]:
    """All words that search takes for ``word``, itself included."""
    return _groups().get(_canonical().get(word, word), frozenset({word}))


def commonness(word: str) -> tuple[int, int]:
    """How often a word stands in the corpus of the dictionary, and how many words that corpus has."""
    dictionary = _segmenter()
    return int(dictionary.FREQ.get(word) or 0), int(dictionary.total)


def warm_up() -> None:
    """Load the dictionaries now instead of at the first question."""
    analyse("公积金怎么提取")


@cache
def lexicon_fingerprint() -> str:
    """Changes whenever a word list changes; an index belongs to one of them."""
    return hashlib.sha256(
        b"".join(file.read_bytes() for file in (_SYNONYMS, _TERMS, _COURTESY, _STOP_WORDS))
    ).hexdigest()[:16]


def _distinct(terms: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(terms))


def _pairs(items: str | list[str]) -> list[str]:
    return [first + second for first, second in pairwise(items)] or list(items)


def _spoken(digits: str) -> str:
    """Numbers up to 9999 as they are said (80 → 八十), longer ones and those like 110 digit by digit."""
    if len(digits) > 4 or digits.startswith("0") or digits in {"110", "119", "120", "122"}:
        return _one_by_one(digits)
    said = ""
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        if digit != "0":
            said += _DIGITS[int(digit)] + _PLACES[place]
        elif said and not said.endswith("零"):
            said += "零"
    said = said.rstrip("零") or "零"
    return said[1:] if said.startswith("一十") else said


def _one_by_one(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _near_sound(syllable: str) -> str:
    sound = syllable.replace("zh", "z").replace("ch", "c").replace("sh", "s")
    if sound.startswith("n") and len(sound) > 1:
        sound = "l" + sound[1:]
    return sound.removesuffix("g") if sound.endswith("ng") else sound


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


@cache
def _courtesy() -> re.Pattern[str]:
    """The longest phrases first, so that none is cut in two; 请问下 is none where 下 begins a word (请问下水道堵了找谁)."""
    phrases = sorted(_lines(_COURTESY), key=len, reverse=True)
    return re.compile("|".join(re.escape(one) + (_NOT_A_WORD if one.endswith("下") else "") for one in phrases))


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(word for line in _lines(_STOP_WORDS) for word in line.split())


@cache
def _canonical() -> dict[str, str]:
    """Word → first word of its group."""
    groups = (line.split() for line in _lines(_SYNONYMS))
    first: dict[str, str] = {}
    for group in groups:
        for word in group:
            first.setdefault(word, group[0])
    return first


@cache
def _groups() -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for word, first in _canonical().items():
        groups.setdefault(first, {first}).add(word)
    return {first: frozenset(words) for first, words in groups.items()}


def _cache_folder() -> str | None:
    """Where jieba keeps its compiled dictionary: with our state, not in a folder that everybody may write to."""
    folder = default_data_dir() / "cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder)


@cache
def _segmenter() -> jieba.Tokenizer:
    jieba.setLogLevel(logging.WARNING)
    segmenter = jieba.Tokenizer()
    segmenter.tmp_dir = _cache_folder()
    segmenter.initialize()
    with _TERMS.open(encoding="utf-8") as terms:
        segmenter.load_userdict(terms)
    for word in _canonical():
        if len(word) > 1:
            segmenter.add_word(word)
    return segmenter
