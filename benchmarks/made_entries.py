"""Any number of knowledge entries that read like the sample ones: made of their words, each with a question of its own."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

import jieba

from knowledge.entries import EntryForm, sample_entries

CHARACTERS: Final = 340
"""Of question, other ways of asking and answer together."""
_NAMES: Final = (
    "安宁福康和平兴华新春东西南北中山海河江湖林园田桥城门光明红阳金龙凤云石柳松竹梅桂荣永泰盛昌德仁义信学文长青白马"
)
_PLACES: Final = ("街道", "社区", "镇", "村", "新区", "片区", "工业园", "花园")
_TEMPLATES: Final = (
    "{place}{first}的{second}怎么{verb}",
    "在{place}{verb}{first}要带什么{second}",
    "{place}{verb}{first}{second}去哪里",
    "{first}没有{second}能不能在{place}{verb}",
    "{place}居民{first}{second}多久能{verb}",
    "{place}的{second}和{first}可以一起{verb}吗",
)
_VERBS: Final = ("办理", "申请", "补领", "变更", "查询", "缴纳", "退回", "登记", "注销", "转移", "报销", "投诉")
_CLAUSE: Final = re.compile(r"[^，。；：、\n]{4,30}")


@dataclass(frozen=True, slots=True)
class _Material:
    """What entries are made of: words of the sample questions, clauses of the sample answers, spoken answers, units, fields."""

    words: tuple[str, ...]
    clauses: tuple[str, ...]
    speeches: tuple[str, ...]
    units: tuple[str, ...]
    fields: tuple[str, ...]


@cache
def _material() -> _Material:
    forms = sample_entries()
    words = {word for form in forms for way in (form.question, *form.similar) for word in jieba.cut(way, HMM=False)}
    return _Material(
        tuple(sorted(word for word in words if len(word) > 1)),
        tuple(sorted({clause for form in forms for clause in _CLAUSE.findall(form.answer)})),
        tuple(sorted({form.speech for form in forms})),
        tuple(sorted({form.unit for form in forms})),
        tuple(sorted({form.field for form in forms})),
    )


def made_entries(number: int, seed: int = 1) -> Iterator[EntryForm]:
    """``number`` entries of :data:`CHARACTERS` characters, no two with the same question; the same for the same ``seed``."""
    rng, material = random.Random(seed), _material()
    used: set[str] = set()
    while len(used) < number:
        question = _question(rng, material)
        if question in used:
            continue
        used.add(question)
        similar = tuple(dict.fromkeys(_question(rng, material, question) for _ in range(2)))
        answer = _answer(rng, material, CHARACTERS - len(question) - sum(map(len, similar)))
        yield EntryForm(
            id=f"MADE-{len(used):07}",
            question=question,
            similar=similar,
            answer=answer,
            speech=rng.choice(material.speeches),
            unit=rng.choice(material.units),
            field=rng.choice(material.fields),
            effective_at=date(2020, 1, 1),
        )


def _question(rng: random.Random, material: _Material, like: str = "") -> str:
    """A new question; or one ``like`` another: its own words, in another form."""
    place = "".join(rng.choices(_NAMES, k=2)) + rng.choice(_PLACES)
    first, second = rng.sample(material.words, 2)
    if like:
        kept = [word for word in jieba.cut(like, HMM=False) if len(word) > 1]
        place, first = like[:4], rng.choice(kept)
    return rng.choice(_TEMPLATES).format(place=place, first=first, second=second, verb=rng.choice(_VERBS))


def _answer(rng: random.Random, material: _Material, length: int) -> str:
    clauses: list[str] = []
    missing = length
    while missing > 0:
        clause = rng.choice(material.clauses) + rng.choice("，。；")
        clauses.append(clause)
        missing -= len(clause)
    return "".join(clauses)[:length]


def asked_of(entry: EntryForm, rng: random.Random) -> str:
    """A question of somebody who means ``entry``: one of its ways of asking without a word, sometimes with 请问."""
    words = list(jieba.cut(rng.choice((entry.question, *entry.similar)), HMM=False))
    if len(words) > 3:
        words.pop(rng.randrange(len(words)))
    return rng.choice(("", "", "请问", "我想问一下")) + "".join(words)
