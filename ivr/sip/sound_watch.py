"""Notices a call that is silent one way. Plain counting; the time comes from outside."""

from enum import StrEnum
from typing import Final

NOTHING_AFTER_S: Final = 5.0
"""A far end that has sent no audio packet so long after the answer: its sound does not reach us."""
SILENCE_AFTER_S: Final = 10.0
"""Packets so long, all of them digital silence: a phone's microphone always makes some noise."""
_REPORTS: Final = 3
"""Reports in a row (about 15 s) before they are believed."""
_ALL_LOST: Final = 250
"""RFC 3550 §6.4.1 counts the lost in 1/256."""


class OneWay(StrEnum):
    """What is wrong."""

    NOTHING_HEARD = "nothing_heard"
    """No audio packet from the far end."""
    DIGITAL_SILENCE = "digital_silence"
    """Packets from the far end, without any sound in them."""
    NOT_HEARD = "not_heard"
    """The far end reports by RTCP that nothing of ours arrives."""


class SoundWatch:
    """Watches from the answer on; each trouble is told once."""

    def __init__(self, at: float) -> None:
        self._since = at
        self._packets = 0
        self._sound = False
        self._bad_reports = 0
        self._told: set[OneWay] = set()

    def restart(self, at: float) -> None:
        """The media was agreed anew (hold, another address): count from ``at``."""
        self._since, self._packets, self._sound, self._bad_reports = at, 0, False, 0

    @property
    def listening(self) -> bool:
        """Whether :meth:`audio` still learns something: no sound has come yet."""
        return not self._sound

    def audio(self, payload: bytes) -> None:
        """An audio packet came. One value throughout is silence in both laws."""
        self._packets += 1
        if payload.count(payload[:1]) != len(payload):
            self._sound = True

    def noise(self) -> None:
        """The far end describes its background noise (RFC 3389): it hears, it only sends no packets."""
        self._packets += 1
        self._sound = True

    def report(self, fraction_lost: int | None) -> None:
        """The far end's word on what we send; ``None``: a report that does not name us, so it has received nothing."""
        bad = fraction_lost is None or fraction_lost >= _ALL_LOST
        self._bad_reports = self._bad_reports + 1 if bad else 0

    def trouble(self, at: float, *, hearing: bool, heard: bool) -> OneWay | None:
        """What is newly wrong at ``at``. ``hearing``: we should hear them by the SDP; ``heard``: they us."""
        found: OneWay | None = None
        if hearing and not self._packets and at - self._since >= NOTHING_AFTER_S:
            found = OneWay.NOTHING_HEARD
        elif hearing and self._packets and not self._sound and at - self._since >= SILENCE_AFTER_S:
            found = OneWay.DIGITAL_SILENCE
        elif heard and self._bad_reports >= _REPORTS:
            found = OneWay.NOT_HEARD
        if found is None or found in self._told:
            return None
        self._told.add(found)
        return found
