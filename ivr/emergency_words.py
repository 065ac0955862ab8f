"""Emergencies in the moments when only the node listens: a restricted caller, a lost gateway.

Everywhere else the conversation core decides; this asks its guard, and what is doubtful to it opens the way here: whoever is
let through is heard by the core next.
"""

from config.rulebook_model import EmergencyIncident, Rulebook
from dialog.guards import find_emergency
from ivr.protocol import Incidents


class EmergencyWords:
    """The city's emergencies: its rulebook's until the gateway has sent the office's list."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._incidents = rulebook.emergency

    def replace(self, frame: Incidents) -> None:
        """Listen for the list of ``frame`` from now on, in calls that are on as well."""
        basis = self._rulebook.emergency[0].basis
        self._incidents = tuple(EmergencyIncident(**row.model_dump(), basis=basis) for row in frame.rows)

    def find(self, text: str) -> EmergencyIncident | None:
        """The incident that ``text`` names, if any."""
        return find_emergency(text, self._incidents).incident
