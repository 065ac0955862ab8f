"""What was heard, matched again by its sound to what was expected: 「是得」 is 「是的」, 「喂」 after a yes-or-no question is 「对」. Pure.

A recogniser without tones and with a telephone between hears like sounds for like sounds. Where the dialogue waits for one of a few
answers, the answer that sounds (nearly) the same is meant: certainly → taken, perhaps → asked, otherwise the words stay as they are.
Only short utterances that are the expected words and nothing more are touched, so a complaint never turns into a district.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

_INITIAL: Final = re.compile(r"zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]")
_INITIALS_CONFUSED: Final = frozenset(
    frozenset(pair)
    for pair in (("n", "l"), ("zh", "z"), ("ch", "c"), ("sh", "s"), ("f", "h"), ("r", "l"), ("z", "c"), ("zh", "ch"), ("b", "p"),
                 ("d", "t"), ("g", "k"), ("j", "q"), ("j", "zh"), ("q", "ch"), ("x", "sh"))
)  # fmt: skip
_FINALS_CONFUSED: Final = frozenset(
    frozenset(pair)
    for pair in (("an", "ang"), ("en", "eng"), ("in", "ing"), ("ian", "iang"), ("uan", "uang"), ("ei", "ui"), ("e", "i"), ("o", "uo"),
                 ("ou", "uo"), ("eng", "ong"))
)  # fmt: skip
_NEAR_INITIAL: Final = 0.2
_NEAR_FINAL: Final = 0.2
_OTHER_INITIAL: Final = 0.6
_OTHER_FINAL: Final = 0.7
_GAP: Final = 0.8
"""A syllable too many or too few."""

ACCEPT: Final = 0.16
CONFIRM: Final = 0.34
"""Distance a syllable, up to which an expected answer is taken as said, and up to which it is asked for."""
CLEAR: Final = 0.12
"""The next best must be worse by this."""
_FILLERS: Final = re.compile(
    r"^(?:嗯+|呃+|啊+|哦+|那个|就是|这个|我说的是|我选|我要|选|在)+|(?:吧|啊|呀|呢|嘛|了|那个|那边|这边|这里|这儿)+$"
)
_NOT_WORDS: Final = re.compile(r"[\s，。！？、；：,.!?;:·《》“”\"（）()]")
_LONGEST_EXTRA: Final = 2
"""Syllables by which an utterance may be longer than the expected answer."""
_YES: Final = (
    "对",
    "是",
    "是的",
    "对的",
    "好",
    "好的",
    "可以",
    "没错",
    "确认",
    "不对",
    "不是",
    "不是的",
    "不用",
    "没有",
    "错了",
    "不要",
)
_LONE: Final = {
    "confirm": {
        "对": ("喂", "退", "队", "兑", "堆", "腿", "推", "第", "对吧", "内", "得", "对了", "配", "最", "会", "追", "岁"),
        "是": ("四", "事", "十", "市", "师", "试", "式", "时"),
        "不对": ("不退", "补退", "不会", "不内", "不队", "五队"),
        "不是": ("不四", "不市", "布市", "不时"),
    }
}  # fmt: skip
"""Lone syllables: too short for a distance. What the shipped recogniser and southern speakers make of them, where a yes or no is due."""


class Certainty(StrEnum):
    ACCEPT = "accept"
    CONFIRM = "confirm"
    AS_HEARD = "as_heard"


@dataclass(frozen=True, slots=True)
class Rematch:
    """``text`` is what to go on with; ``expected`` the answer it was taken for, empty when none."""

    text: str
    expected: str = ""
    certainty: Certainty = Certainty.AS_HEARD
    distance: float = 1.0


@lru_cache(maxsize=8192)
def syllables(text: str) -> tuple[str, ...]:
    """Toneless syllables of ``text``; letters and figures each by themselves."""
    from pypinyin import Style, lazy_pinyin

    found = lazy_pinyin(_NOT_WORDS.sub("", text), style=Style.NORMAL, errors=_one_by_one)
    return tuple(one for syllable in found for one in syllable.split())


def _one_by_one(run: str) -> str:
    return " ".join(run)


@lru_cache(maxsize=65536)
def unlikeness(one: str, other: str) -> float:
    """How differently two syllables sound: 0 the same, 0.2 easily confused, 1 nothing in common."""
    if one == other:
        return 0.0
    (initial, final), (other_initial, other_final) = _parts(one), _parts(other)
    far = 0.0
    if initial != other_initial:
        near = frozenset((initial, other_initial)) in _INITIALS_CONFUSED
        far += _NEAR_INITIAL if near else _OTHER_INITIAL
    if final != other_final:
        near = frozenset((final, other_final)) in _FINALS_CONFUSED
        far += _NEAR_FINAL if near else _OTHER_FINAL
    return min(1.0, far)


def distance(heard: Sequence[str], expected: Sequence[str]) -> float:
    """Edit distance of two rows of syllables, weighted by sound, for each syllable of the longer one."""
    if not heard or not expected:
        return 1.0
    row = [number * _GAP for number in range(len(expected) + 1)]
    for count, one in enumerate(heard, 1):
        diagonal, row[0] = row[0], count * _GAP
        for index, other in enumerate(expected, 1):
            diagonal, row[index] = (
                row[index],
                min(row[index] + _GAP, row[index - 1] + _GAP, diagonal + unlikeness(one, other)),
            )
    return row[-1] / max(len(heard), len(expected))


def rematch(text: str, expected: Iterable[str], *, state: str = "") -> Rematch:
    """``text`` as one of ``expected`` where it sounds like it. ``state``: as in ``Expectation``; ``open`` changes nothing."""
    answers = tuple(dict.fromkeys(answer for answer in expected if answer))
    if state == "confirm":
        answers = tuple(dict.fromkeys((*answers, *_YES)))
    words = _NOT_WORDS.sub("", text)
    if not answers or not words or state == "open":
        return Rematch(text)
    if words in answers:
        return Rematch(text, words, Certainty.ACCEPT, 0.0)
    for meant, alike in _LONE.get(state, {}).items():
        if words in alike and meant in answers:
            return Rematch(meant, meant, Certainty.ACCEPT, ACCEPT)
    core = _FILLERS.sub("", words) or words
    if any(core in answer or answer in words for answer in answers if len(core) > 1 and len(answer) > 1):
        return Rematch(text)  # part of an answer, or an answer and more: heard rightly, and understood by whoever asked
    return _nearest(text, words, core, answers)


def _nearest(text: str, words: str, core: str, answers: tuple[str, ...]) -> Rematch:
    forms = {syllables(words), syllables(core)}
    scored = sorted(
        (min(distance(form, syllables(answer)) for form in forms), answer)
        for answer in answers
        if len(syllables(answer)) >= 2 and len(syllables(core)) <= len(syllables(answer)) + _LONGEST_EXTRA
    )
    if not scored:
        return Rematch(text)
    best, answer = scored[0]
    rival = next((far for far, other in scored[1:] if syllables(other) != syllables(answer)), 1.0)
    if best <= ACCEPT and rival - best >= CLEAR / 2:
        return Rematch(answer, answer, Certainty.ACCEPT, best)
    if best <= CONFIRM and len(syllables(answer)) >= 3 and rival - best >= CLEAR:
        return Rematch(answer, answer, Certainty.CONFIRM, best)
    return Rematch(text, distance=best)


def _parts(syllable: str) -> tuple[str, str]:
    found = _INITIAL.match(syllable)
    initial = found[0] if found else ""
    return initial, syllable[len(initial) :]
