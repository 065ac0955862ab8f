"""The door for restricted callers, by itself: what opens it, and when it ends the call."""

import pytest

from config.rulebook import load_rulebook
from ivr.emergency_words import EmergencyWords
from ivr.restricted_call import GRACE_MS, LAST_WORDS_MS, LET_THROUGH_KEYS, OVERFLOW_KEYS, RestrictedCall

ZHANJIANG = EmergencyWords(load_rulebook("zhanjiang"))


@pytest.fixture
def call() -> RestrictedCall:
    return RestrictedCall(ZHANJIANG, "您的号码受限。")


@pytest.mark.parametrize(
    ("said", "incident"),
    [("着火了", "fire"), ("煤气泄漏", "gas"), ("有人持刀砍人", "police"), ("我要投诉", None), ("你们都是骗子", None)],
)
def test_only_an_emergency_opens_it_by_words(call: RestrictedCall, said: str, incident: str | None) -> None:
    """CLAUSES Z24."""
    assert call.words(said) == incident


def test_its_key_is_1_and_that_of_the_overflow_notice_0_too(call: RestrictedCall) -> None:
    keys = "0123456789*#"
    assert [key for key in keys if call.key(key)] == list(LET_THROUGH_KEYS) == ["1"]
    overflow = RestrictedCall(ZHANJIANG, "来电较多。", OVERFLOW_KEYS)
    assert [key for key in keys if overflow.key(key)] == ["0", "1"]


def test_it_ends_a_moment_after_the_notice_and_hears_out_who_is_speaking(call: RestrictedCall) -> None:
    assert not call.over(60_000, speaking=False)
    call.notice_said(8000)
    assert not call.over(8000 + GRACE_MS - 20, speaking=False)
    assert call.over(8000 + GRACE_MS, speaking=False)
    assert not call.over(8000 + GRACE_MS, speaking=True)
    assert call.over(8000 + LAST_WORDS_MS, speaking=True)
    call.closing = True
    assert not call.over(60_000, speaking=False)
