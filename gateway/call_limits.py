"""Limits of a call as the gateway keeps them: how long the bot may have it, and callers whom nobody can listen to."""

import re
from typing import Final, Literal

WARNING_S: Final = 60.0
"""So long before the end the caller is told."""
WARNING_TEXT: Final = "通话时间较长，再过一分钟就要结束了。要找话务员，请说人工，或者按0。"
END_TEXT: Final = "通话时间到了。没有说完的，请再拨12345，也可以用网站和小程序反映。"
OVERFLOW_TEXT: Final = "现在来电较多，直接为您转接话务员，请稍候。"
_SENTENCE: Final = re.compile(r"[^。！？]*[。！？]")


class LongestCall:
    """When a call with the bot is warned and ended. ``limit_s`` 0: never. Times in seconds from the call's start."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._warned_s: float | None = None

    def due(self, lasted_s: float) -> Literal["warn", "end"] | None:
        """What is due now; each once, and never the end without a warning a minute before."""
        if not self._limit_s or lasted_s < self._limit_s - WARNING_S:
            return None
        if self._warned_s is None:
            self._warned_s = lasted_s
            return "warn"
        if lasted_s < max(self._limit_s, self._warned_s + WARNING_S):
            return None
        self._limit_s = 0
        return "end"


def overflow_opening(greeting: str) -> str:
    """What a caller hears who goes straight to the queue: the greeting (who we are, that it is recorded) without its question."""
    told: list[str] = _SENTENCE.findall(greeting)
    question = next((number for number, sentence in enumerate(told) if sentence.endswith("？")), len(told))
    return "".join(told[:question]) + OVERFLOW_TEXT
