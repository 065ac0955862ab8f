"""The caller's number as a trunk delivers it, made into the one form that the rest of the system compares."""

import re
from collections.abc import Mapping
from typing import Final

_MOBILE: Final = re.compile(r"1[3-9]\d{9}")
"""Mobile numbers: 11 digits, 13x–19x (工信部《电信网编号计划》2017年版)."""
_WITHHELD: Final = frozenset({"anonymous", "unknown", "unavailable", "restricted", "private", "withheld", "none"})
_USER: Final = re.compile(r"(?:sips?:([^@>;?\s]+)@|tel:([^>;?\s]+))", re.IGNORECASE)


def normalise_number(raw: str) -> str | None:
    """``raw`` as pure digits without the country and trunk prefixes; ``None`` when it holds no number.

    Mobile numbers come out as 11 digits (``+86 138…``, ``0138…`` and ``0759138…`` are the same phone), landlines with
    their area code (``+86 759 2233445`` → ``07592233445``), foreign numbers with ``00`` and their country code.
    """
    text = raw.strip()
    if not text or text.lower() in _WITHHELD:
        return None
    international = text.startswith("+")
    digits = "".join(character for character in text if character.isascii() and character.isdigit())
    if not digits:
        return None
    if digits.startswith("00") and not international:
        international, digits = True, digits[2:]
    if international:
        if not digits.startswith("86"):
            return "00" + digits
        digits = _national(digits[2:])
    elif digits.startswith("86") and len(digits) > 11:
        digits = _national(digits[2:])
    if digits.startswith("0") and _MOBILE.fullmatch(digits[-11:]) and len(digits) <= 15:
        return digits[-11:]
    return digits


def _national(digits: str) -> str:
    """A Chinese number after its country code, with the 0 that a landline's area code has at home."""
    if _MOBILE.fullmatch(digits) or digits.startswith("0") or len(digits) < 9:
        return digits
    return "0" + digits


def caller_number(headers: Mapping[str, str]) -> str | None:
    """The caller's number: P-Asserted-Identity (set by the trunk), then From; ``None`` when withheld.

    ``headers`` are looked up without regard to case. ``Privacy: id`` (RFC 3325) means the caller asked that the asserted
    number not be shown: it counts as withheld.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    wanted = {token.strip().lower() for token in by_name.get("privacy", "").split(";")}
    if wanted & {"id", "user", "header"}:
        return None
    for name in ("p-asserted-identity", "from"):
        number = normalise_number(_user_of(by_name.get(name, "")))
        if number is not None:
            return number
    return None


def called_user(value: str) -> str:
    """The user part of a To header or a URI: the number that was dialled."""
    return _user_of(value)


def _user_of(value: str) -> str:
    match = _USER.search(value)
    return (match.group(1) or match.group(2)).split(":")[0] if match else ""
