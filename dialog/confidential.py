"""State and business secrets that somebody is about to tell (CLAUSES Z14): not written down, not recorded, a person takes over. Pure.

Asking about secrets, or reporting who leaked some, is everyday business and is heard like any other matter.
"""

import re
from typing import Final

_CLASSIFIED: Final = r"(?:绝密|机密|涉密|国家秘密|军事秘密|工作秘密|商业秘密|不对外公开的(?:文件|数据|技术))"
_TELLS: Final = re.compile(
    rf"(?:这|那|下面|接下来|里面)(?:可|都|份|个|些)?(?:是|属于).{{0,4}}?{_CLASSIFIED}|"
    rf"(?:我|我们|手上|手里|这里|这儿)(?:手上|手里|这里|这儿|单位|公司|部队)?(?:还)?(?:有|拿到|掌握|知道|看到|弄到).{{0,6}}?{_CLASSIFIED}|"
    rf"(?:标着|标了|写着|盖着|印着|定为).{{0,3}}?{_CLASSIFIED}"
)
_ASKS_ABOUT: Final = re.compile(
    r"怎么|如何|什么|算不算|是不是|属不属于|会不会|能不能|哪|吗|举报|投诉|泄露|泄密|外泄|侵犯|盗用|保护|保密费|资质|岗位"
)


def confidential(text: str) -> bool:
    """Whether the speaker says that what he tells is secret."""
    return bool(_TELLS.search(text)) and not _ASKS_ABOUT.search(text)


def without_confidences(text: str) -> str:
    """``text`` with everything but the announcement blotted out, equally long."""
    found = _TELLS.search(text)
    if found is None:
        return text
    return "＊" * found.start() + found.group() + "＊" * (len(text) - found.end())
