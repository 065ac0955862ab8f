"""What must not leave ``dialog/``: names and numbers. Rasa sees 【姓名】 and 【号码】 in their place; secrets are not even stored."""

import re
from typing import Final

from dialog.elements.spoken_numbers import NumberKind, find_numbers
from tickets.model import Element

NAME: Final = "【姓名】"
NUMBER: Final = "【号码】"
_LONG_NUMBER: Final = re.compile(r"[0-9０-９一二三四五六七八九零幺〇]{7,}")
_PLATE: Final = re.compile(r"[\u4e00-\u9fff][A-Za-z][·\s]?[A-Za-z0-9]{4,6}")
_IDENTITY: Final = re.compile(r"(?<!\d)\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)")
_BANK_CARD: Final = re.compile(r"(?<!\d)(?:\d[ -]?){15,18}\d(?!\d)")
_PASSWORD: Final = re.compile(r"(?:密码|验证码|口令)(?:是|为|:|：)?\s*([A-Za-z0-9]{4,})")


def mask(text: str, person: Element | None = None) -> str:
    """``text`` for Rasa: the caller's name and every long number replaced."""
    name = (person.value or {}).get("caller_name") if person else None
    if isinstance(name, str) and len(name) > 1:
        text = text.replace(name, NAME)
    return _PLATE.sub(NUMBER, _LONG_NUMBER.sub(NUMBER, text))


def without_secrets(text: str) -> tuple[str, bool]:
    """``text`` with identity numbers, bank cards and passwords blotted out (same length), and whether there were any.

    Z14: such words are not stored in clear; a ticket number (13 digits) and a phone number stay.
    """
    found = False

    def blot(match: re.Match[str]) -> str:
        nonlocal found
        found = True
        if match.lastindex:
            start, end = match.start(1) - match.start(), match.end(1) - match.start()
            whole = match.group()
            return whole[:start] + "＊" * (end - start) + whole[end:]
        return "＊" * len(match.group())

    for pattern in (_IDENTITY, _BANK_CARD, _PASSWORD):
        text = pattern.sub(blot, text)
    for number in find_numbers(text):
        if number.kind is NumberKind.IDENTITY:
            found = True
            text = text[: number.start] + "＊" * (number.end - number.start) + text[number.end :]
    return text, found
