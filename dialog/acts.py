"""The bot's dialogue acts as people see them: Chinese names, the bot's own examples, and what models are measured with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from config.settings import ROOT
from dialog.rasa_client import Stage
from knowledge.example_text import bare

BOT: Final = ROOT / "dialog" / "bot"
EVALUATION: Final = ROOT / "dialog" / "evaluation"
NOT_UNDERSTOOD: Final = "nlu_fallback"
ACT_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ask": "咨询",
        "complain": "投诉",
        "ask_help": "求助",
        "report": "举报",
        "suggest": "建议",
        "praise": "表扬",
        "progress": "查进度",
        "person_please": "转人工",
        "emergency": "紧急情况",
        "inform": "回答要素",
        "correct": "更正要素",
        "dont_know": "不清楚",
        "anonymous": "匿名保密",
        "affirm": "肯定",
        "deny": "否定",
        "choose": "选择",
        "repeat": "请再说一遍",
        "wait": "请稍等",
        "cancel": "取消",
        "greet": "问候",
        "thanks": "致谢",
        "bye": "告别",
        "chitchat": "闲聊",
        "abuse": "辱骂",
        "out_of_scope": "超出范围",
    }
)
_ENTITY: Final = re.compile(r"\[(.+?)\]\(\w+\)")


@dataclass(frozen=True, slots=True)
class Case:
    """One utterance of the evaluation set. ``requested``: the element that had been asked for."""

    text: str
    stage: str
    act: str
    requested: str | None = None


class BotActs:
    """Reads acts and examples of a bot folder once; implements :class:`knowledge.labels.Acts`."""

    def __init__(self, bot: Path = BOT, evaluation: Path = EVALUATION) -> None:
        self._bot = bot
        self._evaluation = evaluation

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Chinese name of each act of the domain; an act without one goes by its English name."""
        acts = yaml.safe_load((self._bot / "domain.yml").read_text(encoding="utf-8"))["intents"]
        known = [act for act in ACT_LABELS if act in acts]
        return {act: ACT_LABELS.get(act, act) for act in [*known, *(act for act in acts if act not in ACT_LABELS)]}

    @cached_property
    def own(self) -> Mapping[str, Sequence[str]]:
        """The bot's own examples of each act, without their entity marks."""
        found: dict[str, list[str]] = {}
        for file in sorted((self._bot / "data" / "nlu").glob("*.yml")):
            for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
                if "intent" in block:
                    lines = [line.removeprefix("- ").strip() for line in block["examples"].splitlines()]
                    found.setdefault(block["intent"], []).extend(_ENTITY.sub(r"\1", line) for line in lines if line)
        return found

    @cached_property
    def evaluated(self) -> frozenset[str]:
        """The utterances of the evaluation set, as :func:`knowledge.example_text.bare` text."""
        return frozenset(bare(case.text) for case in self.cases)

    @cached_property
    def cases(self) -> Sequence[Case]:
        """The evaluation set: files of ``act: [texts]``, or ``stage [element]: {act: [texts]}``."""
        return [
            case
            for file in sorted(self._evaluation.glob("*.yaml"))
            for key, value in yaml.safe_load(file.read_text(encoding="utf-8")).items()
            for case in _cases(key, value)
        ]


def _cases(key: str, value: Any) -> list[Case]:
    if isinstance(value, list):
        return [Case(str(text), Stage.OPEN.value, key) for text in value]
    stage, _, requested = key.partition(" ")
    return [
        Case(str(text), Stage(stage).value, act, requested or None) for act, texts in value.items() for text in texts
    ]
