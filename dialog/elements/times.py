"""The time of a matter: the most telling expressions joined, open where it goes on."""

import re
from datetime import datetime
from typing import Final

from dialog.elements.time_phrases import TimeKind, TimePhrase, find_time_phrases
from dialog.elements.time_values import Interval, resolve
from dialog.elements.words import Heard
from tickets.model import Element, ElementName, ElementStatus, Span

VAGUE_CONFIDENCE: Final = 0.4
"""A time without a date (最近, 一直)."""

_CONFIDENCE: Final = {
    TimeKind.MOMENT: 0.9, TimeKind.RANGE: 0.9, TimeKind.RECURRING: 0.8, TimeKind.DURATION: 0.7, TimeKind.VAGUE: VAGUE_CONFIDENCE,
}  # fmt: skip
_REACTION: Final = r"(?:都|还|也)?(?:没有?人|无人|没有?(?:修|处理|解决|回复|答复|结果|消息|管|理|退|赔|给|发|动静|下文|说法)|未|不(?:处理|解决|管|理|修|退|赔))"
"""Nobody reacted since: that is no duration of the event itself."""
_STILL: Final = re.compile(
    rf"一直(?!没|不|未|无|以来)|(?:至今|到现在)(?!{_REACTION})|现在还(?!没|不|未)|没停过|没完没了"
)
_ALL_ALONG: Final = re.compile(r"一直(?!没|不|未|无|都没|都不|反映|打电话|投诉)|从来都是|天天如此")
_OF_THE_CALL: Final = re.compile(r"(?:我|特地|特意|就)?(?:想|要|来|打电话|致电|投诉|反映|咨询|跟你)")
_RATHER: Final = {TimeKind.MOMENT: 0, TimeKind.RANGE: 0, TimeKind.RECURRING: 2, TimeKind.DURATION: 3, TimeKind.VAGUE: 4}
_NOT_OF_THE_EVENT: Final = re.compile(
    r"(?:说|答应|承诺|保证|预计|计划|打算|截止|有效期|规定|合同|约定)(?:是|到|在|好)?$|(?:拖|推|推迟|延|延期|延迟|等|改|改期|排)到?$"
)
_PROMISED: Final = re.compile(r"(?:内|之内|以内)(?:解决|修|处理|给|完成|退|到账)")


def find_time(
    heard: Heard,
    at: datetime,
    *,
    places: tuple[tuple[int, int], ...],
    wishes: tuple[tuple[int, int], ...],
    asked: bool,
) -> Element | None:
    """The time that was told. ``places`` hide what looks like a date (1号); what stands in ``wishes`` is no event's time.

    ``asked``: the citizen was just asked for the time, so any time will do.
    """
    resolved = [(phrase, resolve(phrase, at)) for phrase in find_time_phrases(heard.text, places)]
    open_ = [
        (phrase, interval)
        for phrase, interval in resolved
        if interval is not None and (asked or _tells_of_the_event(heard.text, phrase, interval, wishes))
    ]
    if not open_:
        return _all_along(heard, wishes, asked=asked)
    chosen = _choose(open_)
    interval = _combined(chosen)
    spans = [(phrase.start, phrase.end) for phrase, _ in chosen]
    still = _still_after(heard.text, spans, wishes)
    if still and (interval.start or interval.recurring or interval.ongoing):
        spans.append(still)
        interval = Interval(interval.start, None, True, interval.recurring, interval.approximate)
    confidence = max(_sureness(phrase) for phrase, _ in chosen) - (
        0.1 if interval.approximate and interval.start else 0
    )
    return time_element(heard, spans, interval, round(confidence, 2))


def time_element(heard: Heard, spans: list[tuple[int, int]], interval: Interval, confidence: float) -> Element:
    """A time that was said in ``spans``."""
    joined = _adjoining(sorted(spans))
    value: dict[str, object] = {
        "text": "，".join(heard.text[start:end] for start, end in joined),
        "start": _iso(interval.start),
        "end": _iso(interval.end),
        "ongoing": interval.ongoing,
        "recurring": interval.recurring,
    }
    if interval.approximate:
        value["approximate"] = True
    source: tuple[Span, ...] = tuple(heard.span(start, end) for start, end in joined)
    return Element(ElementName.TIME, value, ElementStatus.FILLED, source, heard.sure(confidence))


def _sureness(phrase: TimePhrase) -> float:
    return VAGUE_CONFIDENCE if _only_a_part_of_the_day(phrase) else _CONFIDENCE[phrase.kind]


def _only_a_part_of_the_day(phrase: TimePhrase) -> bool:
    """「晚上太黑」 tells no date."""
    first = phrase.first
    return phrase.kind is TimeKind.MOMENT and bool(first.part) and not (first.date or first.clock or phrase.since)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _adjoining(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _tells_of_the_event(text: str, phrase: TimePhrase, interval: Interval, wishes: tuple[tuple[int, int], ...]) -> bool:
    if interval.future or _only_a_part_of_the_day(phrase) or any(start <= phrase.start < end for start, end in wishes):
        return False
    if _NOT_OF_THE_EVENT.search(text[: phrase.start]) or _PROMISED.match(text[phrase.end :]):
        return False
    today = phrase.kind is TimeKind.MOMENT and phrase.text in {"今天", "今日", "现在"}
    return not (today and _OF_THE_CALL.match(text[phrase.end :]))


def _choose(found: list[tuple[TimePhrase, Interval]]) -> list[tuple[TimePhrase, Interval]]:
    """The best expression, and one more that says how often, or since when."""
    best = min(found, key=lambda item: (_rank(*item), item[0].start))
    chosen = [best]
    for other in found:
        if other is best:
            continue
        recurs = other[0].kind is TimeKind.RECURRING and best[0].kind is not TimeKind.RECURRING
        begins = best[0].kind is TimeKind.RECURRING and (other[1].start or other[0].kind is TimeKind.VAGUE)
        lasts = other[0].kind is TimeKind.DURATION and best[0].kind is TimeKind.MOMENT and not best[1].future
        if recurs or begins or lasts:
            chosen.append(other)
            break
    return sorted(chosen, key=lambda item: item[0].start)


def _rank(phrase: TimePhrase, interval: Interval) -> float:
    rank = 3.5 if _only_a_part_of_the_day(phrase) else float(_RATHER[phrase.kind])
    if rank == 3.5:
        return rank
    if phrase.kind is TimeKind.MOMENT:
        rank += 0.0 if phrase.first.clock or phrase.since else 0.5
        rank += 1.0 if phrase.text in {"今天", "今年", "去年"} else 0.0
    return rank + (0.7 if interval.start is None and interval.recurring is None else 0.0)


def _combined(chosen: list[tuple[TimePhrase, Interval]]) -> Interval:
    recurring = next((interval.recurring for _, interval in chosen if interval.recurring), None)
    if recurring:
        hours = [
            phrase.text for phrase, _ in chosen if not (phrase.first.date or phrase.amount or phrase.text in recurring)
        ]
        recurring = "，".join([recurring, *hours])
    dated = [
        item for item in chosen if item[1].start and not (recurring and not (item[0].first.date or item[0].amount))
    ]
    dated.sort(key=lambda item: _rank(*item))
    first = dated[0][1] if dated else chosen[0][1]
    ongoing = bool(recurring) or any(interval.ongoing for _, interval in chosen)
    approximate = first.approximate
    return Interval(first.start, None if ongoing else first.end, ongoing, recurring, approximate)


def _still_after(
    text: str, spans: list[tuple[int, int]], wishes: tuple[tuple[int, int], ...]
) -> tuple[int, int] | None:
    begin = min(start for start, _ in spans)
    for match in _STILL.finditer(text, begin):
        inside = any(start <= match.start() < end for start, end in (*wishes, *spans))
        if not inside:
            return match.span()
    return None


def _all_along(heard: Heard, wishes: tuple[tuple[int, int], ...], *, asked: bool) -> Element | None:
    pattern = _STILL if asked else _ALL_ALONG
    match = next(
        (m for m in pattern.finditer(heard.text) if not any(start <= m.start() < end for start, end in wishes)), None
    )
    if match is None:
        return None
    return time_element(heard, [match.span()], Interval(ongoing=True), VAGUE_CONFIDENCE)
