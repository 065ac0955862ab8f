"""The filing clock of policies, 第十八条（二）: filed 3 to 10 working days before publication, official text on the day."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from knowledge.contract import Kind
from knowledge.working_days import working_days_until

LEAST_DAYS: Final = 3
MOST_DAYS: Final = 10


@dataclass(frozen=True, slots=True)
class Filing:
    """How a policy stands to its clock. ``working_days`` ahead of the day it takes effect; ``None``: not computable yet.

    ``warning``: filed too late or too early, or not computable; ``alarm``: the day has come and the official text has
    not. Both empty: all is well.
    """

    working_days: int | None
    warning: str = ""
    alarm: str = ""


def filing(kind: str, filed_on: date, effective_at: date, official: str, today: date) -> Filing | None:
    """How an entry filed on ``filed_on`` stands; ``None`` for what is no policy."""
    if kind != Kind.POLICY:
        return None
    ahead = working_days_until(filed_on, effective_at)
    return Filing(ahead, _warning(ahead, filed_on, effective_at), _alarm(effective_at, official, today))


def _warning(ahead: int | None, filed_on: date, effective_at: date) -> str:
    if ahead is None:
        years = "、".join(str(year) for year in range(filed_on.year, effective_at.year + 1))
        return f"{years} 年的节假日安排没有全部公布，算不出提前了几个工作日，请人工核对"
    if ahead < LEAST_DAYS:
        return f"只提前了 {ahead} 个工作日报送，规定提前 {LEAST_DAYS} 至 {MOST_DAYS} 个工作日，请尽快审核并提醒报送单位"
    if ahead > MOST_DAYS:
        return f"提前了 {ahead} 个工作日报送，规定提前 {LEAST_DAYS} 至 {MOST_DAYS} 个工作日，发布前请再核对一次内容"
    return ""


def _alarm(effective_at: date, official: str, today: date) -> str:
    if official or today < effective_at:
        return ""
    return f"发布日是 {effective_at}，还没有官方正文，请立即向报送单位要来补上"
