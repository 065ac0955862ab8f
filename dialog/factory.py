"""Puts the conversation core together for one installation."""

from callers.identity import Callers
from config.clock import Clock
from config.rulebook import load_rulebook
from config.settings import Settings
from dialog.answering import Answering, Search
from dialog.directives import Actions
from dialog.elements.extract import Extractor
from dialog.engine import Dialog, Understanding
from dialog.guards import DEFAULT_INCIDENT
from dialog.incidents import IncidentBook
from dialog.rasa_client import connect
from dialog.records import Records
from knowledge.consultations import Consultations
from knowledge.disputes import Disputes
from store.engine import Database
from store.vault import Vault
from tickets.service import Tickets


def build_dialog(
    settings: Settings,
    database: Database,
    vault: Vault,
    clock: Clock,
    *,
    search: Search | None = None,
    understanding: Understanding | None = None,
    incidents: IncidentBook | None = None,
) -> Dialog:
    """The core over the given store; ``search`` defaults to this installation's knowledge, ``understanding`` to its Rasa.

    Whoever gives no ``search`` or ``incidents`` gets no refresh of them either.
    """
    if search is None:
        from knowledge.search import Search as KnowledgeSearch

        search = KnowledgeSearch(database, settings)
    rulebook = load_rulebook(settings.city, settings.data_dir)
    records = Records(database, vault, Callers(database, vault, clock), Consultations(database, vault, clock))
    tickets = Tickets(database, vault, clock, settings.city)
    actions = Actions(
        Answering(search, Disputes(database, vault, clock)), tickets, records.number_of, DEFAULT_INCIDENT, rulebook
    )
    return Dialog(records, actions, understanding or connect(settings), Extractor(rulebook), rulebook, incidents)
