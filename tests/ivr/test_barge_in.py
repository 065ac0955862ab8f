import pytest

from ivr.barge_in import DECIDED_MS, HELD_MOST_MS, BargeIn, BargeInWatch


class Prompt:
    """A stretch of speech over a prompt, from its first 80 ms on; collects what was decided and when."""

    def __init__(self) -> None:
        self.watch = BargeInWatch(0, 80)
        self.now = 80
        self.decided: list[tuple[int, BargeIn]] = []
        self._frame(False, 0)

    def _frame(self, speech: bool, ms: int = 20) -> None:
        self.now += ms
        do = self.watch.frame(self.now, ms, speech=speech)
        if do:
            self.decided.append((self.now, do))

    def sound(self, ms: int) -> "Prompt":
        for _ in range(ms // 20):
            self._frame(True)
        return self

    def quiet(self, ms: int) -> "Prompt":
        for _ in range(ms // 20):
            self._frame(False)
        return self

    def words(self, text: str) -> "Prompt":
        self.watch.words(text)
        return self

    @property
    def done(self) -> list[BargeIn]:
        return [do for _, do in self.decided]


def test_a_prompt_is_ducked_at_the_first_sound() -> None:
    assert Prompt().decided == [(80, BargeIn.DUCK)]


@pytest.mark.parametrize("ms", [40, 160, 300, 400])
def test_a_cough_lets_the_prompt_go_on(ms: int) -> None:
    prompt = Prompt().sound(ms).quiet(1000)
    assert prompt.done == [BargeIn.DUCK, BargeIn.RESUME]
    assert prompt.decided[-1][0] <= DECIDED_MS + 60


def test_sound_without_a_voice_never_silences_it_however_long() -> None:
    assert Prompt().sound(5000).done == [BargeIn.DUCK, BargeIn.RESUME]


@pytest.mark.parametrize("words", ["名", "之", "知道", "根本"])
def test_words_that_may_become_a_back_channel_are_waited_for(words: str) -> None:
    prompt = Prompt().words("").sound(440).words(words).sound(200)
    assert prompt.done == [BargeIn.DUCK, BargeIn.RESUME]
    prompt.words("名字叫什么").sound(20)
    assert prompt.done[-1] is BargeIn.STOP


@pytest.mark.parametrize("words", ["嗯", "好的", "对对对"])
@pytest.mark.parametrize("ms", [200, 400, 700, 900])
def test_a_back_channel_lets_the_prompt_go_on(words: str, ms: int) -> None:
    prompt = Prompt().sound(240).words(words).sound(ms - 240).quiet(1000)
    assert prompt.done == [BargeIn.DUCK, BargeIn.RESUME]


def test_words_stop_it_as_soon_as_they_are_recognised() -> None:
    prompt = Prompt().sound(440).words("我要投诉").sound(200)
    assert prompt.decided[1:] == [(540, BargeIn.STOP)]


def test_two_characters_or_words_out_of_too_little_voice_do_not_stop_it() -> None:
    for words in ("根据", "我要投诉"):
        assert Prompt().sound(200).words(words).sound(100).quiet(900).done == [BargeIn.DUCK, BargeIn.RESUME]


def test_a_voice_that_goes_on_silences_it_even_before_a_word_is_known() -> None:
    prompt = Prompt().sound(100).words("").sound(800)
    assert prompt.done == [BargeIn.DUCK, BargeIn.HOLD]
    assert prompt.decided[-1][0] <= DECIDED_MS
    prompt.words("公积金怎么").sound(20)
    assert prompt.done[-1] is BargeIn.STOP


def test_a_held_prompt_goes_on_when_the_words_turn_out_to_be_a_back_channel() -> None:
    prompt = Prompt().words("").sound(700).words("知道了").quiet(300)
    assert prompt.done == [BargeIn.DUCK, BargeIn.HOLD, BargeIn.RESUME]


def test_a_held_prompt_goes_on_when_no_word_comes() -> None:
    prompt = Prompt().words("").sound(800 + HELD_MOST_MS)
    assert prompt.done == [BargeIn.DUCK, BargeIn.HOLD, BargeIn.RESUME]
    assert prompt.sound(5000).done[-1] is BargeIn.RESUME


def test_words_that_come_late_still_stop_it() -> None:
    prompt = Prompt().sound(460).quiet(400)
    prompt.words("转人工").quiet(20)
    assert prompt.done == [BargeIn.DUCK, BargeIn.RESUME, BargeIn.STOP]


def test_a_back_channel_that_becomes_a_sentence_stops_it() -> None:
    prompt = Prompt().sound(260).words("好的").sound(400).words("好的那我问一下").sound(20)
    assert prompt.done == [BargeIn.DUCK, BargeIn.RESUME, BargeIn.STOP]


def test_one_character_is_not_enough() -> None:
    assert Prompt().sound(200).words("可").quiet(400).done == [BargeIn.DUCK, BargeIn.RESUME]


def test_words_from_before_the_prompt_do_not_count() -> None:
    watch = BargeInWatch(1000, 0, "我要投诉")
    watch.words("我要投诉")
    assert watch.frame(1020, 20, speech=True) is BargeIn.DUCK
    assert watch.frame(1040, 20, speech=True) is None
    watch.words("我要投诉楼下的")
    assert [watch.frame(1060 + at, 20, speech=True) for at in range(0, 500, 20)].count(BargeIn.STOP) == 1


def test_an_utterance_that_ends_undecided_gives_the_prompt_back() -> None:
    assert Prompt().watch.over() is BargeIn.RESUME
    assert Prompt().sound(500).words("我要投诉").sound(20).watch.over() is None
