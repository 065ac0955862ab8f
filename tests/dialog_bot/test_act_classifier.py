"""The classifier in Rasa's environment: trained, stored, loaded, with and without sentences' vectors."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from dialog import bot_training

SCRIPT = """
import json, sys, tempfile
from pathlib import Path
from components import sentence_vectors
from components.act_classifier import NEAREST, ActClassifier
from components.certainty import Certainty
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

task = json.loads(sys.argv[1])
examples = [Message(data={TEXT: text, INTENT: act}) for act, texts in task["examples"].items() for text in texts]
config = ActClassifier.get_default_config()

def away():
    sentence_vectors.suffices = lambda: False
    sentence_vectors.engine.cache_clear()
    sentence_vectors.vector.cache_clear()

def doubted(least, near):
    given = Message(data={TEXT: "x", INTENT: {"name": "praise", "confidence": 0.7}, "metadata": {"stage": "open"}})
    if near:
        given.set(NEAREST, near)
    doubts = {"stages": ["open"], "acts": ["praise", "deny"], "least": 0.0, "near_least": least, "rivals": ["anonymous"],
              "share": 1.0}
    return Certainty({"least": {}, "doubted": doubts}).process([given])[0].get(INTENT)["name"]

def judged(classifier):
    messages = classifier.process([Message(data={TEXT: text}) for text in task["asked"]])
    return [{one["name"]: one["confidence"] for one in message.get(INTENT_RANKING_KEY)} for message in messages]

can = sentence_vectors.engine() is not None
storage = LocalModelStorage(Path(tempfile.mkdtemp(dir=sys.argv[2])))
ActClassifier.create(config, storage, Resource("with"), None).train(TrainingData(examples))
away_from = {"praise": [0.5, 0.1], "deny": [0.4, 0.3], "anonymous": [0.5, 0.45]}
among = {"praise": [0.5, 0.1], "deny": [0.48, 0.3], "anonymous": [0.5, 0.45]}
answer = {"doubts": [doubted(0.8, away_from), doubted(0.8, among), doubted(0.6, away_from), doubted(0.8, None)]}
loaded = ActClassifier.load(config, storage, Resource("with"), None)
found = loaded.process([Message(data={TEXT: "我想匿名"})])[0]
answer |= {"near": found.get(NEAREST)}
answer |= {"can": can, "with": judged(ActClassifier.load(config, storage, Resource("with"), None))}
away()
answer["lost"] = judged(ActClassifier.load(config, storage, Resource("with"), None))
ActClassifier.create(config, storage, Resource("without"), None).train(TrainingData(examples))
answer["without"] = judged(ActClassifier.load(config, storage, Resource("without"), None))
print("ANSWER" + json.dumps(answer))
"""
EXAMPLES = {
    "praise": ["窗口的小姑娘真耐心", "要好好表扬那位民警", "师傅修得又快又好", "医生照顾得很周到"],
    "deny": ["不是这样的", "说得不对", "弄错了", "不要这么写"],
    "anonymous": ["别把我的名字说出去", "我想匿名", "替我保密", "不留姓名"],
}
ASKED = ["护士态度特别好值得点赞", "千万不能泄露我是谁"]
"""Hardly a character run in common with the examples of their acts."""


@pytest.fixture(scope="module")
def answer(rasa_environment: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("classifier")
    task = json.dumps({"examples": EXAMPLES, "asked": ASKED}, ensure_ascii=False)
    argv = [str(bot_training.RASA_PYTHON), "-W", "ignore", "-c", SCRIPT, task, str(folder)]
    environment = bot_training.environment_for(Settings(data_dir=folder)) | {"PYTHONPATH": str(bot_training.BOT)}
    done = subprocess.run(
        argv, cwd=bot_training.BOT, env=environment, capture_output=True, encoding="utf-8", timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.rpartition("ANSWER")[2])
    return found


def test_every_act_has_its_share(answer: dict[str, Any]) -> None:
    for ranking in (*answer["with"], *answer["lost"], *answer["without"]):
        assert set(ranking) == set(EXAMPLES)
        assert sum(ranking.values()) == pytest.approx(1)


def test_meaning_tells_what_no_word_tells(answer: dict[str, Any]) -> None:
    if not answer["can"]:
        pytest.skip("the engine cannot run here")
    best = [max(ranking, key=lambda act: float(ranking[act])) for ranking in answer["with"]]
    assert best == ["praise", "anonymous"]
    assert answer["with"] != answer["lost"]


def test_the_nearest_examples_are_told_by_act(answer: dict[str, Any]) -> None:
    if not answer["can"]:
        pytest.skip("the engine cannot run here")
    near = answer["near"]
    assert {act: len(cosines) for act, cosines in near.items()} == {act: len(EXAMPLES[act]) for act in EXAMPLES}
    assert near["anonymous"][0] == pytest.approx(1, abs=0.02)
    assert all(
        cosines == sorted(cosines, reverse=True) and cosines[0] < 0.9 for cosines in (near["praise"], near["deny"])
    )


def test_an_act_is_doubted_that_is_nearer_to_what_is_no_business(answer: dict[str, Any]) -> None:
    assert answer["doubts"] == ["nlu_fallback", "praise", "praise", "praise"]


def test_a_model_trained_with_vectors_judges_without_as_if_it_never_had_them(answer: dict[str, Any]) -> None:
    for lost, without in zip(answer["lost"], answer["without"], strict=True):
        assert lost == pytest.approx(without)
