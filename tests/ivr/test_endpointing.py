import pytest

from ivr.endpointing import (
    DIGITS_COMPLETE_MS,
    DIGITS_MISSING_MS,
    DIGITS_MS,
    ENDPOINT_MS,
    LONGEST_MS,
    Pace,
    silence_needed_ms,
)
from ivr.utterance_forms import Form


def needed(state: str, text: str, pace: Pace | None = None, digits: int = 0) -> int:
    return silence_needed_ms(state, text, pace or Pace(), digits=digits)


def test_an_open_question_waits_longer_than_yes_or_no() -> None:
    assert needed("open", "楼上一直漏水") > 2 * needed("confirm", "对")
    for form in Form:
        assert ENDPOINT_MS["open"][form] >= ENDPOINT_MS["confirm"][form]


def test_an_unfinished_sentence_waits_longest_and_a_whole_question_shortest() -> None:
    waits = [needed("open", text) for text in ("公积金怎么提取", "楼上一直漏水", "楼上一直漏水因为")]
    assert waits == sorted(waits)
    assert len(set(waits)) == 3


def test_pauses_of_more_than_a_second_lie_within_what_may_go_on() -> None:
    for state in ("open", "element"):
        assert needed(state, "工地天天施工") > 1200


def test_an_unknown_state_listens_as_open() -> None:
    assert needed("waiting", "公积金怎么提取") == needed("open", "公积金怎么提取")


def test_a_number_is_waited_for_until_it_is_whole() -> None:
    assert needed("digits", "二零二六一一", digits=13) == DIGITS_MISSING_MS
    assert needed("digits", "2026112100001", digits=13) == DIGITS_COMPLETE_MS
    assert needed("digits", "二零二六") == DIGITS_MS


def test_a_caller_who_pauses_long_is_given_more_time() -> None:
    pace = Pace()
    before = needed("open", "楼上一直漏水", pace)
    pace.pause(1300)
    pace.utterance(3000)
    assert needed("open", "楼上一直漏水", pace) >= 1600 > before
    assert needed("confirm", "对", pace) == needed("confirm", "对")


def test_a_caller_who_never_pauses_is_answered_sooner() -> None:
    pace = Pace()
    for _ in range(3):
        pace.utterance(2500)
    assert needed("open", "楼上一直漏水", pace) < needed("open", "楼上一直漏水")
    assert needed("open", "公积金怎么提取", pace) == needed("open", "公积金怎么提取")
    pace.pause(1100)
    pace.utterance(2500)
    assert needed("open", "楼上一直漏水", pace) > 1200


def test_short_answers_say_nothing_about_how_somebody_pauses() -> None:
    pace = Pace()
    for _ in range(5):
        pace.utterance(400)
    assert needed("open", "楼上一直漏水", pace) == needed("open", "楼上一直漏水")


def test_somebody_who_was_cut_off_is_waited_for_next_time() -> None:
    pace = Pace()
    pace.cut_off(1000)
    assert needed("open", "公积金怎么提取", pace) >= 1200
    assert needed("confirm", "对", pace) > needed("confirm", "对")


@pytest.mark.parametrize("state", [*ENDPOINT_MS, "digits"])
def test_nobody_is_waited_for_without_end(state: str) -> None:
    pace = Pace()
    pace.pause(9000)
    pace.utterance(5000)
    pace.cut_off(9000)
    for text in ("", "对", "楼上一直漏水", "因为"):
        assert needed(state, text, pace) <= LONGEST_MS
