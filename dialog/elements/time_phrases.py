"""Finds expressions of time in a sentence: moments, ranges, 从…开始, 每天…, 三天前, 半个月了, 最近."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialog.elements.numerals import NUMBER


class TimeKind(StrEnum):
    """What an expression is, from the most telling to the least."""

    MOMENT = "moment"
    RANGE = "range"
    RECURRING = "recurring"
    DURATION = "duration"
    VAGUE = "vague"


@dataclass(frozen=True, slots=True)
class Moment:
    """The parts of one point in time as said; empty where not said."""

    date: str = ""
    part: str = ""
    clock: str = ""


@dataclass(frozen=True, slots=True)
class TimePhrase:
    """One expression at ``text[start:end]``. ``since``: 从…, …开始, …以来; ``until_now``: …到现在; ``approximate``: 左右."""

    kind: TimeKind
    start: int
    end: int
    text: str
    first: Moment = Moment()
    last: Moment = Moment()
    amount: str = ""
    every: str = ""
    since: bool = False
    until_now: bool = False
    approximate: bool = False


_N: Final = NUMBER
_UNIT: Final = r"(?:个(?:半|多|来)?(?:月|星期|礼拜|小时|钟头|晚上)|(?:多)?(?:年|天|日|周|星期|礼拜|小时|钟头|分钟|刻钟|宿)|多个(?:月|星期|礼拜|小时|钟头))"
AMOUNT: Final = rf"(?:(?:好几|十几|几十|几|数|大半|小半|半|{_N})(?:来|几)?{_UNIT}(?:多|半)?(?:{_N}个月)?(?:时间)?)"
"""A length of time: 半个月, 一个多月, 三年多, 十几天, 两个半小时."""

_DAY: Final = r"大前天|前天|昨天|昨日|昨儿个?|今天|今日|今儿个?|大后天|后天|明天|明日|前日|当天"
_DAY_AND_PART: Final = r"昨晚上?|昨夜|昨早|昨晨|前晚|前夜|今晚上?|今夜|今早上?|今晨|明早|明晚"
_PART: Final = (
    r"凌晨|清晨|大?清早|一大早上?|大?早上|早晨|一早|上午|中午|正午|晌午|午后|下午|傍晚|黄昏|大?晚上|夜里|夜间|夜晚|通宵|彻夜|整夜|深更半夜|三更半夜|"
    r"大半夜|后半夜|半夜三更|半夜里?|深夜|午夜|晚间|白天|大白天|晚"
)
_WEEKDAY: Final = r"(?:周|星期|礼拜)(?:[一二三四五六日天]|[1-7](?!\d)|末)"
_WEEK: Final = rf"(?:上上个?|上个?|这个?|本|下个?)?{_WEEKDAY}|(?:上上个?|上个?|这个?|本|下个?)(?:周|星期|礼拜)"
_YEAR: Final = rf"(?:去年|今年(?![^，。]{0, 3}岁)|前年|明年|大前年|(?:\d{{4}}|\d{{2}}(?=年{_N}月)|[一二][零〇九][零〇一二三四五六七八九]{{2}})年)"
_DAY_NUMBER: Final = rf"(?:{_N})(?:号|日)(?![楼院门线店仓库铺栋座厅馆桥码头机床房室])"
_MONTH_DAY: Final = (
    rf"(?<![\d零一二两三四五六七八九十几个半])(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九]|正|腊)月(?:份)?"
    rf"(?:{_DAY_NUMBER}|上旬|中旬|下旬|初|中|底)?"
)
_MONTH_REL: Final = rf"(?:上上|上|这|本|下)个?月(?:份)?(?:{_DAY_NUMBER}|初|底|中旬?|末)?|月初"
_FEAST: Final = (
    r"国庆(?:节|黄金周|假期|期间)?|元旦|春节(?:期间)?|过年(?:期间|的时候)?|除夕|大年[初三][一二三四五六七十]?|清明(?:节)?|五一(?:节|劳动节|假期)?(?!路|街|村|社区|大道|广场)|"
    r"端午(?:节)?|中秋(?:节)?|元宵(?:节)?|劳动节|国庆长假|寒假|暑假|双十一"
)
_AGO: Final = rf"(?:大概|大约|差不多|约)?{AMOUNT}(?:之前|以前|前)(?!任|面|台|门|排)"
_NUMERIC: Final = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
_DATE: Final = (
    rf"{_NUMERIC}|{_YEAR}(?:的)?(?:{_MONTH_DAY}|{_FEAST}|年初|年底|年中|上半年|下半年|初|底|春天|夏天|秋天|冬天)?|{_AGO}|"
    rf"(?:农历)?{_MONTH_DAY}|{_MONTH_REL}|{_DAY_AND_PART}|{_DAY}|{_WEEK}|{_FEAST}|年初|{_DAY_NUMBER}"
)
_CLOCK: Final = rf"差(?:一刻|(?:{_N})分钟?)(?:{_N})点(?:钟|整)?|(?:{_N})点差(?:一刻|(?:{_N})分钟?)|(?:{_N})点过(?:一刻|(?:{_N})分钟?)|(?:[01]?\d|2[0-4])[:：][0-5]\d(?!\d)|(?:{_N})点(?:钟|整)?(?:三刻|一刻|半|(?:{_N})分|[零一二三四五][零一二三四五六七八九十]{{1,2}}(?!点|个|号|天|米|块|元)|[0-5]\d(?!\d))?(?:多钟?|钟|来钟)?"
_NOW: Final = r"现在|今天|目前|如今|这会儿|今(?=[，。]|$)"
_ABOUT: Final = r"(?:左右|前后|上下|许|的样子|的时候|那会儿|那时候|时分|期间|那天)"
_SINCE: Final = r"(?:就)?(?:开始|起(?![火来床诉])|以来|之后|以后|过后)"

_MOMENT: Final = re.compile(
    rf"(?P<date>(?:{_DATE}))?(?:的)?(?P<part>(?:{_PART})(?!会|报|饭|餐|高峰|班|自习))?(?:的)?(?P<clock>{_CLOCK})?"
)
_FROM: Final = re.compile(r"(?:自从|打从|从|自)")
_TO: Final = re.compile(rf"(?:一直)?(?:持续|延续)?(?:到|至|~|～|—+|-)(?P<now>{_NOW})?")
_TO_NOW: Final = re.compile(rf"(?:，)?(?:一直|持续)?(?:到|至)(?:{_NOW})|至今")
_TAIL: Final = re.compile(rf"(?P<about>{_ABOUT})?(?P<since>{_SINCE})?")
_EVERY: Final = re.compile(
    rf"(?:每(?:逢|到|个)?(?:{_WEEKDAY}|周末|星期|礼拜|月|晚上|早上|工作日|节假日)|每(?:天|日|晚上?|夜|周|月|年)|天天|日日|夜夜|隔三差五|隔三岔五|三天两头|"
    rf"工作日|节假日|周一到周[五六日]|星期一到星期[五六天日]|一天到晚|从早到晚|没日没夜|日夜|昼夜|整天|整夜|整晚|每隔{AMOUNT}|一到(?=晚上|夜里|半夜|周末|早上|中午|下雨|放学))"
)
_VAGUE: Final = re.compile(
    r"最近(?:这)?(?:一段时间|一阵子?|几天|几个月|几年|一个月|半个月|两天|两个月|一周|两周)?|近期|近来|近(?:几天|几日|两天|几个月|一个月|半年|几年|两年)|"
    r"(?:这|前|那)(?:几|两|三|些)(?:天|日|个月|年|周|个星期|晚上|晚)|(?:这|前)(?:一)?(?:段时间|段日子|阵子?|段时期)|前(?:不久|些日子|些年|些时候)|不久前|"
    r"刚刚?才|刚刚|刚才|方才|(?:这|本)个?月(?!台|饼)|这(?:一)?年来?|这些年|近日|多年来?|常年|长年|长期(?!以来)|长期以来|好久了?|很久了?|好长时间了?|很长时间了?|好多年了?|许久"
)
_DURATION: Final = re.compile(
    rf"(?:大概|大约|差不多|将近|快|都|已经|有|足足|整整|连续|持续|一连|接连|过了|到现在(?:已经|都)?(?:有)?|前后)*(?P<amount>{AMOUNT})(?P<over>了|来|有余|都|没|还没)?"
)
_NOT_A_LENGTH: Final = re.compile(
    r"(?:的)?(?:工资|薪水|工钱|租金|房租|押金|租期|保修|质保|会员|月卡|年卡|季卡|学费|课|大的|大(?!家)|岁|婴儿|宝宝|娃|孩子|内|之内|以内|一次|一趟|一班|无理由|包退|包换|制|保质期|有效期|试用|就|才|后(?!来)|不到)"
)
_LENGTH_CUE: Final = re.compile(
    r"(?:已经|持续|连续|整整|足足|一连|接连|快|将近|都|有|停了|停水|停电|等了|拖了|拖欠|欠|坏了|没了|堵了|臭了|吵了|断了|关了|漏了|亮了|过了|施工|找了|打了|反映了|投诉了|反映|报修|住了|干了|晚了|[\u4e00-\u9fff]了)$"
)
_NO_CLOCK: Final = re.compile(
    r"点(?:建议|意见|问题|要求|原因|办法|都|也|儿|东西|钱|事|用|效果|作用|小事|味|不|没|反应|希望|消息|声|动静)"
)


def find_time_phrases(text: str, blocked: tuple[tuple[int, int], ...] = ()) -> tuple[TimePhrase, ...]:
    """The expressions of time in ``text``, left to right, none inside ``blocked`` (places, found before)."""
    found: list[TimePhrase] = []
    position = 0
    while position < len(text):
        block = next((end for start, end in blocked if start <= position < end), None)
        if block is not None:
            position = block
            continue
        limit = min((start for start, _ in blocked if start > position), default=len(text))
        phrase = _phrase_at(text, position, limit)
        if phrase is None:
            position += 1
        else:
            found.append(phrase)
            position = phrase.end
    return tuple(found)


def _phrase_at(text: str, at: int, limit: int) -> TimePhrase | None:
    return (
        _recurring_at(text, at, limit)
        or _vague_at(text, at, limit)
        or _moment_at(text, at, limit)
        or _duration_at(text, at, limit)
    )


def _recurring_at(text: str, at: int, limit: int) -> TimePhrase | None:
    every = _EVERY.match(text, at, limit)
    if every is None:
        return None
    start_of_moment = every.end() + (1 if text[every.end() : every.end() + 1] == "的" else 0)
    first = _moment(text, start_of_moment, limit)
    end, last = every.end(), Moment()
    if first and not first[0].date:
        end = first[1]
        to = _TO.match(text, end, limit)
        then = _moment(text, to.end(), limit) if to and not to["now"] else None
        if then and not then[0].date:
            last, end = then
    tail = _TAIL.match(text, end, limit)
    about = bool(tail and tail["about"])
    end = tail.end("about") if tail and about else end
    moment = first[0] if first and not first[0].date else Moment()
    return TimePhrase(TimeKind.RECURRING, at, end, text[at:end], moment, last, every=every[0], approximate=about)


def _vague_at(text: str, at: int, limit: int) -> TimePhrase | None:
    vague = _VAGUE.match(text, at, limit)
    if vague is None:
        return None
    tail = _TAIL.match(text, vague.end(), limit)
    since = bool(tail and tail["since"])
    end = tail.end() if tail and since else vague.end()
    to = _TO_NOW.match(text, end, limit)
    end = to.end() if to else end
    return TimePhrase(
        TimeKind.VAGUE, at, end, text[at:end], amount=vague[0], since=since, until_now=to is not None, approximate=True
    )


def _moment_at(text: str, at: int, limit: int) -> TimePhrase | None:
    opening = _FROM.match(text, at, limit)
    start = opening.end() if opening else at
    first = _moment(text, start, limit)
    if first is None:
        return None
    moment, end = first
    if not _is_clock(text, at, moment, end):
        return None
    about = re.compile(_ABOUT).match(text, end, limit)
    end = about.end() if about else end
    ongoing = _TO_NOW.match(text, end, limit)
    if ongoing:
        return _phrase(text, at, ongoing.end(), moment, since=True, until_now=True, approximate=bool(about))
    to = _TO.match(text, end, limit)
    then = _moment(text, to.end(), limit) if to else None
    if then:
        tail = re.compile(_ABOUT).match(text, then[1], limit)
        end = tail.end() if tail else then[1]
        return TimePhrase(TimeKind.RANGE, at, end, text[at:end], moment, then[0], approximate=bool(about or tail))
    since = re.compile(_SINCE).match(text, end, limit)
    end = since.end() if since else end
    to_now = _TO_NOW.match(text, end, limit)
    end = to_now.end() if to_now else end
    return _phrase(
        text, at, end, moment, since=bool(since or opening), until_now=to_now is not None, approximate=bool(about)
    )


def _phrase(
    text: str, at: int, end: int, moment: Moment, *, since: bool, until_now: bool, approximate: bool
) -> TimePhrase:
    return TimePhrase(
        TimeKind.MOMENT, at, end, text[at:end], moment, since=since, until_now=until_now, approximate=approximate
    )


def _moment(text: str, at: int, limit: int) -> tuple[Moment, int] | None:
    match = _MOMENT.match(text, at, limit)
    if match is None:
        return None
    parts = {name: match[name] or "" for name in ("date", "part", "clock")}
    if not any(parts.values()) or (parts["part"] == "晚" and not parts["clock"] and not parts["date"]):
        return None
    return Moment(**parts), max(match.end(name) for name in parts)


def _is_clock(text: str, at: int, moment: Moment, end: int) -> bool:
    """False for 「两点建议」 and 「有一点」, which tell no time."""
    if not moment.clock or moment.date or moment.part or ":" in moment.clock or "：" in moment.clock:
        return True
    if _NO_CLOCK.match(text, end - 1) or text[max(0, at - 1) : at] in {"有", "早", "晚", "快", "差", "这", "那", "第"}:
        return False
    return not moment.clock.startswith(("一点", "1点")) or len(moment.clock) > 2 or text[at : at + 1] == "从"


def _duration_at(text: str, at: int, limit: int) -> TimePhrase | None:
    match = _DURATION.match(text, at, limit)
    if match is None or text[at] in "日月周":
        return None
    if _NOT_A_LENGTH.match(text, match.end("amount")):
        return None
    said = text[at : match.start("amount")]
    if not (match["over"] or said or _LENGTH_CUE.search(text[:at])):
        return None
    end = match.end("amount") + (1 if match["over"] == "了" else 0)
    return TimePhrase(TimeKind.DURATION, at, end, text[at:end], amount=match["amount"], approximate=True)
