import json

import pytest

from knowledge.entries import sample_entries
from knowledge.explanation import FEATURE_LABELS, Explanation, explained
from knowledge.features import FEATURES, MEANING_FEATURES
from knowledge.index import Index
from knowledge.ranking import MEANING_TRUST_FEATURES, fitted
from knowledge.search import rank
from knowledge.synonym_variants import Synonyms

from .test_search import AT


@pytest.fixture(scope="module")
def samples() -> Index:
    return Index.in_memory(form.entry(1) for form in sample_entries())


def explain(samples: Index, question: str) -> Explanation:
    return explained(samples, rank(samples, question, AT), question, Synonyms(), fitted())


def test_the_points_of_a_candidate_add_up_to_its_logit(samples: Index) -> None:
    found = explain(samples, "想支取公积金要什么手续")
    for candidate in found.candidates:
        assert sum(one.points for one in candidate.features) == pytest.approx(candidate.logit, abs=0.01)
    assert found.candidates[0].id == rank(samples, "想支取公积金要什么手续", AT).ranked[0].entry.id
    assert ("支取", "提取") in found.synonyms
    assert found.words[0] == "提取"


@pytest.mark.parametrize(
    ("question", "rule"),
    [("请问公积金怎么提取", "written"), ("公积金", "choose"), ("ωψ", "nothing")],
)
def test_the_rule_that_decided_is_named(samples: Index, question: str, rule: str) -> None:
    found = explain(samples, question)
    assert found.rule == rule
    assert found.reason


def test_it_is_told_as_json_with_chinese_labels(samples: Index) -> None:
    told = json.loads(json.dumps(explain(samples, "身份证掉了").to_json(), ensure_ascii=False))
    assert told["verdict"] in {"answer", "choose", "abstain"}
    assert set(told["thresholds"]) == {"answer", "choose", "offer"}
    assert {one["name"] for one in told["candidates"][0]["features"]} == set(FEATURES)
    assert set(FEATURE_LABELS) == {*FEATURES, *MEANING_FEATURES, *MEANING_TRUST_FEATURES}
