"""A tracker store that forgets."""

from collections import OrderedDict
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker


class BriefTrackerStore(InMemoryTrackerStore):
    """Keeps the ``kept`` latest trackers in memory.

    Each message brings the state it is to be judged in and lives in a tracker of its own, so nothing has to last
    longer than its turn; Rasa's own in-memory store would grow for ever.
    """

    def __init__(self, domain: Domain, event_broker: EventBroker | None = None, kept: int = 128, **_: Any) -> None:
        super().__init__(domain, event_broker)
        self.store: OrderedDict[str, str] = OrderedDict()
        self._kept = kept

    async def save(self, tracker: DialogueStateTracker) -> None:
        await super().save(tracker)
        self.store.move_to_end(tracker.sender_id)
        while len(self.store) > self._kept:
            self.store.popitem(last=False)
