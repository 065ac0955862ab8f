import asyncio
from datetime import timedelta

import pytest

from config.clock import ManualClock
from config.rulebook_model import OverflowPolicy
from ivr.admission import FULL, FULL_RETRY_AFTER_S, RESTRICTED_FULL, Admission, Answer, Verdict
from ivr.protocol import Admit, AdmitRestricted, CallOffered, Reject, RestrictionRow, Restrictions
from store.vault import Vault
from tests.ivr.scripted_leg import ScriptedLeg, ScriptedVoice

NUMBER = "13800000001"
NOTICE = "您的号码目前被限制。"


class Desk:
    """An admission with a gateway that answers ``answer``."""

    def __init__(
        self,
        vault: Vault,
        clock: ManualClock,
        answer: Answer | None = None,
        lines: int = 2,
        slots: int = 9,
        overflow: OverflowPolicy | None = None,
    ) -> None:
        self.vault, self.clock, self.answer = vault, clock, answer
        self.bridged = 0
        self.asked: list[CallOffered] = []
        self.admission = Admission(
            vault=vault,
            clock=clock,
            ask=self._ask,
            max_calls=lines,
            max_restricted_calls=1,
            default_notice="通用通知。",
            slots=slots,
            overflow=overflow or OverflowPolicy(),
            bridged=lambda: self.bridged,
        )

    async def _ask(self, offered: CallOffered) -> Answer | None:
        self.asked.append(offered)
        return self.answer

    def restrict(self, days: float, version: int = 1, notice: str = NOTICE) -> None:
        ends = self.clock.now() + timedelta(days=days)
        row = RestrictionRow(number_key=self.vault.key(NUMBER), ends_at=ends.isoformat())
        self.admission.table.replace(Restrictions(version=version, rows=(row,), notice=notice))

    def lift(self, version: int) -> None:
        self.admission.table.replace(Restrictions(version=version, rows=(), notice=NOTICE))

    async def decide(self, number: str | None = NUMBER) -> Verdict:
        return await self.admission.decide(ScriptedLeg(ScriptedVoice(), number))


@pytest.fixture
async def desk(vault: Vault, clock: ManualClock) -> Desk:
    return Desk(vault, clock)


async def test_a_restricted_number_gets_the_notice_without_asking(desk: Desk) -> None:
    desk.restrict(days=30)
    assert await desk.decide() == Verdict("restricted", notice=NOTICE)
    assert desk.asked == []


async def test_others_and_withheld_numbers_are_never_restricted_by_the_table(desk: Desk) -> None:
    desk.restrict(days=30)
    assert (await desk.decide("13800000002")).kind == "normal"
    assert (await desk.decide(None)).kind == "normal"


async def test_a_restriction_ends_by_itself(desk: Desk) -> None:
    desk.restrict(days=30)
    desk.clock.advance(30 * 86_400 - 1)
    verdict = await desk.decide()
    assert verdict.kind == "restricted"
    desk.admission.release(verdict)
    desk.clock.advance(1)
    assert (await desk.decide()).kind == "normal"


async def test_lifting_counts_and_an_old_table_does_not(desk: Desk) -> None:
    desk.restrict(days=30, version=4)
    desk.lift(version=5)
    desk.restrict(days=30, version=4)
    assert (await desk.decide()).kind == "normal"


@pytest.mark.parametrize(
    ("answer", "verdict", "unchecked"),
    [
        (Admit(call="call-1"), Verdict("normal"), 0),
        (AdmitRestricted(call="call-1", notice=NOTICE), Verdict("restricted", notice=NOTICE), 0),
        (AdmitRestricted(call="call-1", notice=""), Verdict("restricted", notice="通用通知。"), 0),
        (Reject(call="call-1", code=603), Verdict("rejected", code=603), 0),
        (None, Verdict("normal"), 1),
    ],
)
async def test_without_a_table_the_gateway_is_asked(
    vault: Vault, clock: ManualClock, answer: Answer | None, verdict: Verdict, unchecked: int
) -> None:
    desk = Desk(vault, clock, answer)
    assert await desk.decide() == verdict
    assert [offered.number for offered in desk.asked] == [NUMBER]
    assert desk.admission.unchecked == unchecked


async def test_lines_are_limited_and_given_back(desk: Desk) -> None:
    desk.lift(version=1)
    first = await desk.decide()
    await desk.decide("13800000002")
    assert await desk.decide("13800000003") == Verdict("rejected", code=FULL, retry_after_s=FULL_RETRY_AFTER_S)
    assert desk.admission.calls == 2
    desk.admission.release(first)
    assert (await desk.decide("13800000003")).kind == "normal"


async def test_restricted_callers_have_lines_of_their_own(desk: Desk) -> None:
    desk.restrict(days=30)
    await desk.decide()
    assert await desk.decide() == Verdict("rejected", code=RESTRICTED_FULL)
    assert (await desk.decide("13800000002")).kind == "normal"


async def test_calls_at_the_same_moment_do_not_exceed_the_lines(vault: Vault, clock: ManualClock) -> None:
    desk = Desk(vault, clock, Admit(call="call-1"), lines=3)
    verdicts = await asyncio.gather(*(desk.decide(f"1380000000{number}") for number in range(6)))
    assert [verdict.kind for verdict in verdicts].count("normal") == 3


async def test_without_a_recogniser_a_caller_goes_to_the_queue(vault: Vault, clock: ManualClock) -> None:
    desk = Desk(vault, clock, lines=5, slots=1)
    desk.lift(version=1)
    heard = await desk.decide()
    assert heard == Verdict("normal")
    beyond = await desk.decide("13800000002")
    assert beyond == Verdict("normal", overflow="queue")
    desk.admission.release(beyond)
    assert (await desk.decide("13800000003")).overflow == "queue"
    desk.admission.release(heard)
    assert (await desk.decide("13800000004")).overflow == ""


async def test_or_hears_of_the_other_ways_where_the_city_says_so(vault: Vault, clock: ManualClock) -> None:
    policy = OverflowPolicy(rule="notice", notice="来电较多，可用网站、小程序，或按0排队。紧急请拨110、119、120。")
    desk = Desk(vault, clock, slots=0, overflow=policy)
    desk.lift(version=1)
    assert await desk.decide() == Verdict("normal", notice=policy.notice, overflow="notice")


async def test_a_call_that_an_agent_has_needs_no_recogniser(vault: Vault, clock: ManualClock) -> None:
    desk = Desk(vault, clock, slots=1)
    desk.lift(version=1)
    await desk.decide()
    desk.bridged = 1
    assert (await desk.decide("13800000002")).overflow == ""


async def test_restricted_callers_are_always_listened_to(vault: Vault, clock: ManualClock) -> None:
    """An emergency must be heard (CLAUSES Z24), whatever else goes on."""
    desk = Desk(vault, clock, slots=0)
    desk.restrict(days=30)
    assert await desk.decide() == Verdict("restricted", notice=NOTICE)
