"""The parts that places are made of: divisions, roads, estates, facilities, house numbers, 门口/对面."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialog.elements.gazetteer import Division, Gazetteer
from dialog.elements.numerals import NUMBER
from dialog.elements.pinyin import sounds
from dialog.elements.segments import Token, tokens


class UnitKind(StrEnum):
    CITY = "city"
    DIVISION = "division"
    ROAD = "road"
    ESTATE = "estate"
    FACILITY = "facility"
    NUMBER = "number"
    RELATION = "relation"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Unit:
    """One part at ``text[start:end]``. ``proper``: it names one place; ``heard_as``: the name that was meant."""

    kind: UnitKind
    start: int
    end: int
    proper: bool
    divisions: tuple[Division, ...] = ()
    heard_as: str = ""


_ROAD: Final = re.compile(
    r"(?:大道|大街|步行街|公路|高速公路|高速|国道|省道|县道|环路|环线|胡同|路|街|巷)(?![灯人过线由费况障牌政道])"
    r"(?:[东西南北中](?:路|段|一路|二路|三路)?(?![门边区站口侧面边海江河京]))?(?:[一二三四五六]路)?口?"
)
_ESTATE: Final = re.compile(
    r"安置小区|小区|花园|家园|公寓|新村|新城|花苑|嘉园|山庄|别墅区?|大厦|大楼|家属院|家属楼|家属区|宿舍楼?|生活区|工业园区?|产业园区?|科技园|开发区|"
    r"写字楼|国际城|社区|名苑|雅苑|豪苑|华府|豪庭|名庭|公馆|名城|名都|半岛|世家|豪园|华苑|嘉苑|名园|御景|村(?![民委干长支书里口])|苑|屯|庄(?!稼|严)|寨|圩|墟|镇(?![政静压痛定])|乡(?![下亲村镇音里])|广场(?!舞)"
)
_FACILITY: Final = re.compile(
    r"(?:人民|中心|中医|妇幼保健|附属)?医院|卫生院|卫生站|卫生室|诊所|药店|学校|小学|中学|高中|初中|大学(?!生)|学院|职校|技校|幼儿园|托儿所|菜市场|农贸市场|批发市场|"
    r"水产市场|市场(?!监)|超市|商场|商城|购物中心|百货|公园|汽车总站|汽车站|客运站|火车站|高铁站|车站|地铁站|公交站台?|公交车站|站台|[东西南北]站|充电站|收费站|加油站|"
    r"机场|码头|港口|银行|酒店|宾馆|旅馆|民宿|餐厅|餐馆|饭店|酒楼|饭馆|大排档|烧烤摊|烧烤店|奶茶店|小吃店|便利店|专卖店|火锅店|茶楼|KTV|ktv|歌舞厅|酒吧|网吧|棋牌室|麻将馆|健身房|"
    r"工地|厂(?!家|商|长)|养殖场|养猪场|养鸡场|屠宰场|采石场|砖厂|搅拌站|变电站|垃圾中转站|垃圾站|垃圾场|垃圾堆放点|停车场|车库|派出所|公安局|镇政府|区政府|市政府|县政府|"
    r"政府|村委会?|居委会|服务中心|政务大厅|政务服务大厅|办事大厅|营业厅|图书馆|体育馆|体育中心|体育场|文化馆|博物馆|电影院|夜市|大桥|天桥|立交桥|桥站|桥(?!梁)|隧道|水库|水塘|鱼塘|"
    r"沙滩|海滩|度假村|景区|风景区|殡仪馆|福利院|养老院|敬老院|车管所|社保局|税务局|房管局|岛(?!屿)|湾|湖|长廊|驾校|快递站|驿站|公厕|公共厕所|运动场|篮球场|球场|河堤|海堤|江边|河边|海边|"
    r"红绿灯|转盘|环岛|检查站|服务区|门诊部|售楼部|售楼处|渡口|候车室|候车厅|物流园|冷库|仓库|商业街|美食街|批发城|建材城|家具城|汽配城|奥特莱斯|万达|吾悦"
)
_DOOR: Final = (
    rf"(?:第?(?:{NUMBER}|[A-Za-z甲乙丙丁]\d{{0,2}})(?:号楼(?![上下道梯顶])|号院|号铺|号店|号窗口|号门(?!口)|号|栋|幢|座|单元|楼(?![上下道梯顶])|层|室|房|弄|巷|组|队|排|期|区)(?!线|车|公交|以[上下])|负[一二三123]层|地下(?:停车场|车库|室|一层)|顶楼|天台|"
    rf"(?<=[楼元栋座幢层号])(?:\d{{3,4}}|[零〇一二三四五六七八九十]{{3}})(?:室|房)?)"
)
_NUMBER: Final = re.compile(rf"{_DOOR}+")
_RELATION: Final = re.compile(
    r"(?:大|正|后|侧|东|西|南|北|小)?门口|[东西南北正后侧]大?门(?!的人)|出入口|入口处?|出口处?|十?字?路口|丁字路口|交叉路?口|交叉处|交汇处|交界处?|相交处|拐角处?|拐弯处?|转角处?|巷口|村口|桥头|桥底下?|桥下|街口|"
    r"旁边?(?!边)|旁|对面|斜对面|正对面|附近|隔壁|楼下|楼上|后面|前面|后边|前边|边上|周边|周围|路段|沿线|一带|中间|东侧|西侧|南侧|北侧|东边|西边|南边|北边|楼道里?|楼梯间|楼顶|大堂|电梯间|绿化带|人行道|路边|马路边|河道|地下停车场|停车场"
)
_OWN: Final = re.compile(r"(?:我们?|咱们?|俺们?)(?:自己)?(?:家(?![长人具属乡里])|住的地方|租的房子|出租屋)")
_STOPS: Final = (
    r"住在|就在|位于|在于|在|我|你|您|他|她|它|们|的|了|是|从|往|向|这|那|这个|那个|一个|一家|一条|某个|有个|有家|有条|个|条|家里|跟|与|及|把|被|给|让|说|去|来到|到|路过|"
    r"经过|走到|开到|沿着|沿|着|很|都|就|也|还|又|才|想|要|看|看到|看见|吗|呢|吧|啊|嗯|没|不|问|请|请问|投诉|反映|举报|咨询|发现|因为|由于|所以|但是|而且|昨天|今天|前天|明天|"
    r"早上|晚上|上午|下午|中午|凌晨|半夜|夜里|点半|点钟|点|现在|最近|一直|每天|天天|每晚|昨晚|今晚|今早|刚才|几天|开始|以后|以来|附近|旁边|对面|门口|里面|里|外面|"
    r"地址|地点|位置|关于|对于|建议|希望|要求|麻烦|尽快|整个|整条|所有|全|各个|多个|几个|某|本|该|此|前往|回|出|进|离|至|经常|有人|有|没有|叫|叫做|名叫|属于|靠近|挨着|临近|"
    r"居住|上班|工作|建在|开在|设在|停在|堵在|站在|坐在|摆在|堆在|存在|买的|租的|时候|期间|号|日|月份|左右|就是|好像|应该|可能|大概|帮|帮我|楼下|楼上|隔壁|门前|管管|处理|监管|解决|修|查|整治|修复|检查|加强|绕|堵|挡|拦|一下|坐|乘|骑|买"
)
_STOP: Final = re.compile(rf"(?:{NUMBER}点(?:半|钟|多)?|{_STOPS}|[，。！？；、,.!?;:：“”\"'（）()\s])$")
_NAME_INSIDE: Final = {
    "和",
    "家",
    "有",
    "到",
    "来",
    "过",
    "出",
    "进",
    "回",
    "本",
    "全",
    "号",
    "问",
    "看",
    "点",
    "条",
    "个",
    "日",
    "向",
    "里",
    "沿",
    "修",
    "叫",
}
"""Single characters that end a name only where jieba takes them for a word."""
_PART_ENDS: Final = ("路", "街", "大道", "小区", "花园", "社区", "大厦", "公路", "广场", "镇", "县")
_NAMED_AS_SUCH: Final = (
    "人民医院",
    "中心医院",
    "中医医院",
    "妇幼保健医院",
    "附属医院",
    "高铁站",
    "火车站",
    "行政服务中心",
    "政务服务大厅",
    "步行街",
)
_WITHIN_WORDS: Final = {"岛", "湾", "湖", "苑", "屯", "庄", "寨", "圩", "墟", "镇", "乡", "厂"}
"""Endings that count only where a word ends (not in 湖光)."""
_BREAKING: Final = {"r", "p", "c", "u", "uj", "ul", "uz", "uv", "d", "y", "e", "o", "t", "df", "zg"}
_VERBS_IN_NAMES: Final = {
    "建设",
    "解放",
    "团结",
    "跃进",
    "奋进",
    "开发",
    "拥军",
    "发展",
    "新建",
    "创业",
    "联合",
    "前进",
    "迎宾",
    "观海",
    "兴华",
    "发达",
    "服务",
    "繁荣",
    "教育",
    "体育",
    "保税",
}
_GENERIC_NAMES: Final = re.compile(
    r"(?:建筑|施工|装修|大型|小型|私人|私立|公立|公办|民办|普通|水果|服装|手机|汽车|电动车|海鲜|老|旧|新|大|小|公共|地下|露天|临时|非法|无证|黑|网红|连锁|早餐|午托|托管|小吃|路边|马路|道路|一般|高档|"
    r"城中|全|本|农|自然|外|邻|同|各|隔壁|县城|市区|城区|城|郊区|农村|乡下|收费|免费|集体|学生|员工|商住|住宅|居民|整个|一|两|三|几|多|半|双|十|单|某|共享|综合|私家|停车|废品|垃圾|化工|养殖|沿街|临街|"
    r"化工|化|加工|塑料|家具|水泥|食品|造纸|砖|鞋|五金|印染|电镀|木材|玩具|制衣|海|沙|河|江|拐|人工|小岛|海景|小区|我们|出租|走|修|堵|赶|让|绕|问|上|下|逛|这|那|电|线|思|套|网|铁|大马|马|高速|大|整条|步行|通|占|半|同|后|出|公|建|拆|封|扫|街|过|拦|挡|跑|钢筋|水泥|手|脚|人行|过街|跨海|高架)*"
)


def find_units(text: str, gazetteer: Gazetteer, *, spoken: bool) -> tuple[Unit, ...]:
    """The parts in ``text`` that do not overlap, left to right; where two compete, the longer or official one stays."""
    divisions = [*_divisions(text, gazetteer), *(_misheard(text, gazetteer) if spoken else ())]
    roads = list(_named(text, _ROAD, UnitKind.ROAD, _ends(divisions)))
    estates = list(_named(text, _ESTATE, UnitKind.ESTATE, _ends([*divisions, *roads])))
    found = [
        *divisions,
        *roads,
        *estates,
        *_named(text, _FACILITY, UnitKind.FACILITY, _ends([*divisions, *roads, *estates])),
        *(Unit(UnitKind.NUMBER, m.start(), m.end(), False) for m in _NUMBER.finditer(text)),
        *(Unit(UnitKind.RELATION, m.start(), m.end(), False) for m in _RELATION.finditer(text)),
        *(Unit(UnitKind.OWN, m.start(), m.end(), False) for m in _OWN.finditer(text)),
    ]
    return _without_overlap(found)


def _ends(units: list[Unit]) -> frozenset[int]:
    return frozenset(unit.end for unit in units if unit.proper)


_ORDER: Final = {UnitKind.CITY: 0, UnitKind.DIVISION: 0, UnitKind.ROAD: 1, UnitKind.ESTATE: 1, UnitKind.FACILITY: 1, UnitKind.RELATION: 3, UnitKind.NUMBER: 2, UnitKind.OWN: 4}  # fmt: skip


def _without_overlap(units: list[Unit]) -> tuple[Unit, ...]:
    kept: list[Unit] = []
    for unit in sorted(units, key=lambda u: (not u.proper, _ORDER[u.kind], u.start - u.end, u.start)):
        if all(unit.end <= other.start or unit.start >= other.end for other in kept):
            kept.append(unit)
    return tuple(sorted(kept, key=lambda u: u.start))


def _divisions(text: str, gazetteer: Gazetteer) -> Iterator[Unit]:
    city = rf"(?:[一-龥]{{2}}省)?{gazetteer.city}|{gazetteer.short_city}(?=[市的]|$)"
    for match in re.finditer(city, text):
        yield Unit(UnitKind.CITY, match.start(), match.end(), True)
    for at in range(len(text)):
        match_at = gazetteer.match_at(text, at)
        if match_at and not _is_part_of_a_word(text, at, match_at[0]):
            name, divisions = match_at
            end = at + len(name)
            end += name.endswith("市") and text[end : end + 1] == "区"
            yield Unit(UnitKind.DIVISION, at, end, True, divisions)
    for short, full in gazetteer.short_counties.items():
        for match in re.finditer(re.escape(short), text):
            if _stands_for_a_county(text, match.start(), match.end()):
                yield Unit(UnitKind.DIVISION, match.start(), match.end(), True, (Division(county=full),))


def _is_part_of_a_word(text: str, at: int, name: str) -> bool:
    """「前村」「新村」 in 海滨新村: a village of two characters counts only after a pause, a 的 or a division's name."""
    if text[at + len(name) : at + len(name) + 1] in {"路", "街", "巷", "大"} and not name.endswith(
        ("区", "县", "市", "镇")
    ):
        return True
    if len(name) > 2 or at == 0:
        return False
    return text[at - 1] not in "，。区县市镇道乡在"


def _stands_for_a_county(text: str, start: int, end: int) -> bool:
    if re.match(r"(?:区|县|市)?(?:路|街|大道|保险|银行|健康|安全|无事)", text[end:]):
        return False
    before, after = text[:start], text[end:]
    return bool(
        re.search(r"(?:在|到|住|是|们|从|去|的|，|市|^|人民|区)$", before)
        or re.match(
            r"那边|这边|那里|这里|的|人民|一中|汽车|客运|火车|市区|城区|老街|新区|区|县|市|[一-龥]{2,4}(?:路|大道|街|小区|花园|镇|村)",
            after,
        )
    ) and not re.search(r"(?:一路|祝|报)$", before)


def _named(text: str, suffix: re.Pattern[str], kind: UnitKind, ends: frozenset[int]) -> Iterator[Unit]:
    edges = {token.end for token in tokens(text)}
    for match in suffix.finditer(text):
        if match[0] in _WITHIN_WORDS and match.end() not in edges:
            continue
        start = _name_start(text, match.start(), ends, longest=6 if kind is UnitKind.ROAD else 8)
        name = text[start : match.start()]
        if (
            kind is UnitKind.ROAD
            and not match[0].startswith("步行街")
            and (len(name) < 2 or _is_bus_line(name, text[match.end() :]))
        ):
            continue
        proper = bool(name) and not _GENERIC_NAMES.fullmatch(name)
        if proper or match[0].startswith(_NAMED_AS_SUCH):
            ends |= {match.end()}
            yield Unit(kind, start, match.end(), True)
        elif kind is not UnitKind.ROAD:
            yield Unit(kind, start, match.end(), False)


def _is_bus_line(name: str, after: str) -> bool:
    return re.fullmatch(NUMBER, name) is not None and re.match(r"公交|车|线|大巴", after) is not None


def _name_start(text: str, end: int, ends: frozenset[int], *, longest: int) -> int:
    """Where the name begins whose last character stands before ``end``; it does not reach over a part's end."""
    starts = {token.start: token for token in tokens(text)}
    finishing = {token.end: token for token in tokens(text)}
    begin = end
    for start in range(end - 1, max(-1, end - longest - 1), -1):
        if start + 1 in ends or text[: start + 1].endswith(_PART_ENDS):
            break
        stop = _STOP.search(text[: start + 1])
        if stop and not (stop[0] in _NAME_INSIDE and not _is_word(starts, stop.start(), stop[0])):
            break
        token = finishing.get(start + 1)
        if token and _breaks(token):
            break
        begin = start
    return begin


def _is_word(edges: dict[int, Token], at: int, word: str) -> bool:
    token = edges.get(at)
    return token is not None and token.word == word


def _breaks(token: Token) -> bool:
    if token.kind in _BREAKING:
        return len(token.word) > 1 or (token.kind in {"p", "c", "uj", "ul", "r"} and token.word not in _NAME_INSIDE)
    return token.kind == "v" and len(token.word) > 1 and token.word not in _VERBS_IN_NAMES


def _misheard(text: str, gazetteer: Gazetteer) -> Iterator[Unit]:
    """Counties and towns by their sound: 池坎区 for 赤坎区."""
    lengths = sorted({len(key) for key in gazetteer.by_sound}, reverse=True)
    for length in lengths:
        for start in range(len(text) - length + 1):
            words = text[start : start + length]
            if not re.fullmatch(r"[一-龥]+", words) or words in gazetteer.names:
                continue
            name = gazetteer.by_sound.get(sounds(words))
            if name and _may_be_a_name(text, start, start + length, words, name):
                yield Unit(UnitKind.DIVISION, start, start + length, True, gazetteer.names[name], heard_as=name)


def _may_be_a_name(text: str, start: int, end: int, words: str, name: str) -> bool:
    """The last character is as written, or what is around tells of a place (「下山去」 alone does not)."""
    if words[-1] == name[-1]:
        return True
    return bool(
        re.search(r"(?:在|住|是|于|市|，|们)$", text[:start])
        and re.match(r"$|，|[一-龥]{1,4}(?:路|大道|街|小区|花园|村)", text[end:])
    )
