import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.turn_taking import (
    BARGE_IN_MS,
    ENDPOINT_MS,
    LONGEST_UTTERANCE_MS,
    BargeIn,
    NoInputDue,
    SpeechEnded,
    SpeechStarted,
    TurnEvent,
    TurnTaking,
)


def fed(turn: TurnTaking, ms: int, speech: bool) -> list[TurnEvent]:
    return [event for _ in range(ms // 20) for event in turn.frame(20, speech)]


@pytest.mark.parametrize("state", sorted(ENDPOINT_MS))
def test_an_utterance_ends_after_the_silence_of_its_state(state: str) -> None:
    turn = TurnTaking()
    turn.expect(state, 6)
    assert fed(turn, 200, False) == []
    assert fed(turn, 1000, True) == [SpeechStarted(200)]
    assert fed(turn, ENDPOINT_MS[state] - 20, False) == []
    assert fed(turn, 20, False) == [SpeechEnded(200, 1200, 1200 + ENDPOINT_MS[state], 1000)]
    assert not turn.speaking


def test_a_pause_within_a_sentence_does_not_end_it() -> None:
    turn = TurnTaking()
    fed(turn, 800, True)
    assert fed(turn, 700, False) == []
    assert fed(turn, 800, True) == []
    [ended] = fed(turn, 900, False)
    assert isinstance(ended, SpeechEnded)
    assert (ended.start_ms, ended.end_ms, ended.voiced_ms) == (0, 2300, 1600)


def test_words_that_have_long_been_stable_end_it_sooner() -> None:
    turn = TurnTaking()
    fed(turn, 1000, True)
    turn.words("我要投诉")
    fed(turn, 400, True)
    assert fed(turn, 600, False) == []
    [ended] = fed(turn, 40, False)
    assert isinstance(ended, SpeechEnded)
    assert ended.at_ms == 2040


def test_words_that_still_change_do_not() -> None:
    turn = TurnTaking()
    fed(turn, 1400, True)
    turn.words("我要投诉")
    fed(turn, 300, False)
    turn.words("我要投诉工地")
    assert fed(turn, 580, False) == []


def test_a_click_is_no_speech() -> None:
    turn = TurnTaking()
    assert fed(turn, 60, True) == []
    assert fed(turn, 2000, False) == []


def test_barge_in_needs_a_quarter_second() -> None:
    turn = TurnTaking()
    turn.prompt_started(barge_in=True)
    fed(turn, 1000, False)
    events = fed(turn, BARGE_IN_MS - 20, True)
    assert not any(isinstance(event, BargeIn) for event in events)
    assert any(isinstance(event, BargeIn) for event in fed(turn, 40, True))
    assert not any(isinstance(event, BargeIn) for event in fed(turn, 1000, True))


def test_a_notice_is_not_stopped_by_speech() -> None:
    turn = TurnTaking()
    turn.prompt_started(barge_in=False)
    assert fed(turn, 2000, True) == [SpeechStarted(0)]


def test_a_prompt_that_starts_while_the_caller_speaks_needs_new_speech_to_be_stopped() -> None:
    turn = TurnTaking()
    fed(turn, 2000, True)
    turn.prompt_started(barge_in=True)
    assert fed(turn, 240, True) == []
    assert fed(turn, 20, True) == [BargeIn(2260)]


def test_the_no_input_timer_starts_when_the_prompt_ends() -> None:
    turn = TurnTaking()
    turn.expect("open", 6)
    turn.prompt_started(barge_in=True)
    assert fed(turn, 20_000, False) == []
    turn.prompt_ended()
    assert fed(turn, 5980, False) == []
    assert fed(turn, 20, False) == [NoInputDue(1)]
    assert fed(turn, 20_000, False) == []


def test_silences_in_a_row_are_counted_until_words_come() -> None:
    turn = TurnTaking()
    for count in (1, 2):
        turn.prompt_started(barge_in=True)
        turn.prompt_ended()
        assert fed(turn, 6000, False) == [NoInputDue(count)]
    assert turn.nothing_understood() == 3
    turn.heard()
    turn.prompt_ended()
    assert fed(turn, 6000, False) == [NoInputDue(1)]


def test_nothing_is_due_while_we_owe_the_answer() -> None:
    turn = TurnTaking()
    turn.prompt_ended()
    turn.wait_for_reply()
    assert fed(turn, 60_000, False) == []


def test_nothing_is_listened_for_while_others_talk() -> None:
    turn = TurnTaking()
    fed(turn, 1000, True)
    turn.pass_time(5000)
    assert not turn.speaking
    assert turn.now_ms == 6000
    assert fed(turn, 20_000, False) == []


def test_speech_without_end_is_cut() -> None:
    turn = TurnTaking()
    events = fed(turn, LONGEST_UTTERANCE_MS, True)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=30))
def test_starts_and_ends_alternate_and_times_are_in_order(runs: list[tuple[bool, int]]) -> None:
    turn = TurnTaking()
    events = [event for speech, frames in runs for event in fed(turn, frames * 20, speech)]
    inside = False
    start = 0
    for event in events:
        if isinstance(event, SpeechStarted):
            assert not inside
            inside, start = True, event.start_ms
        elif isinstance(event, SpeechEnded):
            assert inside
            assert event.start_ms == start < event.end_ms <= event.at_ms
            assert 0 < event.voiced_ms <= event.end_ms - event.start_ms
            inside = False
    assert turn.speaking == inside
