"""What an expression of time means at a given moment: an interval in local time, open where it goes on."""

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from config.clock import local
from dialog.elements.numerals import NUMBER, parse_number
from dialog.elements.quiet_jionlp import parse_time
from dialog.elements.time_phrases import Moment, TimeKind, TimePhrase


@dataclass(frozen=True, slots=True)
class Interval:
    """``start``…``end`` in local time; ``end`` is ``None`` for a point in time and for what goes on."""

    start: datetime | None = None
    end: datetime | None = None
    ongoing: bool = False
    recurring: str | None = None
    approximate: bool = False
    future: bool = False


_PARTS: Final = {
    "凌晨": (0, 6), "后半夜": (0, 6), "清晨": (5, 8), "清早": (5, 8), "早": (6, 9), "晨": (5, 9), "上午": (8, 12),
    "中午": (11, 14), "正午": (11, 14), "晌午": (11, 14), "午后": (12, 18), "下午": (12, 18), "傍晚": (17, 20), "黄昏": (17, 20),
    "深夜": (22, 30), "午夜": (22, 30), "半夜": (22, 30), "夜": (18, 30), "晚": (18, 24), "白天": (6, 18),
}  # fmt: skip
"""Hours of the parts of a day, first that is contained in the words; above 24: into the next morning."""
_DAYS: Final = {
    "大前": -3, "前": -2, "昨": -1, "今": 0, "当": 0, "大后": 3, "后": 2, "明": 1,
}  # fmt: skip
_SINGLE: Final = re.compile(r"(大前|大后|前|昨|今|当|后|明)(?:天|日|儿个?|晚上?|夜|早上?|晨)")
_AGO: Final = re.compile(r"(?:大概|大约|差不多|约)?(?P<amount>.+?)(?:之前|以前|前)$")
_AMOUNT: Final = re.compile(
    rf"(?P<vague>好几|十几|几十|几|数|大半|小半)?(?P<number>半|{NUMBER})?(?P<more>多|来|几)?(?:个)?(?P<half>半)?(?:多)?"
    r"(?P<unit>年|月|星期|礼拜|周|天|日|小时|钟头|分钟|刻钟|晚上|宿)(?P<after>多|半)?"
)
_UNIT_DAYS: Final = {"星期": 7, "礼拜": 7, "周": 7, "天": 1, "日": 1, "晚上": 1, "宿": 1}
_UNIT_MINUTES: Final = {"小时": 60, "钟头": 60, "分钟": 1, "刻钟": 15}


def resolve(phrase: TimePhrase, at: datetime) -> Interval | None:
    """The interval that ``phrase`` means when said at ``at``; ``None`` when it means none."""
    now = local(at).replace(microsecond=0)
    if phrase.kind is TimeKind.RECURRING:
        return Interval(ongoing=True, recurring=phrase.text)
    if phrase.kind is TimeKind.DURATION:
        start = before(now, phrase.amount)
        return Interval(start=start, ongoing=True, approximate=True)
    if phrase.kind is TimeKind.VAGUE:
        return _vague(phrase, now)
    if phrase.kind is TimeKind.RANGE:
        return _range(phrase, now)
    first = phrase.first
    if first.part and not first.date and not first.clock and not (phrase.since or phrase.until_now):
        return Interval(ongoing=True, recurring=phrase.text, approximate=True)
    found = _moment(first, now)
    if found is None:
        return None
    approximate = found.approximate or phrase.approximate
    if phrase.since or phrase.until_now:
        return Interval(found.start, None, True, approximate=approximate, future=found.future)
    return Interval(found.start, found.end, False, approximate=approximate, future=found.future)


def before(now: datetime, amount: str) -> datetime | None:
    """The moment ``amount`` (半个月, 三天, 两个多小时) before ``now``; ``None`` for an amount without a number (好几天)."""
    match = _AMOUNT.match(amount)
    if match is None or (match["vague"] or "") in {"好几", "十几", "几十", "几", "数"}:
        return None
    number = {"大半": 0.5, "小半": 0.5}.get(match["vague"] or "")
    if number is None:
        number = 0.5 if match["number"] == "半" else parse_number(match["number"] or "")
    if number is None:
        return None
    number += 0.5 if match["half"] or match["after"] == "半" else 0
    unit = match["unit"]
    if unit in _UNIT_MINUTES:
        return now - timedelta(minutes=number * _UNIT_MINUTES[unit])
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    if unit in _UNIT_DAYS:
        return midnight - timedelta(days=int(number * _UNIT_DAYS[unit]))
    months = number * (12 if unit == "年" else 1)
    try:
        return _months_before(midnight, int(months)) - timedelta(days=round((months % 1) * 30))
    except (ValueError, OverflowError):
        return None


def _months_before(day: datetime, months: int) -> datetime:
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, calendar.monthrange(year, month + 1)[1]))


def _range(phrase: TimePhrase, now: datetime) -> Interval | None:
    last = Moment(phrase.last.date or phrase.first.date, phrase.last.part, phrase.last.clock)
    first = _moment(phrase.first, now)
    if first is None or first.start is None:
        return None
    inherit = phrase.first.part if not last.part and not phrase.last.date else ""
    end = _moment(Moment(last.date, last.part or inherit, last.clock), now, anchor=first.start)
    if end is None or end.start is None:
        return first
    stop = end.start if last.clock else (end.end or end.start)
    while stop <= first.start and not phrase.last.date:
        stop += timedelta(hours=12) if inherit or not last.part else timedelta(days=1)
    if stop <= first.start:
        return first
    return Interval(first.start, stop, approximate=phrase.approximate or first.approximate, future=first.start > now)


def _vague(phrase: TimePhrase, now: datetime) -> Interval:
    words = phrase.amount
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    if words.startswith(("刚", "方才")):
        return Interval(now, None, approximate=True)
    if words.startswith(("这两天", "近两天", "最近两天")):
        return Interval(midnight - timedelta(days=1), None, True, approximate=True)
    if words.endswith("月") and words.startswith(("这", "本")):
        return Interval(midnight.replace(day=1), None, True, approximate=True)
    recent = re.match(r"(?:最近|近)(?:这)?(一个月|半个月|两个月|一周|两周|半年|两年)", words)
    if recent:
        return Interval(before(now, recent[1]), None, True, approximate=True)
    over = words.startswith(("前", "那", "不久前")) and not phrase.until_now and not phrase.since
    return Interval(None, None, not over, approximate=True)


def _moment(moment: Moment, now: datetime, anchor: datetime | None = None) -> Interval | None:
    day = _day(moment.date, now) if moment.date else None
    if moment.date and day is None:
        return None
    ago = _AGO.match(moment.date)
    if ago and re.search(r"小时|钟头|分钟|刻钟", moment.date):
        return day
    base = day.start if day and day.start else anchor or now
    part = moment.part or _part_in(moment.date)
    if moment.clock:
        start, end = _clock(moment.clock, part, base, moment.date), None
        if start is None:
            return None
    elif part:
        start, end = _hours(part, base)
    else:
        return day
    if not moment.date and anchor is None and start > now:
        start -= timedelta(days=1)
        end = end - timedelta(days=1) if end else None
    assumed_today = not moment.date and anchor is None
    approximate = assumed_today or bool(moment.clock and "多" in moment.clock)
    return Interval(start, end, approximate=approximate, future=start > now)


def _part_in(date: str) -> str:
    return date[1:] if re.fullmatch(r"[昨前今明](?:晚上?|夜|早上?|晨)", date) else ""


def _hours(part: str, base: datetime) -> tuple[datetime, datetime]:
    low, high = next((hours for word, hours in _PARTS.items() if word in part), (0, 24))
    midnight = datetime.combine(base.date(), time(), base.tzinfo)
    return midnight + timedelta(hours=low), midnight + timedelta(hours=high) - timedelta(seconds=1)


def _clock(clock: str, part: str, base: datetime, date: str) -> datetime | None:
    """「昨晚一点」 is after midnight; 「昨天半夜一点」 stays on the date that was said."""
    lacking = re.match(rf"差(一刻|{NUMBER})(?:分钟?)?(?={NUMBER}点)|(?:{NUMBER})点差(一刻|{NUMBER})", clock)
    clock = re.sub(rf"^差(?:一刻|{NUMBER}分钟?)", "", clock) if lacking else clock
    match = re.match(rf"(?P<hour>{NUMBER})(?:点|[:：])(?:钟|整|过)?(?P<minute>半|一刻|三刻|{NUMBER})?", clock)
    hour = parse_number(match["hour"]) if match else None
    if match is None or hour is None or hour > 24:
        return None
    minute = {"半": 30.0, "一刻": 15.0, "三刻": 45.0, None: 0.0}.get(match["minute"])
    if minute is None:
        minute = parse_number(match["minute"]) or 0.0
    low, _ = next((hours for word, hours in _PARTS.items() if part and word in part), (0, 24))
    evening = "晚" in part or "夜里" in part or "夜" in date or "晚" in date
    night = any(word in part for word in ("晚", "夜")) and "凌晨" not in part
    if night and hour <= 5:
        hour += 24 if evening or not date else 0
    elif night and hour == 12:
        hour = 24.0
    elif hour < (low if low < 12 else 12) and low >= 11:
        hour += 12
    if lacking:
        said = lacking[1] or lacking[2]
        minute = -15.0 if said == "一刻" else -(parse_number(said) or 0.0)
    midnight = datetime.combine(base.date(), time(), base.tzinfo)
    return midnight + timedelta(hours=hour, minutes=min(minute, 59))


def _day(date: str, now: datetime) -> Interval | None:
    midnight = datetime.combine(now.date(), time(), now.tzinfo)
    single = _SINGLE.fullmatch(date)
    if single:
        start = midnight + timedelta(days=_DAYS[single[1]])
        return Interval(start, _end_of_day(start), future=start > now)
    ago = _AGO.match(date)
    if ago:
        return _ago(ago["amount"], now)
    return _month_or_year(date, midnight) or _by_jionlp(date, now)


def _ago(amount: str, now: datetime) -> Interval | None:
    start = before(now, amount)
    if start is None:
        return Interval(None, None, approximate=True)
    if re.search(r"小时|钟头|分钟|刻钟", amount):
        return Interval(start, None, approximate=True)
    exact = re.search(r"天|日", amount) and not re.search(r"多|几|[一二两三四五六七八九]{2}", amount)
    return Interval(start, _end_of_day(start) if exact else None, approximate=not exact)


def _end_of_day(start: datetime) -> datetime:
    return start + timedelta(days=1) - timedelta(seconds=1)


_SEASONS: Final = {
    "春天": (3, 5),
    "夏天": (6, 8),
    "秋天": (9, 11),
    "冬天": (12, 12),
    "上半年": (1, 6),
    "下半年": (7, 12),
}
_YEAR_EDGES: Final = {"年初": (1, 2), "初": (1, 2), "年底": (11, 12), "底": (11, 12), "年中": (6, 7)}


def _month_or_year(date: str, midnight: datetime) -> Interval | None:
    """上个月, 上个月五号, 这个月初, 去年, 去年底, 今年上半年, 年初: what jionlp refuses or reads otherwise."""
    relative = re.fullmatch(r"(上上|上|这|本|下)个?月(?:份)?(.*)", date) or re.fullmatch(r"()(月初)", date)
    if relative:
        first = _months_before(midnight.replace(day=1), {"上上": 2, "上": 1, "下": -1}.get(relative[1], 0))
        return _within_month(first, relative[2].removeprefix("月"), midnight)
    month = re.fullmatch(rf"({NUMBER})月(?:份)?", date)
    number = parse_number(month[1]) if month else None
    if number is not None and 1 <= number <= 12:
        first = midnight.replace(day=1, month=int(number))
        return _within_month(first if first <= midnight else _months_before(first, 12), "", midnight)
    year = re.fullmatch(r"(大前|前|去|今|明)?年?(年初|年底|年中|上半年|下半年|初|底|春天|夏天|秋天|冬天)?", date)
    if not year or not date or (not year[1] and date != "年初"):
        return None
    which = midnight.year + {"大前": -3, "前": -2, "去": -1, "明": 1}.get(year[1] or "", 0)
    low, high = {**_SEASONS, **_YEAR_EDGES}.get(year[2] or "", (1, 12))
    start = midnight.replace(year=which, month=low, day=1)
    end = midnight.replace(year=which, month=high, day=calendar.monthrange(which, high)[1])
    return Interval(start, _end_of_day(end), approximate=bool(year[2]), future=start > midnight)


def _within_month(first: datetime, rest: str, midnight: datetime) -> Interval | None:
    last = calendar.monthrange(first.year, first.month)[1]
    number = parse_number(rest.rstrip("号日")) if rest[-1:] in {"号", "日"} else None
    if number is not None:
        if not 1 <= number <= last:
            return None
        start = first.replace(day=int(number))
        return Interval(start, _end_of_day(start), future=start > midnight)
    low, high = {"初": (1, 10), "中": (11, 20), "中旬": (11, 20), "底": (21, last), "末": (21, last)}.get(
        rest, (1, last)
    )
    start, end = first.replace(day=low), first.replace(day=high)
    return Interval(start, _end_of_day(end), approximate=bool(rest), future=start > midnight)


def _by_jionlp(date: str, now: datetime) -> Interval | None:
    """A calendar date, weekday or festival; without a year it is the last one that came before now."""
    plain = date.replace("礼拜", "星期").replace("期间", "").replace("的时候", "").replace("份", "")
    plain = re.sub(r"(国庆)(?:黄金周|长假|假期)", r"\1节", plain).replace("过年", "春节")
    plain = re.sub(r"(?<!\d)(\d{2})年", r"20\1年", plain)
    interval = _from_jionlp(plain, now)
    said_which = re.search(r"年|上|下|这|本", plain.replace("大年", ""))
    if interval and interval.start and interval.start > now and not said_which:
        if re.search(r"周|星期", plain):
            back = timedelta(days=7)
            return Interval(interval.start - back, interval.end - back if interval.end else None)
        if re.fullmatch(rf"{NUMBER}[号日]", plain):
            return _within_month(_months_before(interval.start.replace(day=1), 1), plain, now)
        earlier = _from_jionlp(f"去年{plain}", now)
        return earlier or interval
    return interval


def _from_jionlp(text: str, now: datetime) -> Interval | None:
    found = parse_time(text, now)
    times = found.get("time") if found else None
    if not isinstance(times, list) or len(times) != 2:
        return None
    try:
        start, end = (datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=now.tzinfo) for value in times)
    except ValueError:
        return None
    return Interval(start, end, approximate=bool(found and found.get("definition") == "blur"), future=start > now)
