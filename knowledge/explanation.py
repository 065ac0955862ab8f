"""Why an entry won: what the question was taken for, what each candidate has of it, and which rule decided."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from knowledge.contract import Entry, Ranking, Verdict
from knowledge.features import Array, compare
from knowledge.index import Index
from knowledge.meant import Reader
from knowledge.ranking import CERTAIN, FEW, Model, effective, ordered, trust_features, trust_names
from knowledge.synonym_variants import Synonyms
from knowledge.text import alike, all_words, normalise, without_courtesy

FEATURE_LABELS: Final = {
    "words": "词语相近（最像的问法）",
    "words_second": "词语相近（第二像的问法）",
    "chars": "单字相近",
    "grams": "字对相近（最像的问法）",
    "grams_second": "字对相近（第二像的问法）",
    "sounds": "读音相近",
    "word_cover": "问题的词有多少在各问法里",
    "char_cover": "问题的字有多少在各问法里",
    "gram_cover": "问题的字对有多少在各问法里",
    "sound_cover": "问题的读音有多少在各问法里",
    "way_cover": "问法的词有多少在问题里",
    "body_words": "问题的词有多少在答案里",
    "body_grams": "问题的字对有多少在答案里",
    "title_words": "与标准问题词语相近",
    "title_chars": "与标准问题单字相近",
    "title_grams": "与标准问题字对相近",
    "whole": "同一问法词语与字对都相近",
    "evidence": "用词像在问这一条",
    "missing": "各问法里没有的关键词",
    "missing_everywhere": "问法和答案里都没有的关键词",
    "detail_same": "数字、地名一致",
    "detail_other": "数字、地名不一致",
    "few": "其他问法少",
    "meaning": "意思相近（最近的问法）",
    "meaning_second": "意思相近（第二近的问法）",
    "meaning_answer": "意思与答案相近",
    "bias": "基准",
    "unknown_words": "知识库里没有的词",
    "unknown_grams": "知识库里没有的字对",
    "thin": "问题里有意义的词太少",
    "logit": "排序得分",
    "chance": "在候选里所占的份额",
    "lead": "领先第二名",
    "second_logit": "第二名的得分",
    "meaning_lead": "意思上领先其他候选",
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds: ``weight`` × ``value`` = ``points``."""

    name: str
    label: str
    value: float
    weight: float
    points: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry that was compared. ``logit``: the sum of the points; ``score`` as in the ranking, 0…1.

    ``way``: of its ways of asking the one that has most of the question's pairs of characters; empty when none has any.
    """

    id: str
    version: int
    question: str
    way: str
    score: float
    logit: float
    features: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """``asked``: what was searched for, the question or with the matter that it left out; ``cut``: its words as they stand.

    ``synonyms``: (said, taken for) pairs; ``variants``: the question in the maintainers' synonyms; ``trust``: what the score
    of the first is made of; ``rule``: written | sounds | topic | answer | choose | abstain | nothing, ``reason`` in Chinese.
    """

    question: str
    asked: str
    normalised: str
    cut: tuple[str, ...]
    words: tuple[str, ...]
    grams: tuple[str, ...]
    sounds: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...]
    variants: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    trust: tuple[Contribution, ...]
    verdict: Verdict
    thresholds: dict[str, float]
    rule: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """As the search tester's page gets it."""
        return asdict(self) | {"verdict": self.verdict.value}


def explained(
    index: Index,
    ranking: Ranking,
    asked: str,
    synonyms: Synonyms,
    model: Model,
    *,
    area: str = "",
    act: str = "",
    reader: Reader | None = None,
) -> Explanation:
    """Explain ``ranking``, made of ``asked`` by ``index``."""
    question = index.question(asked)
    compared = compare(index, question, area, reader if index.asked_as_written(asked) is None else None)
    model = model.of(by_meaning=compared.by_meaning)
    ranked = ordered(compared, model.order) if compared.positions else []
    given = {item.entry.id: item.score for item in ranking.ranked}
    plain = question.terms.plain
    cut = all_words(plain)
    rule, reason = _rule(index, ranking, asked, model)
    candidates = [
        Candidate(
            (entry := index.entry(compared.positions[row])).id,
            entry.version,
            entry.question,
            _nearest_way(entry, question.terms.grams),
            given.get(entry.id, 0.0),
            round(logit, 4),
            _contributions(compared.names, compared.rows[row], model.order),
        )
        for row, logit in ranked
    ]
    return Explanation(
        ranking.query,
        asked,
        plain,
        cut,
        question.terms.words,
        question.terms.grams,
        question.terms.sounds,
        tuple((word, term) for word in cut for term in question.terms.words if word != term and word in alike(term)),
        tuple(variant.text for variant in synonyms.variants(asked)),
        tuple(sorted(candidates, key=lambda one: (-one.score, -one.logit))),
        _contributions(trust_names(compared), trust_features(compared, ranked), model.trust) if ranked else (),
        ranking.verdict,
        {"answer": model.answer, "choose": model.choose, "offer": model.offer},
        rule,
        reason,
    )


def _nearest_way(entry: Entry, grams: Sequence[str]) -> str:
    shared: list[tuple[float, int, str]] = []
    for number, way in enumerate((entry.question, *entry.similar)):
        plain = without_courtesy(normalise(way))
        length = len(grams) + max(1, len(plain) - 1)
        shared.append((2 * sum(gram in plain for gram in grams) / length, -number, way))
    likeness, _, way = max(shared)
    return way if likeness else ""


def _rule(index: Index, ranking: Ranking, asked: str, model: Model) -> tuple[str, str]:
    best = ranking.ranked[0].score if ranking.ranked else 0.0
    offered = sum(item.score for item in ranking.ranked)
    if not ranking.ranked:
        return "nothing", "没有任何条目与问题有相同的词或读音，不回答"
    if index.asked_as_written(ranking.query) is not None and best >= CERTAIN:
        return "written", "问题就是这一条写明的一种问法，直接回答"
    if best >= CERTAIN and normalise(asked) == normalise(ranking.query):
        return "sounds", "问题的读音与这一条写明的一种问法相同，直接回答"
    if normalise(asked) != normalise(ranking.query) and best >= CERTAIN:
        return "topic", "问题没有说是哪件事，按上一次回答的事项理解"
    match ranking.verdict:
        case Verdict.ANSWER:
            return "answer", f"把握 {best:.2f}，不低于直接回答的门槛 {model.answer:.2f}"
        case Verdict.CHOOSE:
            return "choose", f"把握 {best:.2f}，低于直接回答的门槛 {model.answer:.2f}，请市民在最多三条里选"
        case _ if offered >= model.choose:
            return "abstain", f"最像的一条把握 {best:.2f}，低于 {model.choose_first:.2f}，几条都不太像，不回答"
        case _:
            return "abstain", f"前三条合起来的把握 {offered:.2f}，低于供选择的门槛 {model.choose:.2f}，不回答"


def _contributions(names: tuple[str, ...], values: Array, weights: Array) -> tuple[Contribution, ...]:
    weights = effective(weights, float(values[names.index(FEW)]))
    made = [
        Contribution(
            name, FEATURE_LABELS[name], round(float(value), 4), round(float(weight), 4), round(float(value * weight), 4)
        )
        for name, value, weight in zip(names, values, weights, strict=True)
    ]
    return tuple(sorted(made, key=lambda one: -abs(one.points)))
