"""The administrative divisions of one city, county to village, read at run time from ``jionlp``'s dictionary."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

from dialog.elements.pinyin import sounds
from dialog.elements.quiet_jionlp import divisions_file

_COUNTY_END: Final = re.compile(r"(?:(?:[\u4e00-\u9fff]{1,3}族)*自治县|新区|区|县|市)$")
_AUTONOMOUS: Final = re.compile(r"^(?P<name>[\u4e00-\u9fff]{2}?)(?:[\u4e00-\u9fff]{1,3}族)+自治县$")
_COUNTY_DEPTH: Final = 2
"""Tabs before the name of a county in jionlp's file."""
_NOT_ALONE: Final = 2
"""A name without its 区 or 县 must have at least this many characters to stand alone."""


@dataclass(frozen=True, slots=True)
class Division:
    """A place in the city's tree; the parts above it are filled, those below are empty."""

    county: str = ""
    town: str = ""
    village: str = ""


@dataclass(frozen=True)
class Gazetteer:
    """Names of one city. ``names`` maps every full name to the divisions that bear it."""

    city: str
    short_city: str
    names: dict[str, tuple[Division, ...]] = field(repr=False)
    short_counties: dict[str, str] = field(repr=False)
    by_sound: dict[tuple[str, ...], str] = field(repr=False)
    longest: int = 0

    def match_at(self, text: str, at: int) -> tuple[str, tuple[Division, ...]] | None:
        """The longest full name that stands at ``text[at:]``."""
        for length in range(min(self.longest, len(text) - at), 1, -1):
            name = text[at : at + length]
            if name in self.names:
                return name, self.names[name]
        return None

    def heard_as(self, words: str) -> str | None:
        """The county or town that sounds like ``words`` and is written otherwise; ``None`` where there is none."""
        name = self.by_sound.get(sounds(words))
        return name if name and name != words else None


@lru_cache(maxsize=8)
def load_gazetteer(city: str, divisions: tuple[str, ...] = ()) -> Gazetteer:
    """The gazetteer of ``city`` (湛江市; a city of county rank such as 琼海市 too). ``divisions`` from the rulebook are added."""
    names: defaultdict[str, set[Division]] = defaultdict(set)
    for division in _read(city):
        name = division.village or division.town or division.county
        if len(name) >= 2 and name not in ("市辖区", city):
            names[name].add(division)
    for name in divisions:
        if name not in names:
            names[name].add(Division(county=name) if _COUNTY_END.search(name) else Division(town=name))
    counties = [name for name, found in names.items() if any(d.county == name and not d.town for d in found)]
    towns = [name for name, found in names.items() if any(d.town == name and not d.village for d in found)]
    return Gazetteer(
        city=city,
        short_city=city.removesuffix("市"),
        names={name: tuple(sorted(found, key=_rank)) for name, found in names.items()},
        short_counties=_short_names(counties),
        by_sound={sounds(name): name for name in (*towns, *counties) if len(name) >= 3},
        longest=max(map(len, names), default=0),
    )


@cache
def names_elsewhere() -> frozenset[str]:
    """The full names (three characters or more) of all provinces, cities and counties of the country."""
    found = set()
    with divisions_file().open(encoding="utf-8") as lines:
        for line in lines:
            name = line.lstrip("\t")
            if len(line) - len(name) <= _COUNTY_DEPTH:
                found.add(name.split("\t")[0].strip())
    return frozenset(name for name in found if len(name) >= 3 and name[-1] in "省市区县")


def _rank(division: Division) -> tuple[bool, bool, str, str, str]:
    return bool(division.village), bool(division.town), division.county, division.town, division.village


def _short_names(counties: list[str]) -> dict[str, str]:
    found = {}
    for name in counties:
        autonomous = _AUTONOMOUS.match(name)
        if autonomous:
            found[autonomous["name"] + "县"] = name
        found[autonomous["name"] if autonomous else _COUNTY_END.sub("", name)] = name
    return {short: name for short, name in found.items() if len(short) >= _NOT_ALONE}


def _read(city: str) -> list[Division]:
    """Every division below ``city``. Depth is told by tabs: 1 city, 2 county, 3 town, 4 village."""
    found: list[Division] = []
    top = 0
    county = town = ""
    with divisions_file().open(encoding="utf-8") as lines:
        for line in lines:
            name = line.lstrip("\t")
            depth = len(line) - len(name)
            if top and depth <= top:
                break
            name = name.split("\t")[0].strip()
            if not top:
                top = depth if name == city and depth in (1, 2) else 0
                continue
            level = depth - top + (0 if top == 1 else 1)
            if level == 1:
                county, town = name, ""
                found.append(Division(county=name))
            elif level == 2:
                town = name
                found.append(Division(county, name))
            else:
                found.append(Division(county, town, name))
    return found
