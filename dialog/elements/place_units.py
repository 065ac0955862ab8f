"""The parts that places are made of: divisions, roads, estates, facilities, house numbers, 门口/对面."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialog.elements.gazetteer import Division, Gazetteer, names_elsewhere
from dialog.elements.numerals import NUMBER
from dialog.elements.pinyin import sounds
from dialog.elements.place_words import (
    BREAKING,
    DOOR_NUMBERS,
    ESTATE,
    FACILITY,
    GENERIC_NAMES,
    NAME_INSIDE,
    NAMED_AS_SUCH,
    OWN,
    PART_ENDS,
    RELATION,
    ROAD,
    STOP,
    VERBS_IN_NAMES,
    WITHIN_WORDS,
)
from dialog.elements.segments import Token, tokens


class UnitKind(StrEnum):
    CITY = "city"
    ELSEWHERE = "elsewhere"
    DIVISION = "division"
    ROAD = "road"
    ESTATE = "estate"
    FACILITY = "facility"
    NUMBER = "number"
    RELATION = "relation"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Unit:
    """One part at ``text[start:end]``. ``proper``: it names one place; ``heard_as``: the name that was meant."""

    kind: UnitKind
    start: int
    end: int
    proper: bool
    divisions: tuple[Division, ...] = ()
    heard_as: str = ""


def find_units(text: str, gazetteer: Gazetteer, *, spoken: bool) -> tuple[Unit, ...]:
    """The parts in ``text`` that do not overlap, left to right; where two compete, the longer or official one stays."""
    divisions = [*_divisions(text, gazetteer), *(_misheard(text, gazetteer) if spoken else ())]
    roads = list(_named(text, ROAD, UnitKind.ROAD, _ends(divisions)))
    estates = list(_named(text, ESTATE, UnitKind.ESTATE, _ends([*divisions, *roads])))
    found = [
        *divisions,
        *roads,
        *estates,
        *_named(text, FACILITY, UnitKind.FACILITY, _ends([*divisions, *roads, *estates])),
        *(Unit(UnitKind.NUMBER, m.start(), m.end(), False) for m in DOOR_NUMBERS.finditer(text)),
        *(Unit(UnitKind.RELATION, m.start(), m.end(), False) for m in RELATION.finditer(text)),
        *(Unit(UnitKind.OWN, m.start(), m.end(), False) for m in OWN.finditer(text)),
    ]
    return _without_overlap(found)


def _ends(units: list[Unit]) -> frozenset[int]:
    return frozenset(unit.end for unit in units if unit.proper)


_ORDER: Final = {UnitKind.CITY: 0, UnitKind.ELSEWHERE: 0, UnitKind.DIVISION: 0, UnitKind.ROAD: 1, UnitKind.ESTATE: 1, UnitKind.FACILITY: 1, UnitKind.RELATION: 3, UnitKind.NUMBER: 2, UnitKind.OWN: 4}  # fmt: skip


def _without_overlap(units: list[Unit]) -> tuple[Unit, ...]:
    kept: list[Unit] = []
    for unit in sorted(units, key=lambda u: (not u.proper, _ORDER[u.kind], u.start - u.end, u.start)):
        if all(unit.end <= other.start or unit.start >= other.end for other in kept):
            kept.append(unit)
    return tuple(sorted(kept, key=lambda u: u.start))


def _divisions(text: str, gazetteer: Gazetteer) -> Iterator[Unit]:
    city = rf"(?:[一-龥]{{2}}省)?{gazetteer.city}|{gazetteer.short_city}(?=[市的]|$)"
    for match in re.finditer(city, text):
        yield Unit(UnitKind.CITY, match.start(), match.end(), True)
    for at in range(len(text)):
        match_at = gazetteer.match_at(text, at)
        if match_at and not _is_part_of_a_word(text, at, match_at[0]):
            name, divisions = match_at
            end = at + len(name)
            end += name.endswith("市") and text[end : end + 1] == "区"
            yield Unit(UnitKind.DIVISION, at, end, True, divisions)
    yield from _elsewhere(text, gazetteer)
    for short, full in gazetteer.short_counties.items():
        for match in re.finditer(re.escape(short), text):
            if _stands_for_a_county(text, match.start(), match.end()):
                yield Unit(UnitKind.DIVISION, match.start(), match.end(), True, (Division(county=full),))


def _elsewhere(text: str, gazetteer: Gazetteer) -> Iterator[Unit]:
    """Provinces, cities and counties that are not this city's."""
    names = names_elsewhere()
    for match in re.finditer(r"[省市区县]", text):
        for length in range(9, 2, -1):
            name = text[max(0, match.end() - length) : match.end()]
            if name in names and name not in gazetteer.names and name != gazetteer.city:
                yield Unit(UnitKind.ELSEWHERE, match.end() - len(name), match.end(), True)
                break


def _is_part_of_a_word(text: str, at: int, name: str) -> bool:
    """「前村」「新村」 in 海滨新村: a village of two characters counts only after a pause, a 的 or a division's name."""
    if text[at + len(name) : at + len(name) + 1] in {"路", "街", "巷", "大"} and not name.endswith(
        ("区", "县", "市", "镇")
    ):
        return True
    if len(name) > 2 or at == 0:
        return False
    return text[at - 1] not in "，。区县市镇道乡在"


def _stands_for_a_county(text: str, start: int, end: int) -> bool:
    if re.match(r"(?:区|县|市)?(?:路|街|大道|保险|银行|健康|安全|无事)", text[end:]):
        return False
    before, after = text[:start], text[end:]
    return bool(
        re.search(r"(?:在|到|住|是|们|从|去|的|，|市|^|人民|区)$", before)
        or re.match(
            r"那边|这边|那里|这里|的|人民|一中|汽车|客运|火车|市区|城区|老街|新区|区|县|市|[一-龥]{2,4}(?:路|大道|街|小区|花园|镇|村)",
            after,
        )
    ) and not re.search(r"(?:一路|祝|报)$", before)


def _named(text: str, suffix: re.Pattern[str], kind: UnitKind, ends: frozenset[int]) -> Iterator[Unit]:
    edges = {token.end for token in tokens(text)}
    for match in suffix.finditer(text):
        if match[0] in WITHIN_WORDS and match.end() not in edges:
            continue
        start = _name_start(text, match.start(), ends, longest=6 if kind is UnitKind.ROAD else 8)
        name = text[start : match.start()]
        end = match.end()
        if kind is UnitKind.ROAD and match[0][-1] in "东西南北中" and len(match[0]) > 1 and end not in edges:
            end -= 1
        if not match[0] and len(name) < 2:
            continue
        if (
            kind is UnitKind.ROAD
            and not match[0].startswith("步行街")
            and (len(name) < 2 or _is_bus_line(name, text[end:]))
        ):
            continue
        proper = bool(name) and not GENERIC_NAMES.fullmatch(name)
        if proper or match[0].startswith(NAMED_AS_SUCH):
            ends |= {end}
            yield Unit(kind, start, end, True)
        elif kind is not UnitKind.ROAD and match[0]:
            yield Unit(kind, start, end, False)


def _is_bus_line(name: str, after: str) -> bool:
    spoken = re.fullmatch(NUMBER, name) is not None and re.match(r"公交|车|线|大巴", after) is not None
    return spoken or re.search(r"(?<![经纬])\d$", name) is not None


def _name_start(text: str, end: int, ends: frozenset[int], *, longest: int) -> int:
    """Where the name begins whose last character stands before ``end``; it does not reach over a part's end."""
    starts = {token.start: token for token in tokens(text)}
    finishing = {token.end: token for token in tokens(text)}
    begin = end
    for start in range(end - 1, max(-1, end - longest - 1), -1):
        if start + 1 in ends or (text[: start + 1].endswith(PART_ENDS) and text[start : start + 2] != "街道"):
            break
        stop = STOP.search(text[: start + 1])
        if stop and not (stop[0] in NAME_INSIDE and not _is_word(starts, stop.start(), stop[0])):
            break
        token = finishing.get(start + 1)
        if token and _breaks(token):
            break
        begin = start
    return begin


def _is_word(edges: dict[int, Token], at: int, word: str) -> bool:
    token = edges.get(at)
    return token is not None and token.word == word


def _breaks(token: Token) -> bool:
    if token.kind in BREAKING:
        return len(token.word) > 1 or (token.kind in {"p", "c", "uj", "ul", "r"} and token.word not in NAME_INSIDE)
    return token.kind == "v" and len(token.word) > 1 and token.word not in VERBS_IN_NAMES


def _misheard(text: str, gazetteer: Gazetteer) -> Iterator[Unit]:
    """Counties and towns by their sound: 池坎区 for 赤坎区."""
    for length in sorted({len(key) for key in gazetteer.by_sound}, reverse=True):
        for start in range(len(text) - length + 1):
            words = text[start : start + length]
            if words in gazetteer.names or not re.fullmatch(r"[一-龥]+", words):
                continue
            if words[-1] not in "区县市镇道乡" and not _among_places(text, start, start + length):
                continue
            name = gazetteer.by_sound.get(sounds(words))
            if name and (words[-1] == name[-1] or _among_places(text, start, start + length)):
                yield Unit(UnitKind.DIVISION, start, start + length, True, gazetteer.names[name], heard_as=name)


def _among_places(text: str, start: int, end: int) -> bool:
    """What is around tells of a place: 「我住在下山去」 does, 「下山去」 alone does not."""
    return bool(
        re.search(r"(?:在|住|是|于|市|，|们)$", text[:start])
        and re.match(r"$|，|[一-龥]{1,4}(?:路|大道|街|小区|花园|村)", text[end:])
    )
