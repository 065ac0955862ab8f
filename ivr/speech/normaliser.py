"""Written Chinese → what is said aloud: numbers, money, dates, times, phone numbers, ticket and document numbers.

Pure. :func:`speakable` leaves no Arabic figure behind; Latin letters stay and are spelled by ``ivr.speech.pinyin``.
"""

import re
from collections.abc import Callable
from typing import Final

from ivr.speech.chinese_numbers import cardinal, decimal, digits

_NUMBER: Final = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_LEFT: Final = r"(?<![\dA-Za-z.])"
_RIGHT: Final = r"(?![\dA-Za-z])"

_COUNTED: Final = "个件人天次名位种项套张份条间年周块元米吨户辆台家所本段斤倍部扇根棵只座"
"""Measure words before which a lone 2 is said 两 (月, 号, 楼, 栋, 层 count in order and keep 二)."""

_QUANTITY: Final = (
    rf"(?:[{_COUNTED}万亿千百余多]|小时|分钟|分|平|公里|公斤|公顷|岁|角|点\d|页|字|度|厘米|毫米|毫升|克|秒|股|票|例|宗|起|批"
    r"|亩|架|艘|间|级|瓦|伏|美元|人民币|步|处|栋|号|路|室|㎡|℃|%|km|kg|cm|mm|kV|kW|ml|m)"
)
_DASH: Final = r"\-~～—–－"
_DAY: Final = r"(\d{1,2})[-/.](\d{1,2})"
_PER: Final = r"月|年|天|日|件|人|户|次|平方米|㎡|吨|小时|分钟|张|本|个|份|度|立方米|公里|km"
_LIST: Final = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_ROMAN: Final = "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ"
_SERVICE: Final = r"(?:1[02]\d{3}|9[56]\d{3,4}|1(?:10|14|19|20|22))"
"""Short service numbers: 12345, 10086, 95598, 110, 114, 119, 120, 122."""

_UNITS: Final = {
    "℃": "摄氏度",
    "km": "公里",
    "kg": "公斤",
    "cm": "厘米",
    "mm": "毫米",
    "㎡": "平方米",
    "m²": "平方米",
    "m³": "立方米",
    "kWh": "度",
    "kW": "千瓦",
    "kV": "千伏",
    "MB": "兆",
    "mg/m³": "毫克每立方米",
    "μg/m³": "微克每立方米",
    "mg": "毫克",
    "km/h": "公里每小时",
    "m³/h": "立方米每小时",
    "ml": "毫升",
    "mL": "毫升",
    "dB": "分贝",
    "km²": "平方公里",
    "h": "小时",
    "m": "米",
}
_UNIT: Final = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_SIGNS: Final = {
    "≥": "大于等于",
    "≤": "小于等于",
    "±": "正负",
    "≈": "约等于",
    "$": "美元",
    "№": "第",
    "#": "井号",
    "*": "星号",
    "&": "和",
    "+": "加",
    "=": "等于",
    "×": "乘",
    "@": "艾特",
}


def _half_width(text: str) -> str:
    """Full-width figures, Latin letters and their signs to ASCII; Chinese punctuation stays."""
    return "".join(
        chr(ord(character) - 0xFEE0)
        if "０" <= character <= "９"
        or "Ａ" <= character <= "Ｚ"
        or "ａ" <= character <= "ｚ"
        or character in "％：．／＋－＃＊＠＆＝"
        else character
        for character in text
    )


def _days(match: re.Match[str]) -> str:
    """2025.3.1–3.5: the second day has no year of its own."""
    first, last = (f"{cardinal(int(match[at]))}月{cardinal(int(match[at + 1]))}日" for at in (2, 4))
    return f"{digits(match[1])}年{first}到{last}"


def _address(match: re.Match[str]) -> str:
    """A web or mail address: its host (and the mailbox) spelled; the path is for screens."""
    mailbox, host = match["box"] or "", match["host"]
    spoken = re.sub(
        r"\d+", lambda number: digits(number[0]), mailbox.removesuffix("@") + ("艾特" if mailbox else "") + host
    )
    return spoken.replace("www.", "www点").replace(".", "点").replace("-", "杠").replace("_", "下划线")


def _money(match: re.Match[str]) -> str:
    amount = match[1].rstrip("0").rstrip(".") if "." in match[1] else match[1]
    return f"{_quantity(amount, match[2] or '元')}{match[2] or ''}元"


def _identity(match: re.Match[str]) -> str:
    """An identity card's 18 places: region, year, day, the rest."""
    places = match[0].upper()
    groups = (digits(places[start:end], phone=True) for start, end in ((0, 6), (6, 10), (10, 14)))
    last = digits(places[14:17], phone=True) + ("X" if places[17] == "X" else digits(places[17], phone=True))
    return "，".join((*groups, last))


def _document(match: re.Match[str]) -> str:
    return f"{digits(match[1])}，{cardinal(int(match[2]))}号"


def _date(match: re.Match[str]) -> str:
    return f"{digits(match[1])}年{cardinal(int(match[2]))}月{cardinal(int(match[3]))}日"


def _clock(hour: str, minute: str, second: str | None) -> str:
    spoken = ("两" if int(hour) == 2 else cardinal(int(hour))) + "点"
    if int(minute) or second:
        spoken += ("零" if 0 < int(minute) < 10 else "") + cardinal(int(minute)) + "分"
    if second:
        spoken += ("零" if 0 < int(second) < 10 else "") + cardinal(int(second)) + "秒"
    return spoken


def _time(match: re.Match[str]) -> str:
    return _clock(match[1], match[2], match[3])


def _grouped(number: str) -> str:
    """A telephone or ticket number in breath groups: 11 digits as 3-4-4, 7 as 3-4, others in fours."""
    sizes = {11: (3, 4, 4), 7: (3, 4)}.get(len(number), (4,) * (len(number) // 4 + 1))
    groups, start = [], 0
    for size in sizes:
        groups.append(number[start : start + size])
        start += size
    return "，".join(digits(group, phone=True) for group in groups if group)


def _landline(match: re.Match[str]) -> str:
    return f"{digits(match[1], phone=True)}，{_grouped(match[2])}"


def _identifier(match: re.Match[str]) -> str:
    """Letters and figures mixed (a ticket number): letters spelled, figures in breath groups."""
    parts = re.findall(r"[A-Za-z]+|\d+", match[0])
    return "，".join(_grouped(part) if part.isdigit() else " ".join(part.upper()) for part in parts)


def _quantity(number: str, following: str) -> str:
    if (
        number == "2"
        and following
        and (following[0] in _COUNTED + "万亿" or following.startswith(("小时", "分钟", "公里", "点")))
    ):
        return "两"
    return decimal(number)


def _integer_or_decimal(match: re.Match[str]) -> str:
    number = match[0]
    plain = number.replace(",", "")
    following = match.string[match.end() : match.end() + 2]
    if "." not in plain and "," not in number:
        if len(plain) > 1 and plain.startswith("0"):
            return digits(plain)
        if len(plain) >= 6 and not re.match(_QUANTITY, following):
            return _grouped(plain)
    return _quantity(number, following)


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"(?<!\d)(1[3-9]\d)\*{4}(\d{4})(?!\d)"), lambda m: f"尾号{digits(m[2], phone=True)}"),
    # what only screens need: marks of emphasis and of lists; numbered points are counted out
    (re.compile(r"\*\*|__|(?m:^\s*(?:[-*•·●▪◆■►]|#{1,6})\s+)|[●▪◆■►★☆✓✔]"), lambda m: ""),
    (
        re.compile(r"(?m:(?:^\s*|(?<=[：；。:;\s]))[(（](\d{1,2})[)）][、.]?\s*)"),
        lambda m: f"第{cardinal(int(m[1]))}，",
    ),
    (
        re.compile(r"(?m:(?:^\s*|(?<=[：；。:;]))(\d{1,2})(?:[.．]\s*(?!\d)|、)(?=\D))"),
        lambda m: f"第{cardinal(int(m[1]))}，",
    ),
    (re.compile(rf"[{_LIST}]"), lambda m: f"第{cardinal(_LIST.index(m[0]) + 1)}，"),
    (re.compile(rf"[{_ROMAN}]"), lambda m: cardinal(_ROMAN.index(m[0]) + 1)),
    (re.compile(r"(?<=[条款])[（(]([一二三四五六七八九十]+)[）)]"), lambda m: f"第{m[1]}项"),
    (re.compile(r"(?<=[条款])[（(](\d{1,2})[）)]"), lambda m: f"第{cardinal(int(m[1]))}项"),
    (re.compile(r"\s*[→＞>]\s*"), lambda m: "，"),
    (
        re.compile(
            r"(?:https?://)?(?P<box>[A-Za-z0-9._-]+@)?(?P<host>(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![A-Za-z0-9-]))"
            r"(?::\d+)?(?:/[A-Za-z0-9._~/?#&=%+-]*)?"
        ),
        _address,
    ),
    (re.compile(r"(?<![\dA-Za-z])[1-9]\d{5}(?:19|20)\d{2}[01]\d[0-3]\d\d{3}[\dXx](?![\dA-Za-z])"), _identity),
    # 〔2022〕116号: the year digit by digit, then a breath, then the number.
    (re.compile(r"[〔\[［（(]((?:19|20)\d{2})[〕\]］）)]\s*第?(\d+)号"), _document),
    (re.compile(rf"(?<!\d)((?:19|20)\d{{2}})[-/.]{_DAY}\s*[{_DASH}至到]+\s*{_DAY}(?![-/.\d])"), _days),
    (re.compile(r"(?<!\d)((?:19|20)\d{2})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(rf"(?<!\d)((?:19|20)\d{{2}})[{_DASH}]+(?=(?:19|20)\d{{2}}(?:年|学年))"), lambda m: f"{digits(m[1])}到"),
    (re.compile(r"(?<!\d)((?:19|20)\d{2})(?=年|版|学年|届)"), lambda m: digits(m[1])),
    (re.compile(rf"(?<=[年月日号点分时])\s*[{_DASH}]+\s*(?=[\d一二三四五六七八九十])"), lambda m: "到"),
    (re.compile(rf"(?<=:\d\d)\s*[{_DASH}]+\s*(?=\d{{1,2}}:\d\d)"), lambda m: "到"),
    (re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])"), _time),
    (re.compile(r"(?<![\d])(\d+):(\d+)(?![\d:])"), lambda m: f"{cardinal(int(m[1]))}比{cardinal(int(m[2]))}"),
    (re.compile(rf"{_LEFT}(?:\+?86[- ]?)?(1[3-9]\d{{9}}){_RIGHT}"), lambda m: _grouped(m[1])),
    (re.compile(rf"{_LEFT}(1[3-9]\d)[- ](\d{{4}})[- ](\d{{4}}){_RIGHT}"), lambda m: _grouped(m[1] + m[2] + m[3])),
    (re.compile(rf"{_LEFT}(0\d{{2,3}})[- ]?(\d{{7,8}}){_RIGHT}"), _landline),
    (
        re.compile(rf"{_LEFT}(0\d{{2,3}})[- ]?({_SERVICE}){_RIGHT}"),
        lambda m: "，".join(digits(p, phone=True) for p in m.groups()),
    ),
    (
        re.compile(rf"{_LEFT}(400|800)[- ]?(\d{{3}})[- ]?(\d{{4}}){_RIGHT}"),
        lambda m: "，".join(digits(part, phone=True) for part in m.groups()),
    ),
    (re.compile(rf"{_LEFT}({_SERVICE}){_RIGHT}(?!\s*{_QUANTITY})(?![.,]\d)"), lambda m: digits(m[1], phone=True)),
    (
        re.compile(r"(?<![A-Za-z\d])(?=[A-Za-z\d-]*[A-Za-z])(?=[A-Za-z\d-]*\d{4})[A-Za-z\d]+(?:-[A-Za-z\d]+)*"),
        _identifier,
    ),
    (re.compile(r"(?<!\d)\d{6,}(?:-\d+)+(?!\d)"), _identifier),
    (
        re.compile(rf"({_NUMBER})%?\s*[{_DASH}至到]+\s*({_NUMBER})%"),
        lambda m: f"百分之{decimal(m[1])}到百分之{decimal(m[2])}",
    ),
    (re.compile(rf"({_NUMBER})%"), lambda m: f"百分之{decimal(m[1])}"),
    (re.compile(rf"({_NUMBER})‰"), lambda m: f"千分之{decimal(m[1])}"),
    (re.compile(rf"[¥￥]\s*({_NUMBER})\s*([万亿]?)元?"), _money),
    (re.compile(rf"\$\s*({_NUMBER})([万亿]?)(?:美元)?"), lambda m: f"{_quantity(m[1], m[2] or '元')}{m[2]}美元"),
    (re.compile(rf"({_NUMBER})()元(?!\s*/)"), _money),
    (re.compile(r"°C"), lambda m: "℃"),
    (re.compile(rf"(?<![\d{_DASH}])[-－]({_NUMBER})\s*℃"), lambda m: f"零下{decimal(m[1])}摄氏度"),
    (re.compile(rf"(?<=[元角分度次吨米])\s*/\s*(?={_PER})"), lambda m: "每"),
    (re.compile(r"(?<=每)㎡"), lambda m: "平方米"),
    (
        re.compile(rf"({_NUMBER})\s*({_UNIT})(?![A-Za-z])"),
        lambda m: f"{_quantity(m[1], _UNITS[m[2]])}{_UNITS[m[2]]}",
    ),
    (
        re.compile(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])"),
        lambda m: f"{cardinal(int(m[2]))}分之{cardinal(int(m[1]))}",
    ),
    (
        re.compile(r"(?<=[栋幢座号楼])(\d{1,2})-(\d{3,4})(?!\d)"),
        lambda m: f"{cardinal(int(m[1]))}杠{digits(m[2], phone=True)}",
    ),
    (re.compile(rf"({_NUMBER})\s*[{_DASH}]+\s*(?={_NUMBER})"), lambda m: f"{decimal(m[1])}到"),
    (re.compile(r"(?<!\d)(\d{3,4})(?=室|房|号房|病房)"), lambda m: digits(m[1], phone=True)),
    (re.compile(r"(?<=[元栋幢座])(\d{3,4})(?![\d,.号栋])"), lambda m: digits(m[1], phone=True)),
    (re.compile(r"(?<=第)(\d+)"), lambda m: cardinal(int(m[1]))),
    (re.compile(rf"(?<![\d一-鿿A-Za-z）)])-({_NUMBER})"), lambda m: f"负{decimal(m[1])}"),
    (re.compile(_NUMBER), _integer_or_decimal),
    (re.compile(r"(?<=[A-Za-z])\.(?=[A-Za-z])"), lambda m: "点"),
    (re.compile(r"[#*&+=×@≥≤±≈$№]"), lambda m: _SIGNS[m[0]]),
    (re.compile(r"(?<=[一-鿿])\s*/\s*(?=[一-鿿])"), lambda m: "、"),
)


def speakable(text: str) -> str:
    """``text`` as it is to be said; idempotent. Punctuation stays, since it makes the pauses."""
    text = _half_width(text)
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    return text


def plain(text: str) -> str:
    """What is said, without punctuation and spaces: for comparing what was said with what was heard."""
    return "".join(character for character in speakable(text) if character.isalnum())
