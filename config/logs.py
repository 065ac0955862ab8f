"""Logging of every process: one JSON object a line on stderr, event names in English, nothing personal."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

_PERSONAL: Final = frozenset({"number", "text", "name", "speech", "said", "caller", "password", "token"})
"""Keys whose values never reach a log, whatever a caller of the logger does."""
_NOISY: Final = ("aiohttp.access", "jieba", "sqlalchemy.engine")


def without_personal_data(_: Any, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor that takes away what could name a citizen or what was said."""
    return {key: "…" if key in _PERSONAL else value for key, value in event.items()}


def set_up_logs(level: str = "INFO") -> None:
    """Configure structlog; tracebacks come without local variables, which hold what people said."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_personal_data,
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR)
