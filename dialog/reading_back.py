"""The five elements read back for a yes: in full for the screen, short for the ear."""

from typing import Final

from tickets.model import ELEMENT_LABELS, ElementName, ElementStatus, FiveElements

_ORDER: Final = (ElementName.TIME, ElementName.PLACE, ElementName.PERSON, ElementName.EVENT, ElementName.DEMAND)
_NOT_SAID: Final = {
    ElementStatus.MISSING: "未提供",
    ElementStatus.DECLINED: "不愿提供",
    ElementStatus.NOT_APPLICABLE: "不涉及",
}
_SPOKEN_MOST: Final = 40
"""Characters of one element that are read out; a long story is not told back in full."""


def lines(elements: FiveElements) -> str:
    """One line an element."""
    return "\n".join(f"{ELEMENT_LABELS[name]}：{shown(elements, name)}" for name in _ORDER)


def spoken(elements: FiveElements) -> str:
    """Only what was said, in one sentence."""
    parts = [
        f"{ELEMENT_LABELS[name]}，{_short(shown(elements, name))}"
        for name in _ORDER
        if elements.get(name).status is ElementStatus.FILLED
    ]
    return "；".join(parts)


def shown(elements: FiveElements, name: ElementName) -> str:
    """One element in words."""
    element = elements.get(name)
    if element.status is not ElementStatus.FILLED:
        return element.reason or _NOT_SAID[element.status]
    return str((element.value or {}).get("text", "")).strip("，。；、 ")


def _short(text: str) -> str:
    return text if len(text) <= _SPOKEN_MOST else text[:_SPOKEN_MOST].rstrip("，。；、 ") + "等"
