"""The act and the next step without Rasa: cues only, on the safe side. A citizen notices no more than plainer words."""

import re
from typing import Any, Final

from dialog.rasa_client import RasaStep, Stage
from dialog.state import State

_PUNCTUATION: Final = re.compile(r"[\s，。！？、,.!?]")
_YES: Final = re.compile(
    r"^(?:嗯+|对+|是|好|行|可以|没错|没问题|正确|确认|就是|同意|登记吧)(?:的|了|啊|呀|吧|对|是|没错)*$"
)
_NO: Final = re.compile(r"^(?:不|没有|错|别|不用)|不对|错了|不是")
_BEGIN: Final[tuple[tuple[str, str, re.Pattern[str]], ...]] = (
    ("report", "report", re.compile(r"举报|检举|揭发")),
    (
        "complain",
        "complaint",
        re.compile(r"投诉|扰民|乱收费|态度(?:差|恶劣|不好)|没人管|不退|拖欠|欠薪|吵得|吵死|霸占|乱停"),
    ),
    (
        "suggest",
        "suggestion",
        re.compile(r"^(?:我)?(?:想|要)?(?:提)?(?:个|一个)?建议|建议(?:在|把|你们|政府|市里|增加|加装)"),
    ),
    ("praise", "praise", re.compile(r"表扬|点赞|锦旗")),
    (
        "ask_help",
        "help",
        re.compile(r"求助|帮帮|帮我(?:解决|处理|反映)|我要反映|反映(?:一下|个)|坏了|停水了|停电了|堵了|漏水"),
    ),
)
_ASKS: Final = re.compile(r"怎么|如何|什么|哪|多少|吗$|呢$|几|能不能|可不可以|可以.*吗|需要|请问|咨询|条件|材料|流程")
_OTHER: Final[tuple[tuple[str, dict[str, Any], re.Pattern[str]], ...]] = (
    ("cancel", {"do": "cancel_ticket"}, re.compile(r"^(?:算了|取消|不登记|不投诉了|不用登记|不办了)")),
    ("repeat", {"do": "repeat"}, re.compile(r"再说一遍|没听清|重复一遍|说什么$")),
    ("progress", {"do": "progress"}, re.compile(r"进度|工单号|办得怎么样|处理得怎么样|查.*工单|催办")),
    ("bye", {"do": "say", "key": "bye"}, re.compile(r"^(?:再见|拜拜|没有了|没事了|没别的了|挂了|就这样)")),
    ("thanks", {"do": "say", "key": "thanks"}, re.compile(r"^(?:谢谢|感谢|多谢)")),
    ("greet", {"do": "say", "key": "greet"}, re.compile(r"^(?:喂)?(?:你好|您好|喂)+$")),
)


def is_yes(text: str) -> bool:
    """A plain yes."""
    return _YES.match(_PUNCTUATION.sub("", text)) is not None


def is_no(text: str) -> bool:
    """A plain no."""
    return _NO.search(_PUNCTUATION.sub("", text)) is not None


def is_question(text: str) -> bool:
    """Words that ask for knowledge."""
    return _ASKS.search(_PUNCTUATION.sub("", text)) is not None


def decide(text: str, state: State, statuses: dict[str, str | None]) -> RasaStep:
    """What Rasa would be asked for, from words alone."""
    words = _PUNCTUATION.sub("", text)
    for act, directive, pattern in _OTHER:
        if pattern.search(words) and not (act == "repeat" and state.stage is Stage.OPEN and state.last_reply is None):
            return _step(act, directive)
    if state.stage is Stage.CONFIRMING:
        if _YES.match(words):
            return _step("affirm", {"do": "submit_ticket"})
        if _NO.search(words):
            return _step("deny", {"do": "change_element"})
        return _step("inform", {"do": "confirm_ticket"})
    if state.stage is Stage.GATHERING:
        return _step("inform", _next(statuses))
    for act, ticket_type, pattern in _BEGIN:
        if pattern.search(words) and not (_ASKS.search(words) and not re.search(r"我要|举报|投诉", words)):
            return _step(act, {"do": "start_ticket", "type": ticket_type}, _next(statuses))
    if _YES.match(words):
        return _step("affirm", {"do": "clarify"})
    if _NO.search(words) and len(words) <= 6:
        return _step("deny", {"do": "clarify"})
    return _step("ask", {"do": "kb_lookup"})


def _next(statuses: dict[str, str | None]) -> dict[str, Any]:
    missing = next((name for name, status in statuses.items() if status is None), None)
    return {"ask": missing} if missing else {"do": "confirm_ticket"}


def _step(act: str, *directives: dict[str, Any]) -> RasaStep:
    return RasaStep(act=act, confidence=0.5, ranking=((act, 0.5),), directives=directives)
