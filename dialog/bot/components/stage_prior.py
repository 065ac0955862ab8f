"""Weighs the acts found in the words by where the conversation stands."""

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, INTENT_RANKING_KEY, PREDICTED_CONFIDENCE_KEY
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class StagePrior(GraphComponent, IntentClassifier):
    """P(act | text, stage) ∝ P(act | text) · weight(stage, act).

    「对」 after a ticket was read back is a yes, 「昨天晚上」 after a question for the time is its answer. ``weights``
    holds the factors that are not 1; the stage comes in the message's metadata.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"weights": {}}

    def __init__(self, config: dict[str, Any]) -> None:
        self._weights: dict[str, dict[str, float]] = config["weights"]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "StagePrior":
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            stage = (message.get("metadata") or {}).get("stage", "open")
            ranking = message.get(INTENT_RANKING_KEY) or []
            weights = self._weights.get(stage, {})
            if not ranking or not weights:
                continue
            weighed = [
                {
                    **item,
                    PREDICTED_CONFIDENCE_KEY: item[PREDICTED_CONFIDENCE_KEY] * weights.get(item[INTENT_NAME_KEY], 1.0),
                }
                for item in ranking
            ]
            total = sum(item[PREDICTED_CONFIDENCE_KEY] for item in weighed) or 1.0
            for item in weighed:
                item[PREDICTED_CONFIDENCE_KEY] /= total
            weighed.sort(key=lambda item: -item[PREDICTED_CONFIDENCE_KEY])
            message.set(INTENT, weighed[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, weighed, add_to_output=True)
        return messages
