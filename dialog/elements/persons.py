"""Who is concerned: the caller's name, or that it is withheld, and the party complained of."""

import re
from dataclasses import dataclass
from typing import Final

from dialog.elements.pinyin import syllable
from dialog.elements.segments import tokens
from dialog.elements.words import Heard
from tickets.model import Element, ElementName, ElementStatus

_SURNAMES: Final = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段"
    "章雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈"
    "鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边全"
)
_COMPOUND: Final = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|端木|南宫|夏侯"
_SURNAME: Final = rf"(?:{_COMPOUND}|[{_SURNAMES}])"
_TITLE: Final = r"(?:先生|女士|小姐|太太|师傅|老师|阿姨|大姐|大爷|大哥|大叔|同学|医生|某)"
_NEXT: Final = (
    r"(?=$|[，。！？、；,.!?;\s]|住|家|在|是|想|要|我|投诉|反映|举报|咨询|求助|电话|手机|联系|今年|现在|男|女|的|这|那|来|就|希望|建议|请|有|不|跟|身份|，|你|他|她|昨|今|前|从|因为|发现|买|被|吧|啊|呢|了|嘛|，"
    r"号码|\d|一|打)"
)
_GIVEN: Final = r"[\u4e00-\u9fff]"
_NAME: Final = rf"(?P<name>{_SURNAME}(?:{_TITLE}|{_GIVEN}{{2}}?{_NEXT}|{_GIVEN}{_NEXT}))"
_FULL: Final = rf"(?P<name>{_SURNAME}(?:{_GIVEN}{{1,2}}?){_NEXT})"
_INTRODUCTIONS: Final = (
    re.compile(rf"(?:我|本人)?(?:的)?(?:姓名|名字|全名)(?:是|叫|：|:)?{_NAME}"),
    re.compile(
        rf"(?:我|本人|免贵)(?:是)?姓(?P<name>{_SURNAME})(?!名)(?:[，,]?(?:单名|名字?叫|名|叫)(?P<given>{_GIVEN}{{1,3}}?){_NEXT})?"
    ),
    re.compile(rf"(?:^|[，。,.嗯啊])免贵姓(?P<name>{_SURNAME})"),
    re.compile(rf"(?<![叫给帮把让跟和])(?:我|本人)(?:就)?(?:叫|名叫)(?:做)?{_NAME}"),
    re.compile(rf"(?:叫|喊|称呼)我(?P<name>[小老阿]?{_SURNAME}(?:{_TITLE}|{_GIVEN}{{0,2}}?{_NEXT}))"),
    re.compile(
        rf"(?:我|这里|这边)(?:就)?是(?:业主|居民|住户|村民|家长|车主|市民|租户|用户)?(?P<name>[小老]?{_SURNAME}(?:{_TITLE}))"
    ),
    re.compile(rf"(?:我|本人)是(?:业主|居民|住户|村民|家长|车主|市民|租户|用户){_FULL}"),
    re.compile(rf"(?:联系人|反映人|投诉人|来电人)(?:是|：|:|姓名)?{_NAME}"),
)
_BARE: Final = (
    re.compile(
        rf"^(?:嗯|啊|哦|好的?|那个|是|叫|姓名|名字)*[，,]?(?P<name>{_SURNAME}(?:{_TITLE}|{_GIVEN}{{1,2}}))(?:[，。吧啊呢哦]|$)"
    ),
    re.compile(rf"^(?:嗯|啊|哦|好的?|那个|就)*[，,]?姓(?P<name>{_SURNAME})(?:[，。吧啊呢哦的]|$)"),
    re.compile(rf"^(?:嗯|啊|哦|好的?|那个|就)*[，,]?(?P<name>[小老]{_SURNAME})(?:[，。吧啊呢哦]|$)"),
)
_NO_NAMES: Final = {"高兴", "方便", "安静", "安全", "全部", "成功", "时间", "任何", "周围", "周边", "常常", "向来", "关于", "管理", "解决", "解释", "万一", "查询", "强烈", "于是", "房子", "边上", "车子", "单位", "施工", "白天", "路边", "路口", "石头", "江边", "马上", "马路", "高速", "金额", "阳台", "成年", "从来", "任务", "方面", "应该", "何时", "何况", "文件", "时候", "全家", "华人", "温度", "安排", "明天", "项目", "经常"}  # fmt: skip
_DECLINED: Final = re.compile(
    r"(?:我)?(?:就)?(?:不想|不愿意?|不方便|不太方便|不便|不用|不要|不能|不需要|没必要|可以不|能不能不|能不|别)(?:再)?(?:说|讲|留|透露|告诉|提供|暴露|公开|登记|写|记)(?:我)?(?:的)?"
    r"(?:姓名|名字|名|姓|个人信息|身份|信息|电话)?(?!了?(?:怎么|一下))(?:了|吧)?|匿名|不留名|不具名|不记名|不实名|隐去(?:我的)?姓名"
)
_NAME_WORD: Final = re.compile(r"名|姓|身份|信息|匿")
_SECRET: Final = re.compile(r"(?:不说了?|算了|不用了?|不方便|不想说|不告诉你?|保密|不留|不必了?|没必要|不愿意|免了)")

_BUSINESS: Final = (
    r"烧烤店|烧烤摊|大排档|饭店|餐厅|餐馆|饭馆|酒楼|火锅店|奶茶店|早餐店|小吃店|面馆|快餐店|超市|便利店|商场|商店|店铺|门店|药店|理发店|美容院|美容店|健身房|健身馆|KTV|ktv|酒吧|网吧|棋牌室|麻将馆|"
    r"黑作坊|小作坊|作坊|窝点|摊点|舞厅|洗车店|修车店|汽修店|汽修厂|4S店|手机店|服装店|家具店|水果店|菜店|肉铺|面包店|蛋糕店|宠物店|烟酒店|专卖店|加油站|停车场|酒店|宾馆|旅馆|民宿|驾校|培训机构|培训班|辅导班|补习班|托管班|午托班|"
    r"幼儿园|学校|小学|中学|医院|诊所|卫生院|银行|公司|集团|工厂|化工厂|水泥厂|砖厂|养殖场|养猪场|养鸡场|屠宰场|搅拌站|工地|施工队|施工方|施工单位|项目部|建筑公司|单位(?=拖|欠|不|没|让|要|一直|老|把|克)|开发商|物业公司|物业|房地产公司|"
    r"装修公司|中介公司|中介|快递公司|快递站|快递员|快递|外卖员|骑手|外卖平台|平台|网店|商家|卖家|淘宝店|直播间|供水公司|自来水公司|供电局|供电公司|燃气公司|水务公司|公交公司|出租车公司|电信|移动公司|联通"
)
_PEOPLE: Final = (
    r"老板娘?|店主|摊主|小贩|摊贩|商贩|房东|二房东|包工头|司机|出租车司机|公交司机|公交车司机|网约车司机|滴滴司机|大货车|泥头车|渣土车|出租车|网约车|公交车|黑车|业委会|保安|城管|村委会?|居委会|村干部|村支书|村长|"
    r"书记|(?:楼上|楼下|隔壁)(?:的)?(?:邻居|住户|那家|一家|那户|租户|人家)|(?<=我家)(?:楼上|隔壁)|(?<=我们家)(?:楼上|隔壁)|(?:楼上|隔壁)(?=天天|一直|总|老是|经常|半夜|每|又|在装|装修|漏)|邻居|租客|租户|班主任|老师|校长|医生|护士|教练|客服|业务员|销售员?|"
    r"工作人员|窗口人员|办事员|服务员|大妈|大爷|广场舞(?:的)?(?:大妈|队伍?)|养狗的人?|一群人|一伙人|年轻人"
)
_PARTY: Final = re.compile(
    rf"(?P<lead>(?:那|这|有)(?:一)?(?:家|个|名|位|群|伙|些)?|一(?:家|个|名|位|群|伙)|某)?(?P<who>{_BUSINESS}|{_PEOPLE})"
)
_TOLD_NAME: Final = re.compile(
    rf"(?:叫|名叫|名为|叫做|店名是|名字叫)(?P<who>[\u4e00-\u9fffA-Za-z0-9]{{1,10}}?(?:{_BUSINESS}))"
)
_NAMED_PERSON: Final = re.compile(
    rf"(?:(?:负责人|老板娘?|店主|房东|司机|经理|主任|包工头|中介|医生|老师|教练|窗口|工作人员|民警|对方|那个人|他|她)(?:的?(?:名字|姓名)?(?:叫|是|名叫)|姓)|的)"
    rf"(?P<who>[小老]{_SURNAME}(?![\u4e00-\u9fff]*(?:路|街|村))(?=$|[，。！？；、]|她|他|特|很|非|态|帮|服|工|把|给|一)|{_SURNAME}(?:[\u4e00-\u9fff]{{1,2}}?)(?=$|[，。！？；、])(?<!的))"
)
_VEHICLES: Final = {"出租车", "网约车", "公交车", "黑车", "大货车", "泥头车", "渣土车"}
_NOT_A_PARTY: Final = re.compile(r"(?:时候|时间|问题|事情|公积金|医保|社保|户口|营业执照|身份证)")


@dataclass(frozen=True, slots=True)
class Person:
    """What was heard of persons, with where it stands."""

    name: str = ""
    name_at: tuple[int, int] | None = None
    declined_at: tuple[int, int] | None = None
    party: str = ""
    party_at: tuple[int, int] | None = None


def find_person(
    heard: Heard, *, narrative: tuple[tuple[int, int], ...], places: tuple[tuple[int, int], ...], asked: bool
) -> Person:
    """The caller's name and the party. The party is looked for in ``narrative`` only; ``asked``: the name was asked for."""
    name = _name(heard.text, asked=asked)
    declined = None if name else _declined(heard.text, asked=asked)
    party = _party(heard.text, narrative, places)
    name_words, name_at = name or ("", None)
    party_words, party_at = party or ("", None)
    return Person(name_words, name_at, declined, party_words, party_at)


def person_element(heard: Heard, person: Person, *, phone_known: bool) -> Element | None:
    """The element; ``None`` when nothing was said of persons."""
    spans = sorted({span for span in (person.name_at, person.declined_at, person.party_at) if span})
    if not spans:
        return None
    name = _commonest_spelling(person.name) if heard.spoken else person.name
    value: dict[str, object] = {
        "text": "，".join(heard.text[start:end] for start, end in spans),
        "caller_name": name or None,
        "caller_phone_known": phone_known,
        "party": person.party or None,
    }
    if name != person.name:
        value["derived"] = [{"field": "caller_name", "value": name, "from": "surname_sound"}]
    source = tuple(heard.span(start, end) for start, end in spans)
    if person.declined_at:
        return Element(
            ElementName.PERSON, value, ElementStatus.DECLINED, source, heard.sure(0.9), reason="来电人不愿透露姓名"
        )
    return Element(ElementName.PERSON, value, ElementStatus.FILLED, source, heard.sure(0.9 if person.name else 0.7))


def _commonest_spelling(name: str) -> str:
    """A surname that was heard, in the commonest character of that sound (``_SURNAMES`` stands in order of frequency)."""
    if not name or name[0] not in _SURNAMES:
        return name
    sound = syllable(name[0])
    return next(surname for surname in _SURNAMES if syllable(surname) == sound) + name[1:]


def name_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Where the caller says who they are, the whole phrase (我叫李秀英)."""
    found = [
        match.span() for pattern in _INTRODUCTIONS for match in pattern.finditer(text) if match["name"] not in _NO_NAMES
    ]
    found += [match.span() for match in _DECLINED.finditer(text) if _NAME_WORD.search(match[0])]
    return tuple(sorted(found))


def _name(text: str, *, asked: bool) -> tuple[str, tuple[int, int]] | None:
    for pattern in (*_INTRODUCTIONS, *(_BARE if asked else ())):
        for match in pattern.finditer(text):
            name = match["name"]
            given = match.groupdict().get("given") or ""
            if name in _NO_NAMES:
                continue
            if given:
                name = given if given.startswith(name) else name + given
            end = match.end("given") if given else match.end("name")
            return name, (match.start(), end)
    return None


def _declined(text: str, *, asked: bool) -> tuple[int, int] | None:
    for match in _DECLINED.finditer(text):
        if asked or _NAME_WORD.search(match[0]):
            return match.span()
    short = _SECRET.search(text) if asked and len(text) <= 12 else None
    return short.span() if short else None


def _party(
    text: str, narrative: tuple[tuple[int, int], ...], places: tuple[tuple[int, int], ...]
) -> tuple[str, tuple[int, int]] | None:
    told = _TOLD_NAME.search(text)
    if told and _inside(told.start("who"), narrative):
        return told["who"], told.span("who")
    named = next((m for m in _NAMED_PERSON.finditer(text) if _inside(m.start("who"), narrative)), None)
    if named and named["who"] not in _NO_NAMES:
        return named["who"], named.span("who")
    found = []
    for match in _PARTY.finditer(text):
        start, end = match.span("who")
        if not _inside(start, narrative) or re.match(r"的(?:时候|门口)|附近|旁边|对面|门口|里面?(?!的)", text[end:]):
            continue
        rank = 2 if _inside(start, places) else 1 if match["who"] in _VEHICLES else 0
        found.append((rank, start, end))
    if not found:
        return None
    _, start, end = min(found)
    start = _with_its_name(text, start, places)
    return text[start:end], (start, end)


def _inside(at: int, spans: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= at < end for start, end in spans)


def _with_its_name(text: str, start: int, places: tuple[tuple[int, int], ...]) -> int:
    """Take in a proper name before the word: 恒达物业, 楼下烧烤店, 出租车司机."""
    floor = max((end for begin, end in places if end <= start), default=0)
    begin = start
    for token in reversed([token for token in tokens(text) if token.end <= start]):
        if token.end != begin or token.start < floor or start - token.start > 6:
            break
        if token.kind not in {"nz", "nr", "nrt", "ns", "nt", "b", "j", "eng", "n", "ng"} and token.word not in {
            "楼下",
            "隔壁",
            "楼上",
            "附近",
        }:
            break
        if _NOT_A_PARTY.search(token.word):
            break
        begin = token.start
    return begin
