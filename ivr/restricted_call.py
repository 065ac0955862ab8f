"""The call of a restricted number: a notice is heard, and only an emergency or key 1 opens the way (湛府办函〔2022〕116号 第九条).

Pure: fed with what is heard and with the time, it tells when the call is over. Times in ms from the answer.
"""

from typing import Final

from ivr.emergency_words import EmergencyWords

NOTICE_MS: Final = 12_000
"""The notice is cut here, however long it was written."""
GRACE_MS: Final = 1500
"""After the notice the caller may still begin to speak."""
LAST_WORDS_MS: Final = 5000
"""Somebody who is speaking then is heard out for so long."""
LET_THROUGH_KEYS: Final = "1"
OVERFLOW_KEYS: Final = "01"
"""A caller who only came at a busy time gets to a person with key 0, as everywhere."""


class RestrictedCall:
    """The gate. ``closing`` is set by the flow once it ends the call."""

    def __init__(self, emergencies: EmergencyWords, notice: str, keys: str = LET_THROUGH_KEYS) -> None:
        self._emergencies = emergencies
        self._keys = keys
        self.notice = notice
        self.closing = False
        self._said_at_ms: int | None = None

    def notice_said(self, now_ms: int) -> None:
        self._said_at_ms = now_ms

    def words(self, text: str) -> str | None:
        """The id of the emergency that ``text`` names, if any."""
        incident = self._emergencies.find(text)
        return incident.id if incident else None

    def key(self, digit: str) -> bool:
        """Whether this key lets the caller through."""
        return digit in self._keys

    def over(self, now_ms: int, *, speaking: bool) -> bool:
        """Whether the call is to be ended now."""
        if self.closing or self._said_at_ms is None:
            return False
        waited = now_ms - self._said_at_ms
        return waited >= (LAST_WORDS_MS if speaking else GRACE_MS)
