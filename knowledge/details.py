"""Numbers, places and dates in a question: 六十岁 is not 八十岁, 赤坎区 not 霞山区, and an answer for one is none for the other."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_DIGIT: Final = "零一二两三四五六七八九十百千万"
_QUANTITY: Final = re.compile(
    rf"(?P<number>[{_DIGIT}]+)(?P<unit>周岁|岁|孩|胎|年级|年|月|级|等|楼|层|套|类|型|号线|天|个月|平方米|平米|平|万元|元|块)"
)
_SAME_UNIT: Final = {"周岁": "岁", "胎": "孩", "楼": "层", "平方米": "平", "平米": "平", "块": "元", "等": "级"}
_WHOLE: Final = {"一起", "一下", "一样", "一直", "一点"}
_PLACE: Final = re.compile(r"(?P<name>[\u4e00-\u9fff]{2,3})(?P<kind>新区|区|县|镇|乡|街道)")
_NO_PLACE: Final = re.compile(
    r"(小|社|地|片|辖|景|校|厂|园|开发|住宅|生活|服务|禁停|禁烟|老旧小|个小|我们|他们|这个|那个|哪个|全|本|农村地)$"
)
_FILLER: Final = re.compile(r"^(我|在|住|去|到|从|是|的|和|与|把|想|要|请问|你们|这里|那里|家住)+")


@dataclass(frozen=True, slots=True)
class Details:
    """``quantities``: (unit, number as said); ``places``: names with their 区, 县, 镇, 乡 or 街道."""

    quantities: frozenset[tuple[str, str]]
    places: frozenset[str]

    @property
    def units(self) -> frozenset[str]:
        """What is counted."""
        return frozenset(unit for unit, _ in self.quantities)


_NOTHING: Final = Details(frozenset(), frozenset())
_BETWEEN: Final = "="


@lru_cache(maxsize=20_000)
def details_of(plain: str) -> Details:
    """The numbers and places of a normalised text."""
    quantities = {
        (_SAME_UNIT.get(match["unit"], match["unit"]), match["number"].replace("两", "二"))
        for match in _QUANTITY.finditer(plain)
    }
    return Details(frozenset(quantities), frozenset(_places(plain)))


def written_details(details: Details) -> str:
    """``details`` as a text to keep."""
    quantities = sorted(f"{unit}{_BETWEEN}{number}" for unit, number in details.quantities)
    return "\n".join((*quantities, *sorted(details.places)))


def read_details(text: str) -> Details:
    """What :func:`written_details` wrote."""
    if not text:
        return _NOTHING
    lines = [line.partition(_BETWEEN) for line in text.split("\n")]
    return Details(
        frozenset((first, number) for first, between, number in lines if between),
        frozenset(first for first, between, _ in lines if not between),
    )


def clash(asked: Details, held: Details) -> float:
    """Of the numbers and places asked for, the share that ``held`` has otherwise and not the same, 0…1."""
    wrong = total = 0
    for unit in asked.units:
        mine = {number for kind, number in asked.quantities if kind == unit}
        its = {number for kind, number in held.quantities if kind == unit}
        total += 1
        wrong += bool(its) and not mine & its
    if asked.places:
        total += 1
        wrong += bool(held.places) and not asked.places & held.places
    return wrong / total if total else 0.0


def agreement(asked: Details, held: Details) -> float:
    """Of the numbers and places asked for, the share that ``held`` has too, 0…1."""
    mine, its = asked.quantities | _named(asked), held.quantities | _named(held)
    return len(mine & its) / len(mine) if mine else 0.0


def elsewhere(area: str, asked: str, plain: str) -> bool:
    """Whether an entry for ``area`` cannot answer: another area is given as a hint (``asked``) or named in the question.

    An empty ``area`` is the whole city; a part of an area, or the area that it is a part of, is not another one.
    """
    if not area or area in plain:
        return False
    if asked:
        return not (asked in area or area in asked)
    named = details_of(plain).places
    return bool(named) and not any(place in area or area in place for place in named)


def _named(details: Details) -> frozenset[tuple[str, str]]:
    return frozenset(("place", place) for place in details.places)


def _places(plain: str) -> set[str]:
    found = set()
    for match in _PLACE.finditer(plain):
        name = _FILLER.sub("", match["name"])
        if len(name) >= 2 and not _NO_PLACE.search(name):
            found.add(name + match["kind"])
    return found
