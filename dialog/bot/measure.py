"""Runs in Rasa's environment: ``python -m measure TASK.json ANSWER.json``, judges utterances and cross-validates.

The task is ``{"judge": {"models": {name: path}, "cases": [{"text", "stage", "requested"}]}}`` or ``{"cross": {"config":
path, "data": path, "folds": k}}``. The answer is ``{"acts": {name: [act, …]}}`` in the order of the cases, or
``{"expected": […], "found": […]}``. Each step of work that is done is one line ``done N/M`` on stdout.

Cross-validation trains the pipeline's own tokenizers, featurizers and classifiers anew for each fold, in this process and
without the entity extractors and dialogue rules of a whole training. It judges the words alone: no example says at which
stage it was uttered, so what weighs the stage is left out.
"""

import asyncio
import json
import logging
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import structlog
import yaml
from rasa.core.agent import load_agent
from rasa.core.channels.channel import UserMessage
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.importers.utils import training_data_from_paths
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

_KINDS: Final = DefaultV1Recipe.ComponentType
_SEED: Final = 12345


async def judge(models: dict[str, str], cases: list[dict[str, Any]]) -> dict[str, Any]:
    """The act that each model gives to each case."""
    acts: dict[str, list[str]] = {}
    for name, path in models.items():
        agent = await load_agent(model_path=path)
        if agent is None or agent.processor is None:
            raise RuntimeError(f"no model in {path}")
        acts[name] = []
        for number, case in enumerate(cases):
            requested = case.get("requested")
            metadata = {"stage": case["stage"], "requested": requested, "statuses": {}, "new": []}
            found = await agent.processor.parse_message(UserMessage(case["text"], metadata=metadata))
            acts[name].append(str(found["intent"][INTENT_NAME_KEY]))
            if number % 50 == 0:
                tell(len(acts) - 1 + number / len(cases), len(models))
    return {"acts": acts}


def cross(config: str, data: str, folds: int) -> dict[str, Any]:
    """Every example judged by a classifier that was trained without it; stratified by act."""
    pipeline = yaml.safe_load(Path(config).read_text(encoding="utf-8"))["pipeline"]
    given = training_data_from_paths([data], "zh")
    examples = [one for one in given.intent_examples if one.get(TEXT)]
    part_of = parts(examples, folds)
    expected: list[str] = []
    found: list[str] = []
    for fold in range(folds):
        left_out = [example for example, part in zip(examples, part_of, strict=True) if part == fold]
        rest = [example for example, part in zip(examples, part_of, strict=True) if part != fold]
        expected += [example.get(INTENT) for example in left_out]
        texts = [example.get(TEXT) for example in left_out]
        found += classify(pipeline, rest, given.regex_features, texts)
        tell(fold + 1, folds)
    return {"expected": expected, "found": found}


def parts(examples: list[Message], folds: int) -> list[int]:
    """The fold of each example: every act spread over all of them, in an order drawn once and for all."""
    order = list(range(len(examples)))
    random.Random(_SEED).shuffle(order)  # noqa: S311 # the same folds each time are wanted
    order.sort(key=lambda place: str(examples[place].get(INTENT)))
    found = [0] * len(examples)
    for number, place in enumerate(order):
        found[place] = number % folds
    return found


def classify(
    pipeline: list[dict[str, Any]], examples: list[Message], regexes: list[dict[str, Any]], texts: list[str]
) -> list[str]:
    """Train the pipeline's classifying part on ``examples`` and judge ``texts``."""
    bare = [Message(data={TEXT: one.get(TEXT), INTENT: one.get(INTENT)}) for one in examples]
    training = TrainingData(bare, regex_features=regexes)
    messages = [Message(data={TEXT: text}) for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        storage = LocalModelStorage(Path(folder))
        context = ExecutionContext(GraphSchema({}), model_id="cross")
        for number, step in enumerate(pipeline):
            registered = DefaultV1Recipe._from_registry(step["name"])
            if not _classifies(registered):
                continue
            given = {key: value for key, value in step.items() if key != "name"}
            settings = {**registered.clazz.get_default_config(), **given}
            resource = Resource(f"{number}_{registered.clazz.__name__}")
            component = registered.clazz.create(settings, storage, resource, context)
            if registered.is_trainable:
                component.train(training)
            if hasattr(component, "process_training_data"):
                training = component.process_training_data(training)
            messages = component.process(messages)
    return [str((message.get(INTENT) or {}).get(INTENT_NAME_KEY)) for message in messages]


def _classifies(registered: Any) -> bool:
    """Whether a component takes part in telling acts apart by the words alone."""
    if registered.types & {_KINDS.MESSAGE_TOKENIZER, _KINDS.MESSAGE_FEATURIZER}:
        return True
    return _KINDS.INTENT_CLASSIFIER in registered.types and bool(registered.is_trainable)


def tell(done: float, whole: int) -> None:
    print(f"done {done:.3f}/{whole}", flush=True)


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    answer = asyncio.run(judge(**task["judge"])) if "judge" in task else cross(**task["cross"])
    scratch = Path(sys.argv[2] + ".new")
    scratch.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    scratch.replace(sys.argv[2])


if __name__ == "__main__":
    main()
