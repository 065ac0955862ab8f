"""The search tester: why a question is answered as it is; and the synonyms that can be changed beside it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web

from config.clock import Clock
from knowledge.synonyms import MOST_CHARACTERS, MOST_GROUPS, MOST_WORDS, Kept, SynonymLists
from knowledge.web.bodies import json_of, moment, text_in
from knowledge.web.contract import Visitor, WebError
from knowledge.web.rights import Right
from knowledge.web.routing import Route

if TYPE_CHECKING:
    from knowledge.explanation import Candidate, Contribution, Explanation

QUESTION_MOST: Final = 200
SHOWN: Final = 10
"""Candidates that are shown with all their features."""
_THRESHOLDS: Final = {"answer": "直接回答", "choose": "供选择", "offer": "列入选项"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to test. ``previous``: what was asked before it, or the id of the entry that answered that."""

    question: str
    at: datetime
    area: str = ""
    act: str = ""
    previous: str = ""
    agents: bool = False


class Explain(Protocol):
    """Asks the live search. Raises ``knowledge_not_ready`` while it is loading."""

    def __call__(self, asked: Asked) -> "Awaitable[Explanation]": ...


class TesterPages:
    """``/test`` and ``/synonyms``."""

    def __init__(self, explain: Explain, synonyms: SynonymLists, clock: Clock) -> None:
        self._explain = explain
        self._synonyms = synonyms
        self._clock = clock

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/test", Right.SEARCH, self._test),
            Route("GET", "/synonyms", Right.OVERSEE, self._read),
            Route("PUT", "/synonyms", Right.IMPORT, self._replace),
        ]

    async def _test(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request)
        at = text_in(body, "at", "时间", most=40)
        asked = Asked(
            question=text_in(body, "q", "问题", most=QUESTION_MOST, needed=True),
            at=moment(at, "时间") if at else self._clock.now(),
            area=text_in(body, "area", "地区", most=64),
            act=text_in(body, "act", "对话行为", most=64),
            previous=text_in(body, "previous", "上一问", most=QUESTION_MOST),
            agents=body.get("agents") is True,
        )
        return web.json_response(explanation_json(await self._explain(asked)))

    async def _read(self, request: web.Request, visitor: Visitor) -> web.Response:
        return web.json_response(_kept(await self._synonyms.read()))

    async def _replace(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request)
        groups = body.get("groups")
        if not isinstance(groups, list) or len(groups) > MOST_GROUPS or not all(map(_is_group, groups)):
            raise WebError(
                "bad_request", f"同义词应为若干组词，每组最多 {MOST_WORDS} 个，每个最多 {MOST_CHARACTERS} 个字"
            )
        revision = text_in(body, "revision", "修订号", most=32)
        return web.json_response(_kept(await self._synonyms.replace(visitor.actor, groups, revision)))


def explanation_json(explanation: "Explanation") -> dict[str, Any]:
    """An ``Explanation``: what the question was taken for, the candidates' features, the thresholds, the verdict."""
    candidates = explanation.candidates
    scores = [one.score for one in candidates] + [0.0, 0.0]
    return {
        "query": explanation.question,
        "asked": explanation.asked,
        "normalised": explanation.normalised,
        "verdict": explanation.verdict.value,
        "rule": explanation.rule,
        "why": explanation.reason,
        "margin": round(scores[0] - scores[1], 4),
        "cut": list(explanation.cut),
        "tokens": list(explanation.words),
        "grams": list(explanation.grams),
        "pinyin": list(explanation.sounds),
        "synonyms": [list(pair) for pair in explanation.synonyms],
        "variants": list(explanation.variants),
        "thresholds": [
            {"name": name, "label": _THRESHOLDS.get(name, name), "value": value}
            for name, value in explanation.thresholds.items()
        ],
        "trust": [_feature(one) for one in explanation.trust],
        "candidates": [_candidate(one) for one in candidates[:SHOWN]],
    }


def _candidate(candidate: "Candidate") -> dict[str, Any]:
    return {
        "id": candidate.id,
        "version": candidate.version,
        "question": candidate.question,
        "way": candidate.way,
        "score": candidate.score,
        "logit": candidate.logit,
        "features": [_feature(one) for one in candidate.features],
    }


def _feature(feature: "Contribution") -> dict[str, Any]:
    return {
        "name": feature.name,
        "label": feature.label,
        "value": feature.value,
        "weight": feature.weight,
        "contribution": feature.points,
    }


def _is_group(group: object) -> bool:
    return (
        isinstance(group, list)
        and len(group) <= MOST_WORDS
        and all(isinstance(word, str) and len(word) <= MOST_CHARACTERS for word in group)
    )


def _kept(kept: Kept) -> dict[str, Any]:
    return {"groups": [list(group) for group in kept.groups], "revision": kept.revision}
