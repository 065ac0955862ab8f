"""Answers to the question that was just asked: 「就在中山路那边」, 「不记得了」, 「没什么要求」, 「退钱」."""

import re
from typing import Final

from dialog.elements.clauses import Clause, ClauseKind, only_talk
from dialog.elements.narrative import words_element
from dialog.elements.places import VAGUE_CONFIDENCE, filled_place
from dialog.elements.words import Heard
from tickets.model import Element, ElementName, ElementStatus

_UNKNOWN: Final = re.compile(
    r"(?:我)?(?:也|都|真的?|实在)?(?:不(?:太|大|怎么|是很)?(?:记得|清楚|知道|晓得|确定|了解|懂)|记不(?:得|清|起来?|住)|忘(?:记)?了|说不(?:清|准|上来?|好|出来?)|想不起来?|没注意|没留意|没记|搞不清)(?:楚|了|时间)?"
)
_NO_DEMAND: Final = re.compile(
    r"(?:我)?(?:也|倒|就)?(?:没(?:有)?(?:什么|啥|别的|其他|特别的?|具体的?)?(?:要求|诉求|想法|希望|意见|需要)|没(?:有)?(?:什么|啥|别的)(?:了)?|无(?:要求|诉求)|(?:就|只)(?:是)?(?:想)?(?:反映|反应|说|讲|告诉你们|跟你们说)(?:一下|一声|说)?(?:而已|就行|就好)?|随便|没要求|没有了?$|没了$|都行|都可以)"
)
_REASONS: Final = {
    ElementName.TIME: "来电人说不清时间",
    ElementName.PLACE: "来电人说不清地点",
    ElementName.PERSON: "来电人未提供姓名",
    ElementName.EVENT: "来电人说不清经过",
    ElementName.DEMAND: "来电人没有具体诉求，只作反映",
}
_OPENING: Final = re.compile(
    r"^(?:嗯|啊|哦|呃|哎|那个|这个|好的?|是的?|对|，|就|应该|好像|大概|可能|我|们|家|人|现在|地址|地点|位置|具体|事情|发生|是|在|住|位于|叫|到|的话|：|:)*(?<!我们)(?=[^，])"
)
_CLOSING: Final = re.compile(
    r"(?:，|。|那边|这边|那里|这里|那儿|这儿|那一块|那一带|里面|吧|啊|呢|哦|的|了|嘛|呀|那个地方|这个地方|发生的|那块)+$"
)
_NO_PLACE: Final = re.compile(
    r"什么|怎么|为啥|哪|不|吗|谁|投诉|反映|没有|多少|人工|公积金|社保|医保|希望|要求|帮|请|知道|记得|刚才|一样|说过|随便|算了"
)
_SAME: Final = re.compile(
    r"(?:和|跟|同|与)?(?:刚才|刚刚|之前|前面|上面|上次|上一个|第一个)(?:说的|讲的|那个|反映的|提到的|那件事?|的)?(?:地方|地址|地点|时间|名字|要求)?(?:是)?(?:一样|相同|同一个|一致|那个|不变)|(?:还是)?(?:一样|同上|不变|照旧)的?$|(?:刚才|刚刚|前面|之前)(?:已经|都|就)?(?:说|讲|告诉你们?)过?了"
)
_LONGEST_PLACE: Final = 24
_LONGEST_REFUSAL: Final = 25
"""Characters; who says more than this tells something besides."""
_FILLER: Final = re.compile(r"^(?:嗯|啊|哦|呃|好的?|那个|，|就是|就|我|的话)+")


def answer_to(asked: ElementName, heard: Heard, clauses: tuple[Clause, ...]) -> Element | None:
    """What the utterance says about ``asked`` where the ordinary patterns found nothing; ``None``: nothing at all."""
    if any(clause.kind is ClauseKind.QUESTION for clause in clauses):
        return None
    if asked is ElementName.PLACE:
        return _place(heard)
    if asked is ElementName.DEMAND:
        return _whole(ElementName.DEMAND, heard, shortest=2)
    if asked is ElementName.EVENT:
        return _whole(ElementName.EVENT, heard, shortest=4)
    return None


def same_as_before(asked: ElementName | None, heard: Heard, before: Element | None) -> Element | None:
    """「和刚才一样」: the element of the matter before, with its own source and the words that point to it."""
    match = _SAME.search(heard.text)
    if asked is None or match is None or before is None or before.status is not ElementStatus.FILLED:
        return None
    source = (*before.source, heard.span(*match.span()))
    return Element(asked, before.value, ElementStatus.FILLED, source, min(before.confidence, heard.sure(0.8)))


def declined(asked: ElementName, heard: Heard) -> Element | None:
    """「不记得了」, 「没什么要求，就反映一下」: asked and not told."""
    pattern = _NO_DEMAND if asked is ElementName.DEMAND else _UNKNOWN
    match = pattern.search(heard.text)
    if match is None and asked is ElementName.DEMAND:
        match = _UNKNOWN.fullmatch(heard.text)
    if match is None or asked is ElementName.EVENT or len(heard.text) > _LONGEST_REFUSAL:
        return None
    return Element(
        asked,
        None,
        ElementStatus.DECLINED,
        (heard.span(*match.span()),),
        heard.sure(0.85),
        reason=_REASONS[asked],
    )


def _place(heard: Heard) -> Element | None:
    opening = _OPENING.match(heard.text)
    start = opening.end() if opening else 0
    end = start + len(_CLOSING.sub("", heard.text[start:].split("，")[0].split("。")[0]))
    words = heard.text[start:end]
    if not 2 <= len(words) <= _LONGEST_PLACE or _NO_PLACE.search(words) or not re.search(r"[\u4e00-\u9fff]", words):
        return None
    value: dict[str, object] = {
        "text": words,
        "city": None,
        "district": None,
        "town": None,
        "detail": words,
        "derived": [],
    }
    return filled_place(value, (heard.span(start, end),), heard.sure(VAGUE_CONFIDENCE + 0.1))


def _whole(name: ElementName, heard: Heard, shortest: int) -> Element | None:
    filler = _FILLER.match(heard.text)
    start = filler.end() if filler else 0
    end = start + len(_CLOSING.sub("", heard.text[start:]))
    words = heard.text[start:end]
    if len(words) < shortest or only_talk(words) or _UNKNOWN.search(words) or not re.search(r"[\u4e00-\u9fff]", words):
        return None
    return words_element(name, heard, [(start, end)], 0.6)
