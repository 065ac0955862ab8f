"""Emergencies in the moments when only the node listens: a restricted caller, a lost gateway.

Everywhere else the conversation core decides; this asks its guard, and what is doubtful to it opens the way here: whoever is
let through is heard by the core next.
"""

from config.rulebook_model import EmergencyIncident, Rulebook
from dialog.guards import find_emergency


class EmergencyWords:
    """The city's emergencies."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook

    def find(self, text: str) -> EmergencyIncident | None:
        """The incident that ``text`` names, if any."""
        return find_emergency(text, self._rulebook).incident
