"""The door for restricted callers: they hear the notice, and nothing they say leaves the node unless it opens the way.

A caller for whom no recogniser is free may stand before the same door, with a notice of his own (``overflow``).
"""

import structlog

from ivr.call_parts import CallParts
from ivr.playback import Saying
from ivr.restricted_call import LET_THROUGH_KEYS, NOTICE_MS, OVERFLOW_KEYS, RestrictedCall

_log = structlog.get_logger("ivr")


class Gate:
    """``notice`` ``None``: the door stands open."""

    def __init__(self, parts: CallParts, notice: str | None) -> None:
        self._parts = parts
        keys = OVERFLOW_KEYS if parts.overflow else LET_THROUGH_KEYS
        self._call = RestrictedCall(parts.around.emergencies, notice, keys) if notice is not None else None

    @property
    def closed(self) -> bool:
        return self._call is not None

    def say_notice(self) -> None:
        """What a restricted caller hears instead of a greeting."""
        call = self._call
        if call is None:
            return

        def said() -> None:
            call.notice_said(self._parts.turn.now_ms)

        notice = Saying(id="", text=call.notice, barge_in=False, keep=True, limit_ms=NOTICE_MS, then=said)
        self._parts.playback.say(notice)

    def keeps_words(self, text: str) -> bool:
        """Whether these words stay in the node; an emergency opens the door."""
        if self._call is None:
            return False
        if self._call.words(text) is None:
            return True
        self._open()
        return False

    def keeps_key(self, digit: str) -> bool:
        """Whether this key does nothing; the right one opens the door."""
        if self._call is None:
            return False
        if not self._call.key(digit):
            return True
        self._open()
        return False

    def frame(self) -> None:
        """A frame has passed: end the call once the notice is over and nobody speaks."""
        parts = self._parts
        if self._call and self._call.over(parts.turn.now_ms, speaking=parts.turn.speaking):
            self._call.closing = True
            parts.tasks.start(parts.hang_up("policy"))

    def _open(self) -> None:
        """Somebody in need, or who wants a person: from here on a call like any other."""
        self._call = None
        self._parts.playback.stop(force=True)
        self._parts.guard.owe()
        _log.info("call_let_through", call=self._parts.leg.call_id)
