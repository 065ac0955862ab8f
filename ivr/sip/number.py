"""Who calls, as a trunk says it: the number in the one form that the rest of the system compares."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

from store.number import normalise_number as _normalise

_AREA_BEFORE_MOBILE: Final = re.compile(r"0(?:10|2\d|[3-9]\d{2})(1[3-9]\d{9})")
_LOCAL: Final = re.compile(r"[2-9]\d{6,7}")
"""A landline as its own exchange writes it: seven or eight digits, never with 0 or 1 first."""
_EXTENSION: Final = re.compile(r"(?:[,;xX#]|转|ext\.?|(?<=\d{7})[-－](?=\d{1,6}$)).*$", re.IGNORECASE)
_CONTEXT: Final = re.compile(r";phone-context=(\+[\d.()-]+)", re.IGNORECASE)
_NAME_ADDR: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*|[^"<]*)<([^<>]*)>')
"""Written so that it takes time in proportion to its input, whatever a stranger sends."""
_LONGEST: Final = 64
"""Characters: longer than any number with its separators and extension."""
_MOST_IDENTITIES: Final = 4
_PRIVATE: Final = frozenset({"id", "user", "header"})


def normalise_number(raw: str, area_code: str = "") -> str | None:
    """``raw`` in the store's form (:func:`store.number.normalise_number`); ``None`` when it holds no number.

    Trunks add what people do not write: the area code before a mobile number (``0759138…``) and extensions
    (``…;ext=801``), which are taken away. A local landline gets ``area_code`` (``0759``).
    """
    if len(raw) > _LONGEST:
        return None
    number = _normalise(_EXTENSION.sub("", raw.strip()))
    if number is None:
        return None
    mobile = _AREA_BEFORE_MOBILE.fullmatch(number)
    if mobile:
        return mobile.group(1)
    return area_code + number if _LOCAL.fullmatch(number) else number


def caller_number(headers: Mapping[str, str], area_code: str = "") -> str | None:
    """The caller's number: P-Asserted-Identity (set by the trunk), then From; ``None`` when withheld.

    ``headers`` are looked up without regard to case. ``Privacy: id`` (RFC 3325) means the caller asked that the asserted
    number not be shown: it counts as withheld.
    """
    by_name = {name.lower(): value for name, value in headers.items()}
    wanted = {token.strip().lower() for token in by_name.get("privacy", "").split(";")}
    if wanted & _PRIVATE:
        return None
    for name in ("p-asserted-identity", "from"):
        for uri in _uris_in(by_name.get(name, "")):
            number = normalise_number(_global_number(uri), area_code)
            if number is not None:
                return number
    return None


def uri_in(value: str) -> str:
    """The URI of a From, To, Contact or Record-Route value, with or without ``<…>``; its own parameters stay out."""
    named = _NAME_ADDR.match(value.strip())
    if named:
        return named.group(1).strip()
    user, at, rest = value.strip().partition("@")
    return user + at + rest.partition(";")[0] if at else user.partition(";")[0]


def called_user(value: str) -> str:
    """The user part of a To or From header or a URI: the number as it is written there."""
    scheme, colon, rest = uri_in(value).partition(":")
    if not colon or scheme.lower() not in ("sip", "sips", "tel"):
        return ""
    user, at, _ = rest.rpartition("@")
    if not at and scheme.lower() != "tel":
        return ""
    return unquote((user if at else rest).partition(";")[0].partition(":")[0])


def _uris_in(value: str) -> Iterator[str]:
    """Each URI of a header that may list several (RFC 3325: a ``sip:`` and a ``tel:`` identity)."""
    value = value.strip()
    for _ in range(_MOST_IDENTITIES):
        named = _NAME_ADDR.match(value)
        if named is None:
            break
        yield named.group(1).strip()
        value = value[named.end() :].partition(",")[2].strip()
    if value.strip():
        yield uri_in(value)


def _global_number(uri: str) -> str:
    """The user part, behind the country and area code that a ``phone-context`` gives it (RFC 3966 §5.1.5)."""
    user = called_user(uri)
    context = _CONTEXT.search(uri)
    return context.group(1) + user if context and user.isdecimal() else user
