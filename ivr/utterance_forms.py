"""The form of what is being said: will the sentence go on, is it a whole answer, is it only "I am listening"? Pure.

Words come from a recogniser: no punctuation, homophones, a last word that may still be missing. So these are forms of spoken
Mandarin at the end of the text, not grammar.
"""

import re
from enum import StrEnum
from typing import Final

from pypinyin import Style, lazy_pinyin

_SPACES: Final = re.compile(r"[\s，。！？、；,.!?;]")

_CONNECTIVES: Final = (
    "因为|所以|但是|可是|不过|而且|然后|还有|就是|如果|要是|假如|虽然|或者|以及|并且|后来|结果|比如|比如说|另外|再就是|关于|对于|"
    "由于|为了|至于|除了|包括|还是|不然|否则|于是|接着|首先|其次|到底|究竟"
)
_FILLERS: Final = "嗯+|呃+|额|那个|这个|就是说|怎么说呢|怎么说|那什么|等一下|我看看|我想想|让我想想"
_WANTING: Final = (
    "我想|我要|我就想|想问|想问一下|想问问|想咨询|咨询一下|想反映|反映一下|想了解|了解一下|请问|请问一下|麻烦问一下|问一下|想知道|"
    "我觉得|我希望|希望|我是说|我说|他说|她说|他们说|告诉我|说是|听说|觉得"
)
_LEADING: Final = "在|从|到|把|被|给|对|跟|和|与|向|往|由|比|离|按|按照|让|叫|替|用|靠|住在|位于|来自|叫做|属于"
_ADVERBS: Final = (
    "很|太|都|就|才|又|再|还|会|能|要|想|应该|一直|经常|总是|老是|已经|正在|刚刚|特别|非常|最|不|没|也|只|全|必须|需要|"
    "可能|好像|大概|差不多|怎么|如何|为什么|有没有|能不能|可不可以|是不是|要不要|会不会|什么时候"
)
_MEASURES: Final = "一个|两个|几个|有个|有一个|个|第|那边的|这边的|那里的|这里的|每个|每天都|这种|那种|一些|有些"
_UNFINISHED: Final = re.compile(rf"(?:{_CONNECTIVES}|{_FILLERS}|{_WANTING}|{_LEADING}|{_ADVERBS}|{_MEASURES})$")
_ATTRIBUTE: Final = re.compile(r"(?<![是好对有行真错会你我他她怪目])的$|(?<=[们家里边面上下])的$")
"""A bare 的 leaves its noun to come; 是的, 好的, 对的, 有的 do not."""
_WHOLE_NEGATION: Final = re.compile(r"(?:不对|不是|(?<!有)没有|不要|不用|对不对|要不要|好不好|行不行)$")
_WHOLE_ORDER: Final = re.compile(r"^(?:不要|不想|不会|不能|不|没|会|能|要|想|对|对对|需要|不需要|可能|应该|好像)$")

_ASKS: Final = re.compile(
    r"怎么|如何|什么|哪|多少|(?<!好)几(?!个人)|能不能|可不可以|是不是|有没有|为什么|要不要|算不算|会不会|行不行"
)
_FINAL_PARTICLE: Final = re.compile(r"[吗呢么嘛吧]$")
_FAREWELL: Final = re.compile(
    r"(?:再见|拜拜|谢谢|谢谢你|谢谢您|就这样|没有了|没事了|不用了|不说了|转人工|找人工|人工)$"
)
_SHORT: Final = re.compile(
    r"^(?:[嗯啊哦]*)(?:对+|对的|对啊|对呀|是+|是的|是啊|没错|正确|确认|可以|可以的|好|好的|好吧|行|行吧|同意|不对|不是|不是的|错了|"
    r"没有|没有了|没了|不用|不用了|不要|不需要|不行|不可以|不同意|不是这样|第[一二三四两1-4]个?|[一二三四1-4]|前面那个|后面那个|"
    r"最后一个|中间那个|都不是|都不对|知道|不知道|不清楚|不记得|记不清了?|不留|不方便)(?:了|的|啊|呀|吧|谢谢)*$"
)
_TIME_END: Final = re.compile(
    r"(?:点|点半|分|号|昨天|今天|前天|上午|下午|中午|晚上|早上|凌晨|半夜|夜里|傍晚|星期[一二三四五六日天]|周[一二三四五六日末]|月|年|时候|"
    r"以后|之后|以前|之前|这几天|最近)$"
)
_PLACE_END: Final = re.compile(
    r"(?:区|县|镇|乡|村|路|街|大道|巷|小区|花园|广场|市场|公园|医院|学校|小学|中学|幼儿园|工地|车站|楼下|门口|旁边|附近|对面|后面|前面|"
    r"里面|路口|楼|栋|单元|号楼|那里|这里|那边|这边|隔壁|楼上)$"
)
_PERSON: Final = re.compile(r"^(?:我)?(?:姓|叫|名字叫|的名字是).{1,4}$|^(?:免贵)?姓.{1,3}$")

_BACK_CHANNEL: Final = re.compile(
    r"^(?:嗯+|恩+|唔|呣|啊+|哦+|噢+|喔|哎+|诶|欸|呃|对+|是+|好+|行|成|的|了|啊|呀|哈|吧|是的|好的|对的|行的|好吧|行吧|可以|我?知道?了?|我?明白?了?|清楚了?|"
    r"晓得了?|这样|这样啊|是这样|是吗|是吧|原来这样|没错|嗯呢|得|中|OK|ok)+$"
)
_BACK_CHANNEL_SYLLABLES: Final = frozenset(
    {"en", "n", "ng", "m", "a", "o", "ou", "ai", "ei", "e", "dui", "shi", "hao", "xing", "de", "le", "ya", "ha"}
)
_MOST_BACK_CHANNEL: Final = 6
"""More syllables than this are a sentence."""


class Form(StrEnum):
    """``NONE``: no words. ``UNFINISHED``: must go on. ``OPEN``: may. ``FINISHED``: a whole question. ``ANSWER``: a whole answer."""

    NONE = "none"
    UNFINISHED = "unfinished"
    OPEN = "open"
    FINISHED = "finished"
    ANSWER = "answer"


def form_of(text: str, state: str) -> Form:
    """The form of ``text`` where the dialogue expects ``state`` (``dialog.contract.Expectation``); not for digits."""
    words = _SPACES.sub("", text)
    if not words:
        return Form.NONE
    if _SHORT.match(words) and (state in ("confirm", "choose") or len(words) > 1):
        return Form.ANSWER
    if _FAREWELL.search(words) and len(words) <= 8:
        return Form.ANSWER
    if _is_unfinished(words, state):
        return Form.UNFINISHED
    if _FINAL_PARTICLE.search(words) or (_ASKS.search(words) and len(words) >= 4):
        return Form.FINISHED
    if state == "element" and _PERSON.match(words):
        return Form.FINISHED
    return Form.OPEN


def _is_unfinished(words: str, state: str) -> bool:
    if _WHOLE_ORDER.match(words) and (state != "open" or len(words) == 1):
        return False
    if _ATTRIBUTE.search(words):
        return True
    if _UNFINISHED.search(words) and not _WHOLE_NEGATION.search(words):
        return True
    if state != "open" or _ASKS.search(words):
        return False
    return bool(_TIME_END.search(words) or _PLACE_END.search(words))


def is_back_channel(text: str) -> bool:
    """Whether ``text`` only says that the other is being listened to (嗯、对、好的、哦), also in homophones of one syllable."""
    words = _SPACES.sub("", text)
    if not words or len(words) > _MOST_BACK_CHANNEL:
        return False
    if _BACK_CHANNEL.match(words):
        return True
    return len(words) <= 2 and all(syllable in _BACK_CHANNEL_SYLLABLES for syllable in lazy_pinyin(words))


_LISTENING_BEGINNINGS: Final = frozenset({"zhi", "ming"})
"""Of 知道 and 明白, whose second syllable the recogniser often takes for another one at first (职工)."""
_HUMMED: Final = ["en", "en"]


def may_be_back_channel(text: str) -> bool:
    """Whether ``text``, still being said, may become no more than a back-channel: 名 (明白), 之 (知道), 根本 (a drawn-out 嗯嗯)."""
    words = _SPACES.sub("", text)
    if is_back_channel(words):
        return True
    if not 1 <= len(words) <= 2:  # syllables of the phrases
        return False
    if lazy_pinyin(words, style=Style.FINALS) == _HUMMED:
        return True
    return lazy_pinyin(words)[0] in _LISTENING_BEGINNINGS


_DIGIT: Final = re.compile(r"[0-9零〇幺一二两三四五六七八九]")


def digits_in(text: str) -> int:
    """How many digits were said so far."""
    return len(_DIGIT.findall(text))
