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

from components.act_classifier import NEAREST


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class Certainty(GraphComponent, IntentClassifier):
    """Turns an act that was not heard clearly enough into "not understood", so that the citizen is asked once more.

    ``least``: by stage, the least confidence of acts that cannot be taken back: a goodbye ends the call, a cancellation
    drops what was told, a yes files the ticket. ``doubted``: at its ``stages``, its ``acts`` (those that begin a ticket)
    when they are less sure than ``least`` and ``rivals`` (what is no business of ours) hold more than ``share`` together, or
    less sure than ``near_least`` while the examples nearest in meaning are nearer among the rivals than among the acts.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        nobody = {"stages": [], "acts": [], "least": 0.0, "near_least": 0.0, "rivals": [], "share": 1.0}
        return {"least": {}, "doubted": nobody}

    def __init__(self, config: dict[str, Any]) -> None:
        self._least: dict[str, dict[str, float]] = config["least"]
        self._doubted: dict[str, Any] = config["doubted"]

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
            stage = (message.get("metadata") or {}).get("stage", "open")
            least = self._least.get(stage, {}).get(act.get(INTENT_NAME_KEY), 0.0)
            if confidence < least or self._is_doubted(message, stage):
                unsure = {INTENT_NAME_KEY: DEFAULT_NLU_FALLBACK_INTENT_NAME, PREDICTED_CONFIDENCE_KEY: confidence}
                message.set(INTENT, unsure, add_to_output=True)
                ranking = [unsure, *(message.get(INTENT_RANKING_KEY) or [])]
                message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages

    def _is_doubted(self, message: Message, stage: str) -> bool:
        act, doubted = message.get(INTENT) or {}, self._doubted
        if stage not in doubted["stages"] or act.get(INTENT_NAME_KEY) not in doubted["acts"]:
            return False
        rivals = sum(
            item[PREDICTED_CONFIDENCE_KEY]
            for item in message.get(INTENT_RANKING_KEY) or []
            if item[INTENT_NAME_KEY] in doubted["rivals"]
        )
        confidence = act[PREDICTED_CONFIDENCE_KEY]
        if confidence < doubted["least"] and rivals > doubted["share"]:
            return True
        near = message.get(NEAREST)
        if not near or confidence >= doubted["near_least"]:
            return False
        return _nearness(near, doubted["rivals"]) > _nearness(near, doubted["acts"])


def _nearness(near: dict[str, list[float]], acts: list[str]) -> float:
    """The mean cosine of the nearest examples of ``acts`` together, as many as are told of one act; -1 without any."""
    found = sorted((cosine for act in acts for cosine in near.get(act, [])), reverse=True)
    found = found[: max(map(len, near.values()))]
    return sum(found) / len(found) if found else -1.0
