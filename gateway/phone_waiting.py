"""A caller in the queue: how things stand is told over the hold audio, and a key asks for a callback instead."""

from typing import Final

from desk.contract import QueueState
from desk.service import Desk
from gateway.phone_line import NO_CALLBACK_TEXT, PhoneLine

CALLBACK_KEY: Final = "1"


class PhoneWaiting:
    """One caller's wait. ``number_known``: whether there is a number to call back, as far as the call told."""

    def __init__(self, line: PhoneLine, desk: Desk) -> None:
        self._line = line
        self._desk = desk
        self._state = QueueState()
        self.number_known = False
        self.emergency = False

    def begin(self) -> None:
        """From here on the caller waits."""
        self._state = QueueState()
        self._line.wait()

    def place(self, state: QueueState) -> None:
        """The place in the queue has changed."""
        if state.position and state.position != self._state.position:
            self._state = state
            self._tell()

    def remind(self, conversation_id: str) -> None:
        """The hold audio has gone on for a while, or something was said: tell how things stand now."""
        self._state = self._desk.state_of(conversation_id) or self._state
        self._tell()

    async def key(self, conversation_id: str, digit: str) -> None:
        """A key while waiting: a callback where one can be promised; the desk says the promise."""
        if digit != CALLBACK_KEY:
            return
        self._line.fall_silent()
        if not await self._desk.callback_asked(conversation_id):
            self._line.say(NO_CALLBACK_TEXT)
            self._line.wait()

    def _tell(self) -> None:
        self._line.hold(self._state, offer_callback=self.number_known and not self.emergency)
