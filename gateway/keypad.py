"""What a caller keys in: single answers, whole numbers, and keys pressed before the question for them was heard."""

import asyncio
from collections.abc import Callable
from typing import Final

from dialog.contract import Expectation

DIGITS_PAUSE_S: Final = 3.0
"""A number keyed in is complete after ``#``, when it has the digits asked for, or after a pause this long."""
PERSON_KEY: Final = "0"


class Keypad:
    """The keys of one call. ``complete`` gets each answer: one key, or all digits of a number."""

    def __init__(self, complete: Callable[[str], None]) -> None:
        self._complete = complete
        self._expect = Expectation()
        self._digits = ""
        self._ahead = ""
        self._timer: asyncio.TimerHandle | None = None

    def press(self, key: str, *, busy: bool) -> None:
        """A key. ``busy``: an answer is being worked on, so that this key is for the question to come.

        The key for a person waits for nothing, unless it is a digit within a number that is being typed ahead.
        """
        self._stop_timer()
        if busy and (self._ahead or key != PERSON_KEY):
            self._ahead += key
        else:
            self._take(key)

    def expected(self, expect: Expectation) -> None:
        """A question was put; keys typed ahead answer it."""
        self._stop_timer()
        self._expect, self._digits = expect, ""
        ahead, self._ahead = self._ahead, ""
        if expect.state != "digits":
            self._ahead = ahead[1:]
            ahead = ahead[:1]
        for key in ahead:
            self._take(key)

    def close(self) -> None:
        """The call is over, or a person has it."""
        self._stop_timer()
        self._digits = self._ahead = ""

    def _take(self, key: str) -> None:
        if self._expect.state != "digits":
            self._complete(key)
            return
        if key == "#":
            self._whole()
            return
        self._digits += key
        if len(self._digits) == self._expect.digits:
            self._whole()
        else:
            self._stop_timer()
            self._timer = asyncio.get_running_loop().call_later(DIGITS_PAUSE_S, self._whole)

    def _whole(self) -> None:
        self._stop_timer()
        digits, self._digits = self._digits, ""
        if digits:
            self._complete(digits)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
