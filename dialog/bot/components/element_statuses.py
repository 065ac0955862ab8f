"""Brings the statuses of the five elements from the message's metadata into the form's slots."""

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_NAME_KEY
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ElementStatuses(GraphComponent, EntityExtractorMixin):
    """Adds an entity with a status as its value for each element that this message settles.

    The channel has already put the statuses that stood before into the tracker; what the form needs after the
    citizen's words is what is *new*, else it takes the words for nothing it asked for. ``declines`` says which acts
    decline which requested element: 「不知道」 declines a time, but never the event.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"declines": {}}

    def __init__(self, config: dict[str, Any]) -> None:
        self._declines: dict[str, list[str]] = config["declines"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "ElementStatuses":
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            found = self._settled(message)
            if found:
                entities = [
                    {"entity": name, "value": status, "start": 0, "end": 0, "confidence": 1.0}
                    for name, status in found.items()
                ]
                message.set(
                    ENTITIES, (message.get(ENTITIES) or []) + self.add_extractor_name(entities), add_to_output=True
                )
        return messages

    def _settled(self, message: Message) -> dict[str, str]:
        metadata = message.get("metadata") or {}
        statuses: dict[str, str | None] = metadata.get("statuses") or {}
        new = {name: status for name in metadata.get("new") or () if (status := statuses.get(name))}
        requested = metadata.get("requested")
        act = (message.get(INTENT) or {}).get(INTENT_NAME_KEY)
        if metadata.get("stage") == "gathering" and requested in self._declines.get(act, ()) and not new:
            return {requested: "declined"}
        return new
