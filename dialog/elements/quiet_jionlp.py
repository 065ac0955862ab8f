"""``jionlp``, loaded when first needed and without its banners on stdout, which may carry a command's JSON."""

import contextlib
import io
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from config.clock import local

DIVISIONS_FILE: Final = "china_location.txt"
AREA_CODES_FILE: Final = "landline_phone_area_code.txt"


@cache
def _jionlp() -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        import jionlp
    return jionlp


def divisions_file() -> Path:
    """The file of all divisions of the country that comes with ``jionlp`` (province to village, tab-indented).

    ``jionlp`` unpacks it from a ZIP when it is imported for the first time.
    """
    return Path(_jionlp().__file__).parent / "dictionary" / DIVISIONS_FILE


@cache
def area_codes() -> dict[str, str]:
    """City without 市 → area code (湛江 → 0759), as ``jionlp`` lists them."""
    found = {}
    for line in (Path(_jionlp().__file__).parent / "dictionary" / AREA_CODES_FILE).read_text("utf-8").splitlines():
        code, _, place = line.partition(" ")
        if place:
            found[place.rpartition("/")[2].strip()] = code
    return found


def parse_time(text: str, at: datetime) -> dict[str, Any] | None:
    """What ``jionlp`` makes of ``text`` at the moment ``at``; ``None`` when it makes nothing of it."""
    base = local(at)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found: dict[str, Any] = _jionlp().parse_time(
                text,
                time_base={name: getattr(base, name) for name in ("year", "month", "day", "hour", "minute", "second")},
            )
    except Exception:  # any text may come; the library raises whatever its parser stumbles on
        return None
    return found
