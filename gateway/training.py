"""Puts training together for one installation: what maintainers teach with, and the trainer that the bot's room provides."""

from config.clock import Clock
from config.settings import Settings
from dialog.acts import BotActs
from dialog.candidates import Candidates
from gateway.model_swap import ModelSwap
from gateway.running import running_status
from knowledge.labels import Labels
from store.engine import Database
from store.vault import Vault


def build_labels(database: Database, vault: Vault, clock: Clock) -> Labels:
    """Labels and examples over the bot's own acts. Reads the bot's data: some 50 ms."""
    return Labels(database, vault, clock, BotActs())


def build_trainer(settings: Settings, database: Database, clock: Clock, labels: Labels) -> Candidates:
    """The trainer of this installation. A training it starts ends with the instance; without one, with this process."""
    status = running_status(settings)
    watched = int(status["pid"]) if status else 0
    return Candidates(settings, database, clock, labels, ModelSwap(settings), watched=watched)
