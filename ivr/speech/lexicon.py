"""How words are read: ``config/lexicon.yaml`` and, over it, ``lexicon.yaml`` in the data folder, both edited by hand.

``words`` gives a reading to a word: dictionary pinyin (``chao2 yang2``; sandhi is ours) or other words to say in its place.
``surnames`` gives the reading that a character has as a surname; it holds before and after the words that show one (姓, 先生…).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml
from pypinyin import Style, lazy_pinyin
from yaml.nodes import MappingNode, Node, ScalarNode

from asr_models.phonetics import is_syllable
from config.errors import HotlineError
from config.settings import ROOT

SHIPPED: Final = ROOT / "config" / "lexicon.yaml"
NAME: Final = "lexicon.yaml"
LARGEST_BYTES: Final = 1024 * 1024
MOST_MARKED: Final = 6000
"""Marks are characters of the private use area, which has 6,400."""
_LONGEST_WORD: Final = 20
_LONGEST_READING: Final = 60
_FIRST_MARK: Final = 0xE000

_HANZI: Final = re.compile(r"[㐀-鿿〇]+")
_SYLLABLE: Final = re.compile(r"[a-zü]+[1-5]")
_READABLE: Final = re.compile(r"[㐀-鿿〇A-Za-z0-9，、。 ]+")
_TITLES: Final = re.findall(
    r"\w+",
    "先生 女士 小姐 同志 师傅 老师 主任 局长 处长 科长 所长 队长 经理 医生 警官 大爷 大妈 大姐 大哥 阿姨 叔叔 某",
)


class LexiconRefused(HotlineError):
    """A lexicon file that cannot be used; the message names every line and what to write instead."""

    def __init__(self, file: Path, problems: list[str]) -> None:
        super().__init__("bad_lexicon", f"读音表 {file} 有误，改正后自动生效：" + "；".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Readings by word. ``syllables``: words of characters only, in dictionary tones; ``marks``: others, by their mark."""

    syllables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    """Mark → the word it stands for; the mark's reading is among ``syllables``."""
    replacements: Mapping[str, str] = field(default_factory=dict)
    """Word (in lower case) → what stands in its place: other words, or its mark."""
    pattern: re.Pattern[str] | None = None
    longest: int = 0
    """Characters of the longest word of ``syllables``."""

    def marked(self, text: str) -> str:
        """``text`` ready to be normalised: words to be said otherwise are replaced, words with letters or figures marked."""
        if self.pattern is None:
            return text
        return self.pattern.sub(lambda found: self.replacements[found[0].lower()], text)

    def unmarked(self, text: str) -> str:
        """``text`` with the words back in the place of their marks, for showing."""
        return "".join(self.marks.get(character, character) for character in text) if self.marks else text


EMPTY: Final = Lexicon()


def load_lexicon(own: Path | None = None, shipped: Path = SHIPPED) -> Lexicon:
    """The shipped lexicon with ``own`` over it, which need not exist. Raises :class:`LexiconRefused`."""
    words, surnames = _read(shipped)
    if own is not None and own.is_file():
        own_words, own_surnames = _read(own)
        words, surnames = words | own_words, surnames | own_surnames
    return _compiled(words, surnames)


def _compiled(words: Mapping[str, str], surnames: Mapping[str, str]) -> Lexicon:
    syllables = dict(_named(surnames))
    marks: dict[str, str] = {}
    replacements: dict[str, str] = {}
    for word, reading in words.items():
        given = tuple(reading.replace("ü", "v").split())
        if not _SYLLABLE.match(given[0]):
            replacements[word.lower()] = reading
        elif _HANZI.fullmatch(word):
            syllables[word] = given
        else:
            mark = chr(_FIRST_MARK + len(marks))
            marks[mark] = word
            replacements[word.lower()] = mark
            syllables[mark] = given
    pattern = "|".join(_whole(word) for word in sorted(replacements, key=len, reverse=True))
    return Lexicon(
        MappingProxyType(syllables),
        MappingProxyType(marks),
        MappingProxyType(replacements),
        re.compile(pattern, re.IGNORECASE) if pattern else None,
        max(map(len, syllables), default=0),
    )


def _whole(word: str) -> str:
    """A pattern for ``word`` that does not find it inside a longer word of letters or figures."""
    left = r"(?<![A-Za-z0-9])" if word[0].isascii() and word[0].isalnum() else ""
    right = r"(?![A-Za-z0-9])" if word[-1].isascii() and word[-1].isalnum() else ""
    return left + re.escape(word) + right


def _named(surnames: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each surname with what shows that it is one: 曾先生, 姓曾."""
    for name, reading in surnames.items():
        given = tuple(reading.replace("ü", "v").split())
        yield "姓" + name, ("xing4", *given)
        for title in _TITLES:
            yield name + title, (*given, *lazy_pinyin(title, style=Style.TONE3, neutral_tone_with_five=True))


# --- reading and checking a file ------------------------------------------------------------------------------------


def _read(file: Path) -> tuple[dict[str, str], dict[str, str]]:
    """``words`` and ``surnames`` of a file. Raises :class:`LexiconRefused` with all that is wrong."""
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise LexiconRefused(file, [f"文件超过 {LARGEST_BYTES // 1024} KB，请删去不用的词"])
        root = yaml.compose(unicodedata.normalize("NFC", file.read_text(encoding="utf-8")), yaml.SafeLoader)
    except OSError as error:
        raise LexiconRefused(file, [f"文件读不出来（{error.strerror}）"]) from error
    except UnicodeDecodeError as error:
        raise LexiconRefused(file, ["请用 UTF-8 编码保存"]) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LexiconRefused(file, [f"第 {line} 行：不是“词: 读音”的形式"]) from error
    except yaml.YAMLError as error:
        raise LexiconRefused(file, ["含有不能显示的字符，请重新输入"]) from error
    problems: list[str] = []
    sections: dict[str, dict[str, str]] = {"words": {}, "surnames": {}}
    for key, value in _pairs(root, problems, "应分为 words: 和 surnames: 两部分"):
        if key.value not in sections:
            problems.append(f"{_line(key)}：没有“{key.value}”这一部分，只有 words 和 surnames")
        elif not (isinstance(value, ScalarNode) and not value.value):
            sections[key.value] = _entries(value, key.value == "surnames", problems)
    if problems:
        raise LexiconRefused(file, problems)
    return sections["words"], sections["surnames"]


def _entries(section: Node, surnames: bool, problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    marked = 0
    for key, value in _pairs(section, problems, "应为“词: 读音”"):
        word, reading = str(key.value).strip(), str(value.value).strip() if isinstance(value, ScalarNode) else ""
        marked += not _HANZI.fullmatch(word)
        if word.lower() in (one.lower() for one in (found if word.isascii() else ())) or word in found:
            problems.append(f"{_line(key)}：“{word}”重复了，请只留一行")
        elif wrong := _wrong(word, reading, surnames) or ("带字母或数字的词太多" if marked > MOST_MARKED else ""):
            problems.append(f"{_line(key)}：{wrong}")
        else:
            found[word] = reading
    return found


def _wrong(word: str, reading: str, surname: bool) -> str:
    """What is wrong with one line, empty when nothing is."""
    if not word or len(word) > _LONGEST_WORD:
        return f"词应有 1 到 {_LONGEST_WORD} 个字"
    if surname and not (_HANZI.fullmatch(word) and len(word) <= 2):
        return f"“{word}”不是姓，姓应为一两个汉字"
    if not reading or len(reading) > _LONGEST_READING:
        return f"“{word}”的读音应有 1 到 {_LONGEST_READING} 个字"
    if not reading.isascii() and "ü" not in reading and not surname:
        return "" if _READABLE.fullmatch(reading) else f"“{word}”的替代说法只能有汉字、字母、数字和，、。"
    syllables = reading.replace("ü", "v").split()
    bad = next((one for one in syllables if not (_SYLLABLE.fullmatch(one) and is_syllable(one))), None)
    if bad:
        return f"“{word}”的读音里“{bad}”不是带声调数字的拼音（如 hang2，轻声写 5）"
    if _HANZI.fullmatch(word) and len(syllables) != len(word):
        return f"“{word}”有 {len(word)} 个字，读音有 {len(syllables)} 个"
    return ""


def _pairs(node: Node | None, problems: list[str], wanted: str) -> list[tuple[ScalarNode, Node]]:
    if node is None:
        return []
    if not isinstance(node, MappingNode):
        problems.append(f"{_line(node)}：{wanted}")
        return []
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            problems.append(f"{_line(key)}：{wanted}")
    return [(key, value) for key, value in node.value if isinstance(key, ScalarNode)]


def _line(node: Node) -> str:
    return f"第 {node.start_mark.line + 1} 行"
