"""Puts what one utterance said to what was gathered before."""

from dataclasses import replace
from typing import Any, Final

from tickets.model import Element, ElementName, ElementStatus, FiveElements, SetBy

_ADMINISTRATIVE: Final = ("city", "district", "town")


def merge(old: FiveElements, new: FiveElements, *, asked: ElementName | None, correcting: bool = False) -> FiveElements:
    """The elements after an utterance.

    What is new fills what was missing; a correction, or an answer to the question asked, replaces; event and demand
    grow; a place or time becomes more exact. What a person set by hand stays.
    """
    return FiveElements(
        **{name.value: _merged(old.get(name), new.get(name), asked is name, correcting) for name in ElementName}
    )


def _merged(old: Element, new: Element, asked: bool, correcting: bool) -> Element:
    if old.set_by is SetBy.AGENT or new.status is ElementStatus.MISSING:
        return old
    if old.status is not ElementStatus.FILLED:
        return _person(old, new) if new.name is ElementName.PERSON else new
    if new.status is not ElementStatus.FILLED:
        return _declined_over(old, new)
    if old.source == new.source:
        return new
    match new.name:
        case ElementName.PLACE:
            return _place(old, new, asked=asked, correcting=correcting)
        case ElementName.TIME:
            return _time(old, new, replaces=asked or correcting)
        case ElementName.PERSON:
            return _person(old, new)
        case _:
            return new if correcting else _grown(old, new)


def _declined_over(old: Element, new: Element) -> Element:
    """A name that is withheld is withheld though the party is known; nothing else that was told is taken back."""
    if new.name is not ElementName.PERSON or _value(old).get("caller_name"):
        return old
    return replace(new, value={**_value(new), "party": _value(old).get("party")}, source=(*old.source, *new.source))


def _value(element: Element) -> dict[str, Any]:
    return dict(element.value or {})


def _person(old: Element, new: Element) -> Element:
    before, after = _value(old), _value(new)
    if not before:
        return new
    name = after.get("caller_name") or before.get("caller_name")
    value: dict[str, Any] = {
        "text": "，".join(filter(None, (before.get("text"), after.get("text")))),
        "caller_name": name,
        "caller_phone_known": bool(before.get("caller_phone_known") or after.get("caller_phone_known")),
        "party": before.get("party") or after.get("party"),
    }
    derived = (after if after.get("caller_name") else before).get("derived")
    if derived:
        value["derived"] = derived
    if value["caller_name"] == before.get("caller_name") and value["party"] == before.get("party"):
        return old
    withheld = old.status is ElementStatus.DECLINED and not name
    return replace(
        new,
        value=value,
        status=ElementStatus.DECLINED if withheld else new.status,
        reason=old.reason if withheld else new.reason,
        source=(*old.source, *new.source),
        confidence=max(old.confidence, new.confidence),
    )


def _grown(old: Element, new: Element) -> Element:
    before, after = str(_value(old).get("text", "")), str(_value(new).get("text", ""))
    if after in before:
        return old
    return replace(
        new,
        value={"text": f"{before}，{after}"},
        source=(*old.source, *new.source),
        confidence=min(old.confidence, new.confidence),
    )


def _time(old: Element, new: Element, *, replaces: bool) -> Element:
    before, after = _value(old), _value(new)
    more_exact = bool(after.get("start")) and not before.get("start")
    if more_exact and before.get("recurring") and not after.get("recurring"):
        value = {**after, "recurring": before["recurring"], "ongoing": True, "end": None}
        value["text"] = f"{before['text']}，{after['text']}"
        return replace(new, value=value, source=(*old.source, *new.source))
    return new if replaces or more_exact else old


def _place(old: Element, new: Element, *, asked: bool, correcting: bool) -> Element:
    before, after = _value(old), _value(new)
    if correcting:
        return _corrected_division(old, new) if not after.get("detail") and before.get("detail") else new
    if before.get("district") and after.get("district") and before["district"] != after["district"]:
        return new if asked else old
    if not after.get("detail") and before.get("detail") and not before.get("district"):
        return _joined(new, old)
    if after.get("detail") and not before.get("detail"):
        return _joined(old, new)
    if asked and after.get("detail") and after["detail"] not in str(before.get("detail")):
        return new if old.confidence < new.confidence else _joined(old, new)
    return old


def _corrected_division(old: Element, new: Element) -> Element:
    """「不是赤坎区是霞山区」: the division changes, the road stays; the sources are the words that still hold."""
    before, after = _value(old), _value(new)
    wrong = str(before.get("district") or "")
    detail = str(before["detail"])
    kept = tuple(span for span in old.source if detail in span.text or not wrong)
    return replace(
        new,
        value={**after, "text": f"{after['text']}{detail}", "detail": detail},
        source=(*new.source, *(kept or old.source)),
        confidence=min(old.confidence, new.confidence),
    )


def _joined(upper: Element, lower: Element) -> Element:
    """A place told in two parts: the division, and then the road."""
    above, below = _value(upper), _value(lower)
    value: dict[str, Any] = {
        "text": f"{above['text']}{below['text']}",
        **{field: above.get(field) or below.get(field) for field in _ADMINISTRATIVE},
        "detail": f"{above.get('detail') or ''}{below.get('detail') or ''}" or None,
    }
    derived = [*above.get("derived", []), *(d for d in below.get("derived", []) if d not in above.get("derived", []))]
    value["derived"] = derived
    return replace(
        lower, value=value, source=(*upper.source, *lower.source), confidence=max(upper.confidence, lower.confidence)
    )
