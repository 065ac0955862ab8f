"""A matter outside the city: which other city the words put it in, and the number of that city's hotline.

Only ever a suggestion (湛府办函〔2022〕116号 第七条（一）, CLAUSES Z9 and Z11): the matter is taken down all the same,
and a person decides whether it belongs here.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from dialog.elements.gazetteer import Gazetteer
from dialog.elements.place_units import UnitKind, find_units
from dialog.elements.quiet_jionlp import area_codes, divisions_file

_BUSY_THERE: Final = re.compile(
    r"(?:那边|这边|这里|那里)?(?:上班|工作|打工|读书|上学|念书|出差|旅游|定居|做生意|回来|的时候|人$|人，|[和与到至飞转])"
)
_IS_PART_OF_A_NAME: Final = re.compile(r"(?:路|街|巷|大道|大厦|大酒店|话|菜|银行|证|牌照|车牌|户口|籍)")
_PLACED: Final = re.compile(r"(?:在|位于|发生在|地点是|地址是|这里是|我们是|^|[，。；])$")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another city (海口市) and its hotline as it is dialled from here (089812345)."""

    city: str
    hotline: str


def find_elsewhere(text: str, gazetteer: Gazetteer) -> Elsewhere | None:
    """The one other city in which ``text`` puts the matter; ``None`` when it names this city too, or none, or several."""
    units = find_units(text, gazetteer, spoken=False)
    if any(unit.kind in (UnitKind.CITY, UnitKind.DIVISION) for unit in units):
        return None
    named = set()
    for unit in units:
        if unit.kind is UnitKind.ELSEWHERE and not _BUSY_THERE.match(text[unit.end :]):
            named |= _cities_of(text[unit.start : unit.end])
    short = _short_names(text)
    if short and (not named or named & short):
        named = short
    named.discard(gazetteer.city)
    return elsewhere(named.pop()) if len(named) == 1 else None


def elsewhere(city: str) -> Elsewhere | None:
    """What is known of another city by its full name."""
    code = area_codes().get(city.removesuffix("市"))
    return Elsewhere(city, f"{code}12345") if code else None


def _short_names(text: str) -> set[str]:
    """Cities named without 市, where the words put the matter there: 「在海口」「广州天河的一家…」."""
    found = set()
    for start in range(len(text) - 1):
        for length in (4, 3, 2):
            name, after = text[start : start + length], text[start + length :]
            if name not in area_codes() or not _PLACED.search(text[:start]):
                continue
            if not _IS_PART_OF_A_NAME.match(after) and not _BUSY_THERE.match(after):
                found.add(f"{name}市")
            break
    return found


def _cities_of(name: str) -> set[str]:
    """The cities that a province's, city's or county's full name may mean."""
    if name.removesuffix("市") in area_codes() and name.endswith("市"):
        return {name}
    return set(_counties().get(name, ()))


@cache
def _counties() -> dict[str, frozenset[str]]:
    """County → the cities that have one of that name."""
    found: dict[str, set[str]] = {}
    top = city = ""
    with divisions_file().open(encoding="utf-8") as lines:
        for line in lines:
            name = line.lstrip("\t")
            depth, name = len(line) - len(name), name.split("\t")[0].strip()
            if depth == 0:
                top = name
            elif depth == 1:
                city = name if name.endswith("市") else top
            elif depth == 2:
                found.setdefault(name, set()).add(city)
    return {name: frozenset(cities) for name, cities in found.items()}
