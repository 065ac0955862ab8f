"""Numbers said aloud, as values with the words they were said in: telephone, identity and house numbers, counts. Pure.

「幺三八零零一三八零零零」 → 13800138000; 「十二栋三单元五零二」 → 12栋3单元502; 「两万三千五」 → 23500; 「艾克斯」 at the end of an identity
number → X. Times and dates have their own reading (:mod:`dialog.elements.time_phrases`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_DIGITS: Final = {**{char: str(value) for value, char in enumerate("零一二三四五六七八九")}, "〇": "0", "洞": "0", "幺": "1", "两": "2",
                  "俩": "2", "拐": "7", "勾": "9"}  # fmt: skip
_DIGIT: Final = r"[0-9零〇洞幺一二两俩三四五六七八九拐勾]"
_UNITS: Final = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_COUNT: Final = r"[0-9零〇一二两俩三四五六七八九十百千万亿]+"
_PAUSE: Final = r"[\s，,、的\-]{0,2}"
_X: Final = r"(?:[Xx]|艾克斯|爱克斯|埃克斯|叉)"
_LONG: Final = re.compile(rf"{_DIGIT}(?:{_PAUSE}{_DIGIT}){{4,}}(?:{_PAUSE}{_X})?")
_HOUSE_UNIT: Final = r"号楼|号院|栋|幢|座|单元|楼|层|室|房|号|弄|巷|组|队"
_HOUSE: Final = re.compile(
    rf"(?P<first>{_COUNT})(?P<unit>{_HOUSE_UNIT})(?:(?:{_COUNT})(?:{_HOUSE_UNIT}))*(?:{_DIGIT}{{3,4}}(?:室|房|号)?)?"
)
_HOUSE_PART: Final = re.compile(
    rf"(?P<number>{_COUNT})(?P<unit>{_HOUSE_UNIT})|(?P<room>{_DIGIT}{{3,4}})(?P<room_unit>室|房|号)?"
)
_NOT_A_HOUSE: Final = re.compile(rf"(?:{_COUNT})(?:号|组|队|层|楼|室|房)$")
_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
_LANDLINE: Final = re.compile(r"0\d{2,3}[2-8]\d{6,7}")
_IDENTITY: Final = re.compile(r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]")
_IDENTITY_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


class NumberKind(StrEnum):
    MOBILE = "mobile"
    LANDLINE = "landline"
    IDENTITY = "identity"
    DIGITS = "digits"
    HOUSE = "house"


@dataclass(frozen=True, slots=True)
class SpokenNumber:
    """``value`` in figures; ``text[start:end]`` are the words. ``valid`` is false for an identity number that fails its check digit."""

    kind: NumberKind
    value: str
    start: int
    end: int
    valid: bool = True


def find_numbers(text: str) -> tuple[SpokenNumber, ...]:
    """Long numbers and house numbers in ``text``, left to right, none within another."""
    found: list[SpokenNumber] = []
    for number in sorted((*_long(text), *_houses(text)), key=lambda one: (one.start, -one.end)):
        if not found or number.start >= found[-1].end:
            found.append(number)
    return tuple(found)


def digits_of(words: str) -> str:
    """「幺三八」 → 138; what is no digit is left out, a final 艾克斯 becomes X."""
    figures = "".join(_DIGITS.get(char) or str(int(char)) for char in words if char in _DIGITS or char.isdecimal())
    return figures + ("X" if re.search(rf"{_X}$", words) else "")


def count_of(words: str) -> int | None:
    """「一百零五」 → 105, 「两万三」 → 23000, 「一千二百五」 → 1250, 「三百五十万」 → 3500000, 「五零二」 → 502; ``None``: no number."""
    if not words or any(char not in _DIGITS and char not in _UNITS and not char.isdigit() for char in words):
        return None
    if not any(char in _UNITS for char in words):
        return int(digits_of(words))
    total = section = 0
    digits, last_unit, zero = "", 1, False
    for char in words:
        if char not in _UNITS:
            digits += _DIGITS.get(char, char)
            zero = zero or char in "零〇"
            continue
        unit, value = _UNITS[char], int(digits or "0")
        if unit >= 10_000:
            total = (
                (total + section + value) * unit if unit > 10_000 and total else total + (section + value or 1) * unit
            )
            section = 0
        else:
            section += (value or 1) * unit
        digits, last_unit, zero = "", unit, False
    rest = int(digits or "0")
    if len(digits) == 1 and last_unit >= 100 and not zero:
        rest *= last_unit // 10  # 三百五: the last digit counts the next smaller unit
    return total + section + rest


def identity_is_valid(number: str) -> bool:
    """Whether the check digit of an 18-character identity number is right (GB 11643-1999)."""
    if not _IDENTITY.fullmatch(number):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_IDENTITY_WEIGHTS, number, strict=False))
    return "10X98765432"[total % 11] == number[-1]


def _long(text: str) -> Iterator[SpokenNumber]:
    for match in _LONG.finditer(text):
        value = digits_of(match[0])
        if _IDENTITY.fullmatch(value):
            yield SpokenNumber(NumberKind.IDENTITY, value, *match.span(), valid=identity_is_valid(value))
        elif _MOBILE.fullmatch(value):
            yield SpokenNumber(NumberKind.MOBILE, value, *match.span())
        elif _LANDLINE.fullmatch(value):
            yield SpokenNumber(NumberKind.LANDLINE, value, *match.span())
        else:
            yield SpokenNumber(NumberKind.DIGITS, value, *match.span())


def _houses(text: str) -> Iterator[SpokenNumber]:
    for match in _HOUSE.finditer(text):
        if _NOT_A_HOUSE.fullmatch(match[0]):
            continue  # 三号, 五楼 alone: a day or a floor, which their own readings know
        value = "".join(_part(part) for part in _HOUSE_PART.finditer(match[0]))
        yield SpokenNumber(NumberKind.HOUSE, value, *match.span())


def _part(part: re.Match[str]) -> str:
    if part["room"]:
        return digits_of(part["room"]) + (part["room_unit"] or "")
    return f"{count_of(part['number'])}{part['unit']}"
