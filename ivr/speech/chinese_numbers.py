"""Numbers as they are said in Mandarin: cardinals (一百零五) and digit by digit (幺三八)."""

from typing import Final

_DIGITS: Final = "零一二三四五六七八九"
_PLACES: Final = ("", "十", "百", "千")
_GROUPS: Final = ("", "万", "亿")
LARGEST: Final = 10**12 - 1
"""Larger integers are read digit by digit."""


def digits(number: str, *, phone: bool = False) -> str:
    """Each digit by itself; ``phone`` reads 1 as 幺, as operators do. Anything but digits is left out."""
    read = "".join(_DIGITS[int(character)] for character in number if character.isdigit())
    return read.replace("一", "幺") if phone else read


def _group(value: int) -> str:
    """A group of up to four digits (1…9999) with its inner zeros, without leading ones."""
    spoken = ""
    zero = False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit == 0:
            zero = bool(spoken)
            continue
        spoken += ("零" if zero else "") + _DIGITS[digit] + _PLACES[place]
        zero = False
    return spoken


def cardinal(value: int) -> str:
    """``value`` (≥ 0) as a quantity: 12 → 十二, 105 → 一百零五, 20000 → 两万, 100000001 → 一亿零一."""
    if value == 0:
        return "零"
    if value > LARGEST:
        return digits(str(value))
    spoken = ""
    gap = False
    for index in (2, 1, 0):
        group = value // 10 ** (4 * index) % 10**4
        if group == 0:
            gap = bool(spoken)
            continue
        if spoken and (gap or group < 1000):
            spoken += "零"
        spoken += _group(group) + _GROUPS[index]
        gap = False
    return _as_said(spoken)


def _as_said(spoken: str) -> str:
    if spoken.startswith("一十"):
        spoken = spoken[1:]
    for unit in ("千", "万", "亿"):
        spoken = spoken.replace("二" + unit, "两" + unit).replace("十两" + unit, "十二" + unit)
    return spoken


def decimal(number: str) -> str:
    """A decimal in figures (``1,234.50``): the part before the point as a cardinal, the rest digit by digit."""
    whole, point, fraction = number.replace(",", "").partition(".")
    spoken = cardinal(int(whole or "0"))
    return spoken + "点" + digits(fraction) if point and fraction else spoken
