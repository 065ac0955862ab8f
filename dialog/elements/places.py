"""The place of a matter: parts that stand together, the divisions above them from the gazetteer, the words said."""

import re
from dataclasses import dataclass
from typing import Final

from dialog.elements.gazetteer import Division, Gazetteer
from dialog.elements.place_units import Unit, UnitKind, find_units
from dialog.elements.segments import tokens
from dialog.elements.words import Heard
from tickets.model import Element, ElementName, ElementStatus, Span

VAGUE_CONFIDENCE: Final = 0.4
"""A place that only the caller can find (我家楼下): it is asked about once more."""

_NOT_HERE: Final = re.compile(r"(?:不是|不在|并非)(?:在)?$")
_HOME: Final = re.compile(r"(?:我|家)(?:们)?(?:家)?(?:是)?住(?:在)?$|户口在$|老家(?:是|在)?$|家在$")
_GAP: Final = re.compile(r"[，,、的有在里呢啊嗯]{0,3}(?:那个|这个|就是|就在|具体是|具体在)?")
_POINTED_AT: Final = re.compile(r"([一-龥]{2,4}?)(?=那里|那边|那儿|这里|这边|附近|里面|门口|旁边|对面)")
_ADMINISTRATIVE: Final = (UnitKind.CITY, UnitKind.ELSEWHERE, UnitKind.DIVISION)
_SMALL_PLACES: Final = {
    "村口",
    "巷口",
    "桥头",
    "楼道",
    "楼道里",
    "楼下",
    "楼上",
    "门口",
    "楼顶",
    "路口",
    "对面",
    "旁边",
    "附近",
}
_ZONE: Final = re.compile(r"(?:经济技术|经济|高新技术|高新|综合|旅游)?(?:开发区|新区|高新区|经开区|试验区|管理区)")
_BETWEEN_ROADS: Final = {"与", "和", "跟", "、", "同"}
_AFTER_A_DE: Final = {UnitKind.RELATION, UnitKind.NUMBER}
_WEIGHT: Final = {UnitKind.CITY: 0.5, UnitKind.ELSEWHERE: 2, UnitKind.DIVISION: 3, UnitKind.ROAD: 3, UnitKind.ESTATE: 3, UnitKind.FACILITY: 2, UnitKind.NUMBER: 1, UnitKind.RELATION: 0.5, UnitKind.OWN: 0.5}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlacePhrase:
    """Parts that stand together at ``start``…``end``. ``denied``: 「不是…」 came before."""

    units: tuple[Unit, ...]
    start: int
    end: int
    denied: bool = False
    home: bool = False

    @property
    def proper(self) -> bool:
        return any(unit.proper and unit.kind is not UnitKind.CITY for unit in self.units)

    @property
    def only_divisions(self) -> bool:
        return all(unit.kind in _ADMINISTRATIVE for unit in self.units)

    @property
    def weight(self) -> float:
        found = sum(_WEIGHT[unit.kind] for unit in self.units if unit.proper or unit.kind not in (UnitKind.FACILITY,))
        return found - (3.5 if self.home else 0)


def find_place_phrases(heard: Heard, gazetteer: Gazetteer) -> tuple[PlacePhrase, ...]:
    """Every place in what was heard, left to right."""
    text = heard.text
    groups: list[list[Unit]] = []
    for unit in find_units(text, gazetteer, spoken=heard.spoken):
        if groups and _joins(groups[-1], unit, text):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    phrases = (_phrase(group, text) for group in groups)
    return tuple(phrase for phrase in phrases if phrase is not None)


def _joins(group: list[Unit], unit: Unit, text: str) -> bool:
    gap = text[group[-1].end : unit.start]
    if not gap:
        return True
    if gap == "的":
        return unit.kind in _AFTER_A_DE
    return gap in _BETWEEN_ROADS and group[-1].kind is unit.kind is UnitKind.ROAD


def _phrase(group: list[Unit], text: str) -> PlacePhrase | None:
    units = list(group)
    while units and not units[0].proper and not _anchors(units, text):
        units.pop(0)
    if len(units) > 1 and units[-1].kind is UnitKind.FACILITY and units[-2].kind is UnitKind.RELATION:
        units = units if units[-1].proper else units[:-1]
    if not units or (not any(unit.proper for unit in units) and not _anchors(units, text)):
        return None
    start, end = units[0].start, units[-1].end
    if not units[0].proper and units[0].kind in (UnitKind.ESTATE, UnitKind.FACILITY, UnitKind.RELATION):
        own = re.search(r"(?:我们|咱们|我|俺)(?:这个?|那个?)?$", text[:start])
        start = own.start() if own else start
    if units[-1].proper:
        end = _with_landmark(text, end)
    before = text[:start]
    return PlacePhrase(tuple(units), start, end, denied=bool(_NOT_HERE.search(before)), home=bool(_HOME.search(before)))


def _with_landmark(text: str, end: int) -> int:
    """Take in a noun that is pointed at: 坡头区麻斜街道|牌坊那里."""
    noun = _POINTED_AT.match(text, end)
    word = noun[1] if noun else ""
    whole = any(token.start == end and token.word == word and token.kind.startswith("n") for token in tokens(text))
    return end + len(word) if whole else end


def _anchors(units: list[Unit], text: str) -> bool:
    """May a place begin with this improper part: 我家楼下, 小区门口, 三栋二单元?"""
    first, rest = units[0], units[1:]
    if first.kind is UnitKind.RELATION:
        return text[first.start : first.end] in _SMALL_PLACES and text[: first.start].endswith(("我们", "我家", "咱们"))
    if first.kind is UnitKind.NUMBER:
        return len(re.findall(r"栋|单元|号楼|幢|座|室|号", text[first.start : first.end])) >= (1 if rest else 2)
    if first.kind in (UnitKind.OWN, UnitKind.ESTATE, UnitKind.FACILITY):
        return bool(rest) and not rest[0].proper and rest[0].kind in (UnitKind.RELATION, UnitKind.NUMBER)
    return False


def choose_place(phrases: tuple[PlacePhrase, ...], text: str, *, asked: bool) -> tuple[PlacePhrase, ...]:
    """The place of the matter: the weightiest phrase, with a division that was said shortly before or after it."""
    open_ = [p for p in phrases if not p.denied and (asked or p.proper or not _only_city(p))]
    if not open_:
        return ()
    best = max(open_, key=lambda p: (p.weight, -p.start))
    at = open_.index(best)
    chosen = [best]
    if not _has_division(best) and at > 0 and open_[at - 1].only_divisions and _near(text, open_[at - 1], best):
        chosen.insert(0, open_[at - 1])
    if best.only_divisions and at + 1 < len(open_) and _near(text, best, open_[at + 1]):
        chosen.append(open_[at + 1])
    return tuple(chosen)


def _only_city(phrase: PlacePhrase) -> bool:
    return all(unit.kind is UnitKind.CITY for unit in phrase.units)


def _has_division(phrase: PlacePhrase) -> bool:
    return any(unit.kind is UnitKind.DIVISION for unit in phrase.units)


def _near(text: str, first: PlacePhrase, second: PlacePhrase) -> bool:
    return _GAP.fullmatch(text[first.end : second.start]) is not None


def place_element(heard: Heard, phrases: tuple[PlacePhrase, ...], gazetteer: Gazetteer) -> Element:
    """The element for the chosen ``phrases`` (at least one)."""
    source = tuple(heard.span(phrase.start, phrase.end) for phrase in phrases)
    units = [unit for phrase in phrases for unit in phrase.units]
    words = [(heard.text[unit.start : unit.end], unit) for unit in units]
    detail = "".join(_below_divisions(heard.text, phrase) for phrase in phrases)
    elsewhere = [said for said, unit in words if unit.kind is UnitKind.ELSEWHERE]
    city = gazetteer.city if any(unit.kind is UnitKind.CITY for unit in units) else _last(elsewhere, "市")
    value = place_value(
        text="".join(heard.text[phrase.start : phrase.end] for phrase in phrases),
        detail=detail,
        divisions=[(said, unit.divisions, unit.heard_as) for said, unit in words if unit.divisions],
        said_city=city,
        gazetteer=gazetteer,
        in_a_zone=_ZONE.search(heard.text[: phrases[0].end]) is not None,
    )
    if elsewhere and not value["district"]:
        value["district"] = _last(elsewhere, "区县") or None
    return filled_place(value, source, heard.sure(_confidence(units)))


def _last(names: list[str], endings: str) -> str:
    return next((name for name in reversed(names) if name[-1] in endings), "")


def _below_divisions(text: str, phrase: PlacePhrase) -> str:
    below = [unit for unit in phrase.units if unit.kind not in _ADMINISTRATIVE]
    lowest = below[0].start if below else phrase.units[-1].end
    start = lowest if phrase.units[0].proper else phrase.start
    return text[start : phrase.end]


def filled_place(value: dict[str, object], source: tuple[Span, ...], confidence: float) -> Element:
    """A place that was said."""
    return Element(ElementName.PLACE, value, ElementStatus.FILLED, source, confidence)


def place_value(
    *,
    text: str,
    detail: str,
    divisions: list[tuple[str, tuple[Division, ...], str]],
    said_city: str,
    gazetteer: Gazetteer,
    in_a_zone: bool = False,
) -> dict[str, object]:
    """The normalised place. What was not said but follows from the gazetteer is listed in ``derived``.

    ``in_a_zone``: a development zone was named, which the gazetteer does not know: no district follows.
    """
    derived: list[dict[str, str]] = []
    found = _narrowed([candidates for _, candidates, _ in divisions])
    said = [heard_as or words for words, _, heard_as in divisions]
    county, town = _common(found, "county"), _common(found, "town")
    village = _common(found, "village")
    if in_a_zone and county not in said and county not in _counties_said(divisions):
        county = ""
    if found and not said_city:
        derived.append(_derived("city", gazetteer.city))
    for field, name in (("district", county), ("town", town)):
        if name and not any(name in words for words in said):
            derived.append(_derived(field, name))
    derived += [
        _derived("district" if heard_as == county else "town", heard_as, "pinyin")
        for _, _, heard_as in divisions
        if heard_as
    ]
    if village and village in said:
        detail = village + detail
    return {
        "text": text,
        "city": said_city or (gazetteer.city if found else None),
        "district": county or None,
        "town": town or None,
        "detail": detail or None,
        "derived": derived,
    }


def _counties_said(divisions: list[tuple[str, tuple[Division, ...], str]]) -> set[str]:
    return {candidate.county for _, candidates, _ in divisions for candidate in candidates if not candidate.town}


def _derived(field: str, value: str, source: str = "gazetteer") -> dict[str, str]:
    return {"field": field, "value": value, "from": source}


def _narrowed(said: list[tuple[Division, ...]]) -> list[Division]:
    """The divisions that fit everything that was said; the lowest ones."""
    found: list[Division] = []
    for candidates in said:
        if not found:
            found = list(candidates)
            continue
        below = [c for c in candidates if any(_holds(upper, c) for upper in found)]
        found = below or found
    return found


def _holds(upper: Division, lower: Division) -> bool:
    return all(
        not one or one == other
        for one, other in ((upper.county, lower.county), (upper.town, lower.town), (upper.village, lower.village))
    )


def _common(found: list[Division], field: str) -> str:
    names = {getattr(division, field) for division in found}
    return str(names.pop()) if len(names) == 1 else ""


def _confidence(units: list[Unit]) -> float:
    kinds = {unit.kind for unit in units if unit.proper}
    if not kinds - {UnitKind.CITY}:
        return VAGUE_CONFIDENCE
    if kinds <= set(_ADMINISTRATIVE):
        base = 0.75
    elif UnitKind.DIVISION in kinds:
        base = 0.95
    else:
        base = 0.85 if kinds & {UnitKind.ROAD, UnitKind.ESTATE} else 0.7
    return round(base * (0.7 if any(unit.heard_as for unit in units) else 1.0), 3)
