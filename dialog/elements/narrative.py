"""The event and the demand: the words of the clauses that tell them."""

import re
from typing import Final

from dialog.elements.clauses import Clause, ClauseKind, event_start, tells_something
from dialog.elements.words import Heard
from tickets.model import Element, ElementName, ElementStatus

_LEADING: Final = re.compile(
    r"(?:(?:具体)?(?:地址|地点|位置)(?:就?是|在|：|:)?|[，,、的了呢啊嗯呃吧嘛哦]|那个(?!人|老板|司机|店|工地)|就是说?|然后|那(?=我|就)|这里(?=有)|那里(?=有)|那边(?=有)|这边(?=有)|里面?(?=有|总|经|的)|上的|上(?=有)|在这|说(?=是))+"
)
_TRAILING: Final = re.compile(r"(?:[，,、。]|然后|所以|因此|就|但是?|并且?|而且|特此|强烈|同时|另外|啊|呢|吧|嗯)+$")
_BEFORE_A_WISH: Final = re.compile(r"(?:现在|所以|因此|那|也|还)?(?:我们?)?(?:也|还|就)?$")
_NEEDS_A_SUBJECT: Final = re.compile(r"把|被|不|没|说|让|拒|都|也|经常|总是|老是|乱(?!停|扔|倒|搭)")
"""The place itself did it, or it was done to the place: its name stays in the story."""
_AFTER_PLACE: Final = re.compile(r"(?:的|这边|那边|这里|那里|附近|上|里面|里|那儿|这儿|一带|，|那个地方|的地方)+")
_BEFORE_PLACE: Final = re.compile(r"(?:在|位于|就在|住在|我住|是|从|到|于|家住|我家|我在|我们在|我家住在)$")


def find_event(
    heard: Heard,
    clauses: tuple[Clause, ...],
    *,
    places: tuple[tuple[int, int], ...],
    times: tuple[tuple[int, int], ...],
    asked: bool,
) -> Element | None:
    """What happened, in the words said: from the first clause that tells something, without what only announces and
    without the time or place it begins with. Clauses that stand together make one span.
    """
    spans: list[tuple[int, int]] = []
    for clause in clauses:
        if clause.kind is not ClauseKind.EVENT:
            continue
        if spans:
            start, end = _untrailed(heard.text, clause.start, clause.end)
        else:
            start, end = _trimmed(heard.text, clause.start, clause.end, places, times)
        words = heard.text[start:end]
        if start < end and (spans or tells_something(words) or (asked and len(words) >= 4)):
            spans.append((start, end))
    if not spans:
        return None
    return words_element(ElementName.EVENT, heard, _joined(heard.text, spans), 0.85 if len(spans) < 8 else 0.7)


def find_demand(heard: Heard, clauses: tuple[Clause, ...]) -> Element | None:
    """What is wished for, in the words said."""
    spans = []
    for clause in clauses:
        if clause.kind is ClauseKind.WISH:
            end = clause.start + len(_TRAILING.sub("", heard.text[clause.start : clause.end]))
            if end - clause.start >= 2:
                spans.append((clause.start, end))
    return words_element(ElementName.DEMAND, heard, _joined(heard.text, spans), 0.85) if spans else None


def words_element(name: ElementName, heard: Heard, spans: list[tuple[int, int]], confidence: float) -> Element:
    """An element whose value is the words said in ``spans``."""
    text = "，".join(heard.text[start:end] for start, end in spans)
    source = tuple(heard.span(start, end) for start, end in spans)
    return Element(name, {"text": text}, ElementStatus.FILLED, source, heard.sure(confidence))


def _trimmed(
    text: str, start: int, end: int, places: tuple[tuple[int, int], ...], times: tuple[tuple[int, int], ...]
) -> tuple[int, int]:
    start += event_start(text[start:end])
    while start < end:
        leading = _LEADING.match(text, start, end)
        if leading:
            start = leading.end()
            continue
        here = _leading_span(text, start, end, places, places=True) or _leading_span(
            text, start, end, times, places=False
        )
        if here is None or (_NEEDS_A_SUBJECT.match(text, here, end) and here in _ends_of(places)):
            break
        start = here
    return _untrailed(text, start, end)


def _ends_of(spans: tuple[tuple[int, int], ...]) -> set[int]:
    return {end for _, end in spans}


def _untrailed(text: str, start: int, end: int) -> tuple[int, int]:
    words = text[start:end]
    if re.match(r"[^，。！？；,!?;]", text[end:]):
        words = _BEFORE_A_WISH.sub("", words)
    return start, start + len(_TRAILING.sub("", words))


def _leading_span(text: str, start: int, end: int, spans: tuple[tuple[int, int], ...], *, places: bool) -> int | None:
    """The position after a time or place that the clause begins with; ``None`` where it begins otherwise."""
    for first, last in spans:
        if start <= first < end and last <= end:
            head = text[start:first]
            if not head or (places and _BEFORE_PLACE.fullmatch(head)) or (not places and head in {"在", "我", "就"}):
                after = _AFTER_PLACE.match(text, last, end) if places else None
                return after.end() if after else last
    return None


def _joined(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans with nothing but a comma between them become one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and re.fullmatch(r"[，,、；]?", text[joined[-1][1] : start]):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
