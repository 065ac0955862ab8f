"""Questions that leave out what they are about: 「那要带什么材料」 after an answer means the matter just answered."""

import re
from typing import Final

from knowledge.text import normalise, telling_words, without_courtesy

_ASPECTS: Final = (
    r"(需要|要|得|该|应该)?(带|准备|提供|提交|交|填|拿|备)?(什么|哪些|啥|些什么|些啥|几样|哪几样|什么样的?)"
    r"(材料|资料|证件|手续|东西|表格?|文件|证明|条件|要求|流程|步骤)|"
    r"(材料|资料|证件|手续|流程|步骤|条件|要求|费用|时间|地点|地址|电话|期限|标准|依据|政策)(呢|是?什么|有哪些|怎么说)?|"
    r"(大概|一共|总共)?(要|需要|得)?(花|收|交|付|给)?(多少钱|多少费用|多少|钱|几块钱|几多钱|收费|费用|手续费|工本费)|"
    r"(要不要|需不需要|需要|是不是|用不用|收不收|要)(花钱|收费|交钱|付钱|钱|费用|本人|预约|排队|押金)|(是)?免费的?|"
    r"(在|去|到|上|找|往)?(哪里|哪儿|哪个地方|什么地方|哪个部门|什么部门|哪个单位|哪个窗口|哪|谁|几号窗口)|"
    r"(大概|一般|最快)?(要|需要|得)?(几天|多久|多长时间|多少天|多少个?工作日|几个工作日|几个月|什么时候|啥时候|何时|几点)|"
    r"(能|可以|可不可以|能不能|可否|行不行)?(在)?(网上|线上|手机上?|小程序上?|微信上?)|"
    r"(能|可以|可不可以|能不能|可否)?(让)?(别人|家人|家属|他人|朋友|孩子|儿子|女儿|爸妈|父母|亲戚)?(代|帮)(为)?|"
    r"(必须|一定要|非要|要不要|需要|是不是要)?(本人|亲自)(去|来|到场)?|"
    r"(周末|周六|星期六|星期天|中午|晚上|节假日)(上班|开门|能|可以|可不可以)?|"
    r"(电话|联系方式|联系电话|地址|位置)(号码)?(是)?(多少|什么|几号|在哪)?|"
    r"(有没有|有|什么|有什么)?(时间|期限|次数|年龄|其他|别的)?(限制|要求|条件|依据|规定)|"
    r"第一步|第二步|接下来|下一步|然后|之后|后面|怎么办|怎么弄|怎么做|怎么走|如何|怎样|咋办|"
    r"(说|讲)?(详细|具体)(一?点|一?些|点儿|说说|讲讲)?|再说一遍|没听懂|没听清|什么意思"
)
_FRAME: Final = (
    r"那么|那|就是说|就是|所以|这个|这种|这样|那个|它|这|的话|请问|还有|还|另外|而且|再|然后|如果|要是|一定|一般|大概|"
    r"能不能|可不可以|可以|能|会|要|得|需要|去|来|到|在|给|办理|办好|办完|办成|办下来|办|申请|弄|搞|拿到|领到|下来|"
    r"好|完|呢|吗|嘛|吧|啊|呀|哦|噢|了|的|是|有|我|你们|你|他们|他|她|咱|什么|怎么|哪|几|多少|谁|也|都|都要|啥|咧|唉|哎"
)
_ASPECT: Final = re.compile(_ASPECTS)
_FRAMED: Final = re.compile(_FRAME)
_OTHER_CASE: Final = re.compile(
    r"^(那么|那|如果是?|要是|换成|假如是?)(?P<case>.{1,10}?)(的话)?(呢|怎么办|可以吗|行吗|行不行|能办吗)$"
)
_LONGEST: Final = 24
"""Characters of a question that may leave its matter out."""
_LONGEST_CASE: Final = 2
"""Telling words of another case of the same matter: 「那外地户口呢」."""


def follow_up(question: str, previous_question: str) -> str | None:
    """``question`` with the matter that it leaves out, or ``None`` when it says itself what it is about.

    ``previous_question``: the question of the entry that was answered before.
    """
    plain = without_courtesy(normalise(question))
    if not plain or len(plain) > _LONGEST:
        return None
    if is_elliptical(plain):
        return f"{previous_question}，{question}"
    case = _OTHER_CASE.match(plain)
    if case and len(telling_words(case["case"])) <= _LONGEST_CASE:
        return f"{case['case']}{previous_question}"
    return None


def is_elliptical(plain: str) -> bool:
    """Whether a normalised question asks about an aspect only (材料, 费用, 地点, 时限 …) and names no matter."""
    without_aspect, aspects = _ASPECT.subn("", plain)
    return aspects > 0 and _FRAMED.sub("", without_aspect) == ""
