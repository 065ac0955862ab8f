"""The words that mean an emergency, for the moments when only the node listens: a restricted caller, a lost gateway.

Everywhere else the conversation core decides. The lists are the city rulebook's; no context makes a word harmless here, since
whoever is let through is heard by the core next.
"""

from collections.abc import Sequence

from config.rulebook_model import EmergencyIncident


class EmergencyWords:
    """Looks for the cues of the incidents, in their order."""

    def __init__(self, incidents: Sequence[EmergencyIncident]) -> None:
        self._incidents = tuple(incidents)

    def find(self, text: str) -> EmergencyIncident | None:
        """The first incident whose cue is in ``text``."""
        return next((one for one in self._incidents if any(cue in text for cue in one.cues)), None)
