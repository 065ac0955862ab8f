"""Clauses of what was said: those that tell what happened, those that wish, and those that do neither."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dialog.elements.segments import tokens


class ClauseKind(StrEnum):
    EVENT = "event"
    WISH = "wish"
    QUESTION = "question"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Clause:
    """``text[start:end]``, without the punctuation after it."""

    kind: ClauseKind
    start: int
    end: int


_PIECE: Final = re.compile(r"[^，。！？；,!?;…~～\n]+")
_WHO_ASKS: Final = r"(?:我(?:们)?(?:大家)?|本人|咱们?|大家|业主们?|居民们?|群众|特|特此|现|强烈|因此|所以|在此|另外|还有|同时|就是|就|也|还|那|只|只是|然后|最后|并且?|并|而且|但|但是|而|更|非常|十分|真心|真的|恳切|你们|您们|政府|有关部门|相关部门|领导)"
_WISH: Final = re.compile(
    rf"(?P<lead>{_WHO_ASKS}*)(?P<cue>"
    r"(?:希望|盼望|期望|恳请|恳求|请求|要求(?!我们|我(?!们)|他们|业主|员工|家长|每|必须|交|加|缴)|呼吁|盼|诉求(?:是|就是)?|(?:想|要)请|想(?:要)?让|想求助|想申请|需要(?=你们|有人|政府|部门|相关|有关|尽快|帮|派|他们|处理|解决)|"
    r"建议(?!书)|提议|麻烦(?=你|您|帮|请|政府|有关|相关|部门|尽快|派|处理|转|协调|给|叫|让|安排|问|查|催|看|联系|通知|一下)|"
    r"(?:请|求)(?=[一-龥]{1,6}(?:局|委|办|厅|部门|大队|中队|中心|政府|公司|派出所|街道|村委)[^，]|你|您|政府|有关|相关|部门|尽快|马上|立即|赶紧|派|帮|处理|解决|协调|安排|给|查|核实|依法|严|督促|责令|管|市|区|县|执法|热线|来|他们|物业|交警|城管|环保|不要|把|恢复|加强|增|修|转|及时|核|对|让|大家|领导)|"
    r"能不能|能否|可不可以|可否|(?:能|可以)(?=帮|给我|替我|派|安排)|(?<![一-龥])请(?!问|假|客|了|吃|示|教|过|柬|帖)|是不是(?:可以|能|应该)|可以不可以|(?:你们|政府|有关部门|相关部门|部门|领导)(?:能|可以|赶紧|赶快|尽快|一定|务必|要|得|应该|来|快)?(?:能不能)?(?:管管?|来管|管一管|管一下|查查?|查一查|查一下|处理|解决|派人|出面|过来|催|协调)|"
    r"(?:赶紧|赶快|抓紧|马上|立刻|立即)(?=来|去|派|管|处|解|修|查|给我|给个|让|把|停|恢|叫|清|安|退|帮|整|拆|抓|制|补|换|还|联|协|核|通)|尽快|尽早|早点(?=解|修|处|恢|给|来|把)|快点(?=来|解|修|处|恢|给|派|把|让|管)|帮(?:我们?|忙|一下)(?!没|[^，]{1,5}了(?!吧|呗))|给(?:我们?|个|一个)(?:个|一个)?(?:说法|交代|答复|解释|公道|回复)|"
    r"(?:应该|必须|得|要)(?:严惩|严肃处理|严查|处罚|罚款|取缔|赔偿|赔钱|退款|退钱|整改|查处|道歉|给个|有人管|加强|尽快)|"
    r"管一管|管管|处理一下|解决一下|查一查|协调一下|什么时候(?:才)?(?:能|可以|会)(?:够)?(?:恢复|修|来|解决|处理|退|发|通|好|停|给)|何时(?:能|才能|可以)?(?:恢复|修|解决|处理|退|发|通|给)|"
    r"(?:让|叫)(?:他们|他|她|物业|老板|商家|对方|施工方?|公司|房东|楼上|学校|店家|工地|开发商)(?!.{0,2}(?:说|不|没|骂|退|拒))(?=.{0,8}(?:停|退|赔|道歉|搬|拆|改|安静|早点|按时|修|清|关|还|小声|给|恢复|不要|别))|"
    r"要(?=(?:他们?|她们?|对方|物业|商家|老板|司机|公司|店家|房东|学校|医院|你们)(?:给|退|赔|道|停|搬|拆|改|修|还|把|向|公开|赶紧|尽快|马上|处理|解决|查))|别让|不要再|别再|我(?:就|只)?(?:要|想)(?:求)?(?=退|赔|他们?(?:退|赔|道)|回(?:我的)?(?:钱|押金|工资)|要回|拿回|讨回|换|知道(?:什么时候|到底))|我想(?:要回|讨回|拿回)))"
)
_NOT_A_WISH_BEFORE: Final = re.compile(
    r"(?:老板|公司|物业|他们?|她们?|学校|老师|房东|商家|店家|医院|医生|银行|单位|村委会?|居委会|客服|对方|工作人员|法院|警察|城管|司机|厂里|领导|不|没有?|没人|谁|很|太|真|特别|造成|添|带来|怕|嫌|都|也不|无理|[我他她]们家人)"
    r"(?:还|又|就|也|都|说|经常|一直|总是|非)?$"
)
_WHO_HELPS: Final = re.compile(r"(?:你们?|您|请|麻烦|能|来|可以|要|想|希望|赶紧|尽快|政府|部门|热线|领导)$")
_CONTINUES_A_WISH: Final = re.compile(
    r"(?:还|并|同时|也|另外|以及|而且|并且)?(?:请|要|能|要能)?(?:给|让|叫|不要|别|恢复|退|赔|处罚|查处|查|加强|安排|派|修|拆|清理|清走|整治|整改|取缔|补|换|避免|保证|保障|防止|停止|停工|停|道歉|公开|严|罚|解决|处理|把|增|关|搬|还我|还大家|还给|督促|责令|规范|改|按|到底|谢谢|依法|追究|有个|做|"
    r"核实|调查|重新|设|装|安装|督办|协调|回复|答复|反馈|尽快|马上|立即)"
)
_EVENT_AGAIN: Final = re.compile(
    r"(?:因为|由于|主要是|原因是|事情是|现在|我们已经|我已经|我都|之前|他们|它|已经|昨|今|前|上个?[周月星礼]|每天|天天|晚上|我姓|我叫|我是|我住|我家|地址|地点|电话|我的|联系|这个|这家|那家|不然|否则|孩子|老人|我们|我在|投诉|我要)"
)
_STATEMENT: Final = re.compile(
    r"^(?:喂|你好|您好|哎|嗯|啊|那个|就是|请问一?下?|那|同志|热线|我|们|是|想|要|来|打电话|今天|给你们|向你们|跟你们|这里|这边|在此|特|过来|准备|再|又|实名|匿名|现|强烈|在|家|一个|个|用户|市民)*"
    r"(?:投诉|举报|反映|反应|反馈|求助|建议|表扬|感谢|咨询|申诉|报修|说)(?:一下|一个|下|个|几个|一些|点|一件|件)*(?:情况|问题|事情|事|情|现象|意见|建议)?(?:的)?(?:是|就是|关于)?[：:]?"
)
_TALK: Final = re.compile(
    r"^(?:(?:喂|你好|您好|哎|嗯|啊|哦|呃|好的?|是的?|对的?|那个|这个|就是|就是说|这样的|是这样的?|情况是这样的?|谢谢(?:你们?|您|大家)?|麻烦(?:你|您)了|辛苦了|再见|拜托了?|请问|请记录|同志|说|听得到吗|工作人员|热线|话务员|吧|呢|了|哈|"
    r"我要|我想|我来|我|要|想|打电话|来|反映|投诉|举报|求助|咨询|建议|一下|个|一个|问题|情况|事情|事|的|是|有|在|关于|件|没有了?|没了|就这些|就这样|这些|不知道|不记得了?|忘了|不清楚|记不清了?|行|可以|嗯嗯|转人工|人工|12345))*$"
)
_PARTICULARS: Final = re.compile(
    r"(?:我|我的|本人)?(?:的)?(?:联系)?(?:电话|手机|微信)(?:号码?)?(?:就)?(?:是|：|:)?.{0,20}|就(?:可以|行|好)了?|.{0,8}(?:不(?:太|大)?(?:记得|清楚)|记不清|记不得|忘|说不清)(?:楚|了)*|"
    r"(?:请|你)?(?:记一下|记录一下|登记一下|登记)|打这个电话(?:就行|找我)?"
)
_QUESTION: Final = re.compile(
    r"(?:请问|我想问|想问一?下?|问一下|咨询一?下?|想了解|想咨询|了解一下).*|"
    r".*(?:怎么(?:办理|办(?!啊|呢?$)|申请|提取|查|交|领|弄|开|报|缴|预约|改|补办|转|落户|算|收费的?)|如何(?:办理|申请|查询|提取|办)|需要(?:什么|哪些|带什么|准备)|要(?:带|准备|交)(?:什么|哪些)|要什么(?:材料|手续|条件)|多少钱|在哪里?(?:办|交|领|申请|查)|到哪里?(?:办|交|领|申请)|去哪里?(?:办|交|领|申请)|"
    r"几点(?:上班|下班|开门|关门)|电话(?:号码)?是多少|什么条件|有什么(?:条件|要求|政策|规定)|是什么(?:政策|规定|流程)|能报销吗|(?:是真的|真的|是不是真的|有这回事)吗?|几点(?:有|开|发|到|关|营业)|可以(?:报销|办理|申请|提取|补办|退)吗|多久能(?:办|下来|拿)).*"
)
_TROUBLE: Final = re.compile(
    r"有人[^，]{2,}|非法|噪音|噪声|扰民|油烟|臭|异味|污水|垃圾|欠薪|拖欠|欠(?:我|了|着|我们)|停水|停电|断水|断电|漏水|漏电|积水|堵|坏|破|塌|占道|占用|违建|违停|乱|假|骗|涨价|收费|不退|不给|不让|不肯|不管|没人|没有?|不了|不通|不亮|不行|不到|吵|响|脏|排|倒|偷|砸|摔|掉|撞|罚|骂|打人|态度|服务|故障|"
    r"损|裂|漏|烂|黑|过期|超载|飙车|闯|逆行|拒载|绕路|宰客|推诿|延误|晚点|丢|失踪|死|病|伤|危险|隐患|污染|施工|摆摊|养|遛狗|跳舞|唱歌|放炮|烧|拆|挖|地沟油|虫|变质|发霉|异物|死机|卡顿|强制|违规|违法|无证|歧视|克扣|加班|辞退|裁|工资|押金|退款|假货"
)
_FUNCTION_KINDS: Final = {"v", "vn", "a", "ad", "an", "i", "l", "vi", "vd", "z"}
_EMPTY_VERBS: Final = {
    "投诉",
    "反映",
    "反应",
    "举报",
    "咨询",
    "求助",
    "建议",
    "是",
    "有",
    "要",
    "想",
    "说",
    "问",
    "在",
    "叫",
    "请",
    "知道",
    "住",
    "来",
    "去",
    "姓",
    "打电话",
    "打",
    "觉得",
    "感谢",
    "谢谢",
    "麻烦",
    "希望",
    "要求",
    "看",
    "到",
    "就是",
    "应该",
    "可能",
    "记得",
    "清楚",
    "没有",
    "没",
}


def split_clauses(text: str, introductions: tuple[tuple[int, int], ...] = ()) -> tuple[Clause, ...]:
    """The clauses of ``text`` in order. ``introductions``: where the caller says who they are."""
    found: list[Clause] = []
    for piece in _PIECE.finditer(text):
        start = piece.start()
        for begin, end in (*introductions, (piece.end(), piece.end())):
            if piece.start() <= begin <= piece.end():
                found += _of_piece(text, start, begin, found[-1].kind if found else ClauseKind.OTHER)
                if end > begin:
                    found.append(Clause(ClauseKind.OTHER, begin, min(end, piece.end())))
                start = max(start, end)
    return tuple(clause for clause in found if clause.start < clause.end)


def _of_piece(text: str, start: int, end: int, before: ClauseKind) -> list[Clause]:
    if start >= end:
        return []
    words = text[start:end]
    wish = _wish_in(words)
    if wish is None:
        kind = _kind(words)
        if before is ClauseKind.WISH and kind is not ClauseKind.OTHER and _CONTINUES_A_WISH.match(words):
            kind = ClauseKind.WISH
        return [Clause(kind, start, end)]
    found = [Clause(_kind(words[:wish]), start, start + wish)] if wish else []
    again = _event_after_wish(words, wish)
    found.append(Clause(ClauseKind.WISH, start + wish, start + again))
    if again < len(words):
        found.append(Clause(_kind(words[again:]), start + again, end))
    return found


def _wish_in(words: str) -> int | None:
    """Where the wish begins in ``words``."""
    for match in _WISH.finditer(words):
        head = words[: match.start()]
        if match["cue"].startswith(("建议", "要求", "希望")) and len(words) - match.end() < 2:
            continue
        if (
            not match["lead"]
            and _NOT_A_WISH_BEFORE.search(head)
            and not match["cue"].startswith(("能不能", "能否", "希望", "恳请"))
        ):
            continue
        if match["cue"].startswith("帮") and head and not _WHO_HELPS.search(head):
            continue
        if match["cue"].startswith("建议") and re.search(r"(?:我)?(?:想|要)?(?:提|给|个|有|点|些)$", head):
            continue
        return match.start()
    return None


def _event_after_wish(words: str, wish: int) -> int:
    """Without punctuation a story may go on after the wish: 「希望你们管管我姓王」."""
    for match in re.finditer(
        r"(?:因为|主要是|我姓|我叫|我住在|我的电话|我电话|不然|否则|联系电话|谢谢)", words[wish + 4 :]
    ):
        return wish + 4 + match.start()
    return len(words)


def _kind(words: str) -> ClauseKind:
    if only_talk(words) or _PARTICULARS.fullmatch(words):
        return ClauseKind.OTHER
    if _QUESTION.fullmatch(words):
        return ClauseKind.QUESTION
    return ClauseKind.EVENT


def only_talk(words: str) -> bool:
    """True for 「嗯，好的，就这些」."""
    return _TALK.fullmatch(words) is not None


def event_start(words: str) -> int:
    """How much of ``words`` only announces (我要投诉…, 你好我想反映一下…)."""
    statement = _STATEMENT.match(words)
    return statement.end() if statement else 0


def tells_something(words: str) -> bool:
    """True when ``words`` say that something happened, not only where, when or of whom."""
    bare = words.strip("的了呢啊吧嘛，。 ")
    if len(bare) < 2:
        return False
    if _TROUBLE.search(bare):
        return True
    telling = [token for token in tokens(bare) if token.kind in _FUNCTION_KINDS and token.word not in _EMPTY_VERBS]
    return (len(bare) >= 4 and bool(telling)) or len(bare) >= 7
