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

_QUANTITY: Final = rf"(?:[{_COUNTED}万亿千百]|小时|分钟|平方|公里|公斤|岁|角|点\d|页|字|度)"
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
    "dB": "分贝",
    "m": "米",
}
_SIGNS: Final = {"#": "井号", "*": "星号", "&": "和", "+": "加", "=": "等于", "×": "乘", "@": "艾特"}


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
    # 〔2022〕116号: the year digit by digit, then a breath, then the number.
    (re.compile(r"[〔\[［（(]((?:19|20)\d{2})[〕\]］）)]\s*第?(\d+)号"), _document),
    (re.compile(r"(?<!\d)((?:19|20)\d{2})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(r"(?<!\d)((?:19|20)\d{2})(?=年)"), lambda m: digits(m[1])),
    (re.compile(r"(?<=[年月日号点分时])\s*[-~～—－]+\s*(?=\d)"), lambda m: "到"),
    (re.compile(r"(?<=:\d\d)\s*[-~～—－]+\s*(?=\d{1,2}:\d\d)"), lambda m: "到"),
    (re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])"), _time),
    (re.compile(r"(?<![\d])(\d+):(\d+)(?![\d:])"), lambda m: f"{cardinal(int(m[1]))}比{cardinal(int(m[2]))}"),
    (re.compile(rf"{_LEFT}(?:\+?86[- ]?)?(1[3-9]\d{{9}}){_RIGHT}"), lambda m: _grouped(m[1])),
    (re.compile(rf"{_LEFT}(1[3-9]\d)[- ](\d{{4}})[- ](\d{{4}}){_RIGHT}"), lambda m: _grouped(m[1] + m[2] + m[3])),
    (re.compile(rf"{_LEFT}(0\d{{2,3}})[- ]?(\d{{7,8}}){_RIGHT}"), _landline),
    (re.compile(rf"{_LEFT}(400|800)-?(\d{{3}})-?(\d{{4}}){_RIGHT}"), lambda m: digits(m[0], phone=True)),
    (re.compile(rf"{_LEFT}({_SERVICE}){_RIGHT}(?!\s*{_QUANTITY})(?![.,]\d)"), lambda m: digits(m[1], phone=True)),
    (
        re.compile(r"(?<![A-Za-z\d])(?=[A-Za-z\d-]*[A-Za-z])(?=[A-Za-z\d-]*\d{4})[A-Za-z\d]+(?:-[A-Za-z\d]+)*"),
        _identifier,
    ),
    (re.compile(r"(?<!\d)\d{6,}(?:-\d+)+(?!\d)"), _identifier),
    (
        re.compile(rf"({_NUMBER})%\s*[-~～—－至]+\s*({_NUMBER})%"),
        lambda m: f"百分之{decimal(m[1])}到百分之{decimal(m[2])}",
    ),
    (re.compile(rf"({_NUMBER})%"), lambda m: f"百分之{decimal(m[1])}"),
    (re.compile(rf"({_NUMBER})‰"), lambda m: f"千分之{decimal(m[1])}"),
    (re.compile(rf"[¥￥]\s*({_NUMBER})\s*([万亿]?)元?"), lambda m: f"{_quantity(m[1], m[2] or '元')}{m[2]}元"),
    (re.compile(rf"(?<![\d~～—－-])[-－]({_NUMBER})\s*℃"), lambda m: f"零下{decimal(m[1])}摄氏度"),
    (
        re.compile(rf"({_NUMBER})\s*({'|'.join(_UNITS)})(?![A-Za-z])"),
        lambda m: f"{_quantity(m[1], _UNITS[m[2]])}{_UNITS[m[2]]}",
    ),
    (
        re.compile(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])"),
        lambda m: f"{cardinal(int(m[2]))}分之{cardinal(int(m[1]))}",
    ),
    (re.compile(rf"({_NUMBER})\s*[-~～—－]+\s*(?={_NUMBER})"), lambda m: f"{decimal(m[1])}到"),
    (re.compile(r"(?<!\d)(\d{3,4})(?=室|房|号房|病房)"), lambda m: digits(m[1], phone=True)),
    (re.compile(r"(?<=第)(\d+)"), lambda m: cardinal(int(m[1]))),
    (re.compile(rf"(?<![\d一-鿿A-Za-z）)])-({_NUMBER})"), lambda m: f"负{decimal(m[1])}"),
    (re.compile(_NUMBER), _integer_or_decimal),
    (re.compile(r"(?<=[A-Za-z])\.(?=[A-Za-z])"), lambda m: "点"),
    (re.compile(r"[#*&+=×@]"), lambda m: _SIGNS[m[0]]),
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
