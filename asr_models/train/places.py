"""Names of divisions, towns and villages of the four cities, from the ``jionlp`` package, and the slots that are computed."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Final

from asr_models.measure import cardinal

CITIES: Final = {"湛江市": 7, "海口市": 2, "琼海市": 1, "海东市": 1}
"""The cities that have a rulebook, with their weight in the text."""
_SUBORDINATE: Final = {"琼海市"}
"""County-level cities: their towns hang directly under them in the list of divisions."""

SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏"
    "付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤冼符吉窦岑庞湛关揭柯卓麦"
)
_GIVEN: Final = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉红建国志文海云峰宇欣怡浩然子轩梓涵佳琪俊辉春梅秀珍小东晓燕雪琴淑慧振龙家豪诗雨"
    "思远嘉雯立新永康德福少华国强金凤美玲凤英水生木森炳亚土妃景胜进才日康智勇观富堪权培庆伍"
)
_DIGITS: Final = "零一二三四五六七八九"


@dataclass(frozen=True, slots=True)
class Division:
    """A town or street of a district: where, and its villages and communities."""

    city: str
    district: str
    town: str
    villages: tuple[str, ...]


def _listing() -> list[str]:
    spec = find_spec("jionlp")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("jionlp")
    folder = Path(spec.origin).parent / "dictionary"
    plain = folder / "china_location.txt"
    if plain.exists():
        return plain.read_text(encoding="utf-8").splitlines()
    with zipfile.ZipFile(folder / "china_location.zip") as archive:
        return archive.read("china_location.txt").decode().splitlines()


@lru_cache(maxsize=1)
def divisions() -> tuple[Division, ...]:
    """All towns of the four cities."""
    found: list[tuple[str, str, str, list[str]]] = []
    path = ["", "", "", ""]
    for line in _listing():
        depth = len(line) - len(line.lstrip("\t"))
        name = line.strip().split("\t")[0]
        if depth == 4:
            if found and found[-1][2] == path[3] and _wanted(path):
                found[-1][3].append(name)
            continue
        path[depth:] = [name, *[""] * (3 - depth)]
        if depth == 3 and _wanted(path) and len(name) <= 6:
            found.append((*_city_and_district(path), name, []))
    return tuple(
        Division(city, district, town, tuple(one for one in villages if 2 < len(one) <= 6))
        for city, district, town, villages in found
    )


def _full(name: str) -> str:
    return name if name.endswith(("市", "区", "县")) else f"{name}市"


def _city_and_district(path: list[str]) -> tuple[str, str]:
    lower = _full(path[2])
    return (lower, "") if lower in _SUBORDINATE else (path[1], lower)


def _wanted(path: list[str]) -> bool:
    return path[1] in CITIES or _full(path[2]) in _SUBORDINATE


def place_names() -> set[str]:
    """Cities, districts and towns as words."""
    names = set(CITIES) | {city.removesuffix("市") for city in CITIES}
    for one in divisions():
        names |= {name for name in (one.district, one.town) if name}
        names |= {name[:-1] for name in (one.district,) if len(name) == 3}
        if one.town.endswith("街道"):
            names.add(one.town.removesuffix("街道"))
    return {name for name in names if len(name) >= 2}


def _division(draw: Random) -> Division:
    city = draw.choices(list(CITIES), list(CITIES.values()))[0]
    return draw.choice([one for one in divisions() if one.city == city])


def _village(draw: Random) -> str:
    villages: tuple[str, ...] = ()
    while not villages:
        villages = _division(draw).villages
    return draw.choice(villages)


def spell(digits: str, *, telephone: bool) -> str:
    """Digits one by one, 1 as 幺 on the telephone."""
    said = "".join(_DIGITS[int(digit)] for digit in digits)
    return said.replace("一", "幺") if telephone else said


def _digits(draw: Random, length: int, first: str = "") -> str:
    return spell(first + "".join(draw.choices("0123456789", k=length)), telephone=draw.random() < 0.5)


def _money(draw: Random) -> str:
    return cardinal(draw.randint(1, 99) * 10 ** draw.randint(0, 4))


def _room(draw: Random) -> str:
    return spell(f"{draw.randint(1, 33)}0{draw.randint(1, 8)}", telephone=draw.random() < 0.5)


def _count(draw: Random) -> str:
    number = draw.randint(1, 10)
    return "两" if number == 2 else cardinal(number)


MADE: Final[dict[str, Callable[[Random], str]]] = {
    "city": lambda draw: draw.choices(list(CITIES), list(CITIES.values()))[0],
    "district": lambda draw: _division(draw).district,
    "town": lambda draw: _division(draw).town,
    "village": _village,
    "surname": lambda draw: draw.choice(SURNAMES),
    "fullname": lambda draw: draw.choice(SURNAMES) + "".join(draw.choices(_GIVEN, k=draw.randint(1, 2))),
    "digits": lambda draw: _digits(draw, draw.randint(3, 12)),
    "phone": lambda draw: _digits(draw, 9, "1" + draw.choice("356789")),
    "landline": lambda draw: draw.choice(["零七五九", "零八九八", "零九七二"]) + _digits(draw, 6, draw.choice("2368")),
    "ticket": lambda draw: _digits(draw, 4, f"202{draw.randint(4, 6)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"),
    "idnumber": lambda draw: _digits(draw, 14, "440" + draw.choice("68")),
    "money": _money,
    "room": _room,
    "small": _count,
    "number": lambda draw: cardinal(draw.choice([draw.randint(1, 20), draw.randint(1, 99), draw.randint(1, 999)])),
    "hour": lambda draw: "两" if (hour := draw.randint(1, 24)) == 2 else cardinal(hour),
    "minute": lambda draw: ("零" if (minute := draw.randint(1, 59)) < 10 else "") + cardinal(minute),
    "month": lambda draw: cardinal(draw.randint(1, 12)),
    "day": lambda draw: cardinal(draw.randint(1, 31)),
    "year": lambda draw: spell(str(draw.randint(2015, 2027)), telephone=False),
}
"""Slots that are computed."""
