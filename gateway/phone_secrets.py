"""What a call's recording must not keep: secrets as they are heard, and whatever an agent says is one (CLAUSES Z14)."""

from dialog.confidential import confidential
from dialog.masking import without_secrets
from gateway.phone_line import PhoneLine
from ivr.protocol import SpeechFinal, SpeechPartial


class PhoneSecrets:
    """One call's pauses."""

    def __init__(self, line: PhoneLine) -> None:
        self._line = line
        self._withholding = False

    def heard(self, frame: SpeechPartial | SpeechFinal) -> None:
        """An utterance that holds a secret is withheld from its start to its end, also what was recorded of it."""
        if not self._withholding and (without_secrets(frame.text)[1] or confidential(frame.text)):
            self._withholding = True
            self._line.withhold(frame.start_ms)
        if self._withholding and isinstance(frame, SpeechFinal):
            self.over()

    def pause(self, paused: bool) -> None:
        """The agent's word; it holds until the agent's next one or the end of the talk."""
        self._withholding = True
        if paused:
            self._line.withhold(-1)
        else:
            self.over()

    def over(self) -> None:
        """Record again, if nothing was recorded."""
        if self._withholding:
            self._withholding = False
            self._line.record_again()
