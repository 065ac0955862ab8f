"""A caller to whom something is owed never waits in silence. Pure: fed with frames, says when to speak up."""

from typing import Final

SILENCE_MS: Final = 3500
"""With synthesis and the way to the ear this stays below the 5 s that we promise."""
RECOVERY_MS: Final = 1000
"""The first holding sentence after the gateway is lost: within 2 s of it."""


class SilenceGuard:
    """``owe`` when the next word must come from us; ``settle`` when it has come."""

    __slots__ = ("_limit_ms", "_owed", "_quiet_ms", "told")

    def __init__(self) -> None:
        self._owed = False
        self._quiet_ms = 0
        self._limit_ms = SILENCE_MS
        self.told = 0
        """How often it has spoken up since the debt began."""

    @property
    def owed(self) -> bool:
        return self._owed

    def owe(self, first_ms: int = SILENCE_MS) -> None:
        """From now on silence counts; the first word is due after ``first_ms``."""
        self._owed = True
        self._quiet_ms = 0
        self._limit_ms = first_ms
        self.told = 0

    def settle(self) -> None:
        self._owed = False

    def frame(self, frame_ms: int, *, audible: bool) -> bool:
        """Whether something must be said now. ``audible``: we are speaking, or the caller is."""
        if audible or not self._owed:
            self._quiet_ms = 0
            return False
        self._quiet_ms += frame_ms
        if self._quiet_ms < self._limit_ms:
            return False
        self._quiet_ms = 0
        self._limit_ms = SILENCE_MS
        self.told += 1
        return True
