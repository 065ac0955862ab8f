"""Logging: one JSON object a line on stderr, event names in English, nothing personal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

_PERSONAL: Final = frozenset({"number", "text", "name", "speech", "said", "caller", "password", "token"})
"""Keys whose values never reach a log, whatever a caller of the logger does."""


def without_personal_data(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor that takes away what could name a citizen or what was said."""
    return {key: "…" if key in _PERSONAL else value for key, value in event.items()}


def set_up_logs(level: str = "INFO") -> None:
    """Configure structlog and route the standard library's warnings (not its access logs) the same way."""
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_personal_data,
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for noisy in ("aiohttp.access", "jieba", "sqlalchemy.engine"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
