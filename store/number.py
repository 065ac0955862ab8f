"""Phone numbers in one form, so that the same caller is always the same row."""

import re
import unicodedata
from typing import Final

_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
_NATIONAL_LANDLINE: Final = re.compile(r"(?:10|2\d)\d{8}|[3-9]\d{2}\d{7,8}")
"""Area code without its 0 (010, 02x, or three digits) and a number of seven or eight digits."""
_SEPARATORS: Final = re.compile(r"[\s\-‐‑–—－().（）·_/]+")
_LONGEST: Final = 15
"""ITU-T E.164: a number has at most 15 digits."""


def normalise_number(raw: str | None) -> str | None:
    """The number as it is dialled within China; ``None`` when withheld or not a number.

    A mobile has eleven digits (``13800000000``), a landline its area code with the 0 (``07590000000``), a local or
    service number stays as it is, a number from abroad reads ``+`` and its country code.
    """
    if raw is None:
        return None
    text = _SEPARATORS.sub("", unicodedata.normalize("NFKC", raw))
    if not re.fullmatch(r"\+?\d+", text) or len(text.lstrip("+")) > _LONGEST + 4:
        return None
    number = _without_china(text)
    digits = number.lstrip("+")
    return number if 2 < len(digits) <= _LONGEST else None


def _without_china(text: str) -> str:
    """Take away the country code 86 in all its spellings, and the trunk 0 before a mobile number."""
    if text.startswith("00"):
        text = "+" + text[2:]
    if text.startswith("+86"):
        return _national(text[3:])
    if text.startswith("+"):
        return text
    if text.startswith("86") and (_MOBILE.fullmatch(text[2:]) or _NATIONAL_LANDLINE.fullmatch(text[2:].lstrip("0"))):
        return _national(text[2:])
    return text[1:] if text.startswith("0") and _MOBILE.fullmatch(text[1:]) else text


def _national(text: str) -> str:
    """What stood behind +86: a landline gets its area code's 0 back."""
    bare = text.lstrip("0")
    return "0" + bare if not _MOBILE.fullmatch(bare) and _NATIONAL_LANDLINE.fullmatch(bare) else bare
