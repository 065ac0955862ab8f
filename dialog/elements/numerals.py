"""Numbers as citizens say them: 二十三, 两, 半, 15."""

from typing import Final

NUMBER: Final = r"(?:\d+(?:\.\d+)?|[零〇一二两俩三四五六七八九十百]+)"
"""A pattern that matches a number in digits or characters."""

_DIGITS: Final = {**{char: value for value, char in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2, "俩": 2}
_UNITS: Final = {"十": 10, "百": 100}


def parse_number(text: str) -> float | None:
    """The value of ``text``, or ``None`` where it is no number. 「二零二五」 is read digit by digit; 「三四」 as 3."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    if any(char not in _DIGITS and char not in _UNITS for char in text):
        return None
    if not any(char in _UNITS for char in text):
        if len(text) == 2 and "零" not in text and "〇" not in text:
            return float(_DIGITS[text[0]])
        return float("".join(str(_DIGITS[char]) for char in text))
    total = digit = 0
    for char in text:
        if char in _UNITS:
            total += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            digit = _DIGITS[char]
    return float(total + digit)
