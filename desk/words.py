"""What the desk says to citizens and agents."""

from typing import Final

PROMISE: Final = "现在没有空闲的话务员，已为您登记回拨，话务员会尽快打电话给您。"
PROMISE_IN_TEXT: Final = "现在没有空闲的话务员，您的留言已登记，话务员上班后会在这里回复您；您也可以继续向我提问。"
PROMISE_WITHHELD: Final = (
    "现在没有空闲的话务员，已登记您反映的情况。您的来电没有显示号码，无法回拨，请稍后再拨或在网站、小程序上反映。"
)
PROMISE_ASKED: Final = "好的，已为您登记回拨，话务员会尽快打电话给您。"
NEXT_AGENT: Final = "这位话务员的电话没有接通，正在为您转接其他话务员，请稍候。"
PHONE_DEAD: Final = "话务员的话机没有接通，正在为您转接其他话务员，请稍候。"
CUT_OFF: Final = "与话务员的通话中断了，正在为您重新转接，请稍候。"
AGENT_LOST: Final = "话务员的连接中断了，正在为您转接其他话务员，请稍候。"


def promise_text(channel: str, *, number_known: bool, emergency_number: str) -> str:
    """The promise of a callback, as it may honestly be made; an emergency is never left to wait for one."""
    promise = PROMISE_IN_TEXT if channel != "phone" else PROMISE if number_known else PROMISE_WITHHELD
    return f"紧急情况请直接拨打{emergency_number}。{promise}" if emergency_number else promise


def phone_hint(agent_id: str, sip_code: int) -> str:
    """What is wrong with an agent's phone, and what helps; ``sip_code`` 0: the account has no phone."""
    command = f"在本机运行：./hotline phone --agent {agent_id}，再点“再呼一次话机”"
    match sip_code:
        case 0:
            return f"账号没有登记话机地址。请管理员登记，或{command}"
        case 486 | 600 | 603:
            return f"话机占线或拒接（SIP {sip_code}）。请挂好话机后点“再呼一次话机”"
        case _:
            return f"话机没有接通（SIP {sip_code}）。请检查话机是否开着；没有话机的话，{command}"
