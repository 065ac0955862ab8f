"""Acts that cannot be taken back need to be heard clearly."""

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class Certainty(GraphComponent, IntentClassifier):
    """Turns an act whose confidence is below its ``least`` into "not understood".

    A goodbye ends the call, a cancellation drops what was told, a yes files the ticket: rather ask once more.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"least": {}}

    def __init__(self, config: dict[str, Any]) -> None:
        self._least: dict[str, float] = config["least"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "Certainty":
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            act = message.get(INTENT) or {}
            confidence = act.get(PREDICTED_CONFIDENCE_KEY, 0.0)
            if confidence < self._least.get(act.get(INTENT_NAME_KEY), 0.0):
                unsure = {INTENT_NAME_KEY: DEFAULT_NLU_FALLBACK_INTENT_NAME, PREDICTED_CONFIDENCE_KEY: confidence}
                message.set(INTENT, unsure, add_to_output=True)
                ranking = [unsure, *(message.get(INTENT_RANKING_KEY) or [])]
                message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages
