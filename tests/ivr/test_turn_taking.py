import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.barge_in import BargeIn
from ivr.endpointing import DIGITS_MISSING_MS, ENDPOINT_MS
from ivr.turn_taking import (
    LONGEST_UTTERANCE_MS,
    SETTLED_WORDS_MS,
    STALE_WORDS_MS,
    WORDLESS_MS,
    NoInputDue,
    OverPrompt,
    SpeechEnded,
    SpeechStarted,
    TurnEvent,
    TurnTaking,
    WordsSettled,
)
from ivr.utterance_forms import Form


def fed(turn: TurnTaking, ms: int, speech: bool) -> list[TurnEvent]:
    return [event for _ in range(ms // 20) for event in turn.frame(20, speech)]


def ended_after(turn: TurnTaking) -> int:
    """Let it be quiet until the utterance ends; returns the silence that it took."""
    for _ in range(250):
        for event in turn.frame(20, False):
            if isinstance(event, SpeechEnded):
                return event.at_ms - event.end_ms
    raise AssertionError("the utterance did not end")


def say(turn: TurnTaking, text: str, ms: int = 1000) -> None:
    fed(turn, ms - 300, True)
    turn.words(text)
    fed(turn, 300, True)


@pytest.mark.parametrize("state", sorted(ENDPOINT_MS))
@pytest.mark.parametrize(
    ("text", "form"), [("", Form.NONE), ("楼上一直漏水", Form.OPEN), ("我想问一下", Form.UNFINISHED)]
)
def test_an_utterance_ends_after_the_silence_of_its_state_and_form(state: str, text: str, form: Form) -> None:
    turn = TurnTaking()
    turn.expect(state, 6)
    fed(turn, 200, False)
    say(turn, text)
    assert ended_after(turn) == ENDPOINT_MS[state][form]
    assert not turn.speaking


def test_an_end_tells_when_it_was_decided() -> None:
    turn = TurnTaking()
    fed(turn, 200, False)
    assert fed(turn, 1000, True) == [SpeechStarted(200)]
    assert fed(turn, 1280, False) == []
    assert fed(turn, 20, False) == [SpeechEnded(200, 1200, 2500, 1000)]


def test_a_pause_within_a_sentence_does_not_end_it() -> None:
    turn = TurnTaking()
    say(turn, "我们小区楼下的")
    assert not any(isinstance(event, SpeechEnded) for event in fed(turn, 1500, False))
    say(turn, "我们小区楼下的烧烤店很吵")
    assert ended_after(turn) == 1500 + 300


def test_the_words_that_came_last_are_given_time_to_show_what_they_are() -> None:
    turn = TurnTaking()
    turn.expect("confirm", 6)
    fed(turn, 400, True)
    fed(turn, 300, False)
    turn.words("对")
    fed(turn, 220, False)
    assert turn.speaking
    assert any(isinstance(event, SpeechEnded) for event in fed(turn, 40, False))


def test_a_number_is_waited_for_until_all_its_digits_are_there() -> None:
    turn = TurnTaking()
    turn.expect("digits", 8, digits=13)
    say(turn, "二零二六")
    assert ended_after(turn) == DIGITS_MISSING_MS


def test_somebody_who_goes_on_after_his_end_is_waited_for_longer_from_then_on() -> None:
    turn = TurnTaking()
    say(turn, "公积金怎么提取")
    first = ended_after(turn)
    fed(turn, 200, False)
    say(turn, "公积金怎么提取")
    assert ended_after(turn) > first


def test_speech_after_an_answer_has_begun_was_not_cut_off() -> None:
    turn = TurnTaking()
    say(turn, "公积金怎么提取")
    first = ended_after(turn)
    turn.prompt_started(barge_in=True)
    turn.prompt_ended()
    say(turn, "公积金怎么提取")
    assert ended_after(turn) == first


def test_long_pauses_heard_earlier_in_the_call_lengthen_it() -> None:
    turn = TurnTaking()
    say(turn, "楼上一直", 1500)
    fed(turn, 1400, False)
    say(turn, "楼上一直漏水", 1500)
    assert ended_after(turn) == 1300 + 400
    fed(turn, 3000, False)
    say(turn, "都没有人来修", 1500)
    assert ended_after(turn) == 1700


def test_words_are_settled_once_they_have_stood() -> None:
    turn = TurnTaking()
    fed(turn, 400, True)
    turn.words("着火")
    events = fed(turn, SETTLED_WORDS_MS + 400, True)
    assert events == [WordsSettled("着火")]
    turn.words("着火了")
    assert fed(turn, SETTLED_WORDS_MS, True) == [WordsSettled("着火了")]


def test_a_click_is_no_speech() -> None:
    turn = TurnTaking()
    assert fed(turn, 60, True) == []
    assert fed(turn, 2000, False) == []


def test_a_cough_over_a_prompt_ducks_it_and_gives_it_back() -> None:
    turn = TurnTaking()
    turn.prompt_started(barge_in=True)
    fed(turn, 1000, False)
    events = [*fed(turn, 240, True), *fed(turn, 600, False)]
    assert events == [
        OverPrompt(1040, BargeIn.DUCK),
        SpeechStarted(1000),
        OverPrompt(1080, BargeIn.DUCK),
        OverPrompt(1420, BargeIn.RESUME),
    ]


def test_a_click_over_a_prompt_ducks_it_for_a_moment_only() -> None:
    turn = TurnTaking()
    turn.prompt_started(barge_in=True)
    assert [*fed(turn, 60, True), *fed(turn, 2000, False)] == [
        OverPrompt(40, BargeIn.DUCK),
        OverPrompt(120, BargeIn.RESUME),
    ]


def test_words_over_a_prompt_stop_it() -> None:
    turn = TurnTaking()
    turn.prompt_started(barge_in=True)
    fed(turn, 540, True)
    turn.words("我要投诉")
    assert fed(turn, 20, True) == [OverPrompt(560, BargeIn.STOP)]
    [ended] = [event for event in fed(turn, 3000, False) if isinstance(event, SpeechEnded)]
    assert ended.over_prompt


def test_a_notice_is_not_stopped_by_speech() -> None:
    turn = TurnTaking()
    turn.prompt_started(barge_in=False)
    assert fed(turn, 2000, True) == [SpeechStarted(0)]


def test_a_prompt_that_starts_while_the_caller_speaks_needs_new_speech_to_be_stopped() -> None:
    turn = TurnTaking()
    say(turn, "我要投诉", 2000)
    turn.prompt_started(barge_in=True)
    assert fed(turn, 580, True) == [OverPrompt(2020, BargeIn.DUCK), WordsSettled("我要投诉")]
    assert fed(turn, 20, True) == [OverPrompt(2600, BargeIn.HOLD)]


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


def test_sound_without_a_word_is_cut_as_noise() -> None:
    turn = TurnTaking()
    events = fed(turn, WORDLESS_MS, True)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]
    assert isinstance(events[-1], SpeechEnded)
    assert events[-1].endless


def test_noise_that_goes_on_behind_the_last_word_does_not_keep_the_turn() -> None:
    turn = TurnTaking()
    say(turn, "公积金怎么提取")
    [ended] = [event for event in fed(turn, STALE_WORDS_MS, True) if isinstance(event, SpeechEnded)]
    assert not ended.endless
    assert ended.at_ms == 700 + STALE_WORDS_MS


def test_speech_without_end_is_cut() -> None:
    turn = TurnTaking()
    events = []
    for number in range(LONGEST_UTTERANCE_MS // 1000):
        turn.words("话" * number)
        events += fed(turn, 1000, True)
    [ended] = [event for event in events if isinstance(event, SpeechEnded)]
    assert ended.at_ms == LONGEST_UTTERANCE_MS


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
