"""Who calls, as a trunk says it: the number in the one form that the rest of the system compares."""

import re
from collections.abc import Mapping
from typing import Final

from store.number import normalise_number as _normalise

_AREA_BEFORE_MOBILE: Final = re.compile(r"0(?:10|2\d|[3-9]\d{2})(1[3-9]\d{9})")
_USER: Final = re.compile(r"(?:sips?:([^@>;?\s]+)@|tel:([^>;?\s]+))", re.IGNORECASE)


def normalise_number(raw: str) -> str | None:
    """``raw`` in the store's form (:func:`store.number.normalise_number`); ``None`` when it holds no number.

    Trunks add one thing that people do not write: the area code before a mobile number (``0759138…``). It is taken away.
    """
    number = _normalise(raw)
    if number is None:
        return None
    mobile = _AREA_BEFORE_MOBILE.fullmatch(number)
    return mobile.group(1) if mobile else number


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
        number = normalise_number(called_user(by_name.get(name, "")))
        if number is not None:
            return number
    return None


def called_user(value: str) -> str:
    """The user part of a To or From header or a URI: the number as it is written there."""
    match = _USER.search(value)
    return (match.group(1) or match.group(2)).split(":")[0] if match else ""
