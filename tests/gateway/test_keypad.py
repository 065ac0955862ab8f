"""Keys on a virtual clock: answers, numbers, keys typed ahead."""

import asyncio

from dialog.contract import Expectation
from gateway.keypad import DIGITS_PAUSE_S, Keypad
from tests.ivr.virtual_time import run_virtually

NUMBER = "2026112100001"


class Typing:
    def __init__(self) -> None:
        self.got: list[str] = []
        self.keypad = Keypad(self.got.append)

    def press(self, keys: str, *, busy: bool = False) -> None:
        for key in keys:
            self.keypad.press(key, busy=busy)


def test_each_key_is_an_answer_where_no_number_is_asked_for() -> None:
    async def script() -> None:
        typing = Typing()
        typing.press("12")
        assert typing.got == ["1", "2"]

    run_virtually(script())


def test_a_number_is_complete_by_its_length_by_hash_or_by_a_pause() -> None:
    async def script() -> None:
        typing = Typing()
        typing.keypad.expected(Expectation("digits", digits=13))
        typing.press(NUMBER)
        assert typing.got == [NUMBER]
        typing.press("204#")
        assert typing.got[1:] == ["204"]
        typing.press("77")
        await asyncio.sleep(DIGITS_PAUSE_S - 0.1)
        assert typing.got[2:] == []
        await asyncio.sleep(0.2)
        assert typing.got[2:] == ["77"]

    run_virtually(script())


def test_a_number_typed_before_the_question_answers_it_whole() -> None:
    async def script() -> None:
        typing = Typing()
        typing.press(NUMBER, busy=True)
        assert typing.got == []
        typing.keypad.expected(Expectation("digits", digits=13))
        assert typing.got == [NUMBER]

    run_virtually(script())


def test_keys_typed_ahead_answer_one_question_after_the_other() -> None:
    async def script() -> None:
        typing = Typing()
        typing.press("12", busy=True)
        typing.keypad.expected(Expectation("choose"))
        assert typing.got == ["1"]
        typing.keypad.expected(Expectation("choose"))
        assert typing.got == ["1", "2"]

    run_virtually(script())


def test_the_key_for_a_person_waits_for_nothing() -> None:
    async def script() -> None:
        typing = Typing()
        typing.press("0", busy=True)
        assert typing.got == ["0"]

    run_virtually(script())


def test_what_was_keyed_in_is_forgotten_with_the_call() -> None:
    async def script() -> None:
        typing = Typing()
        typing.keypad.expected(Expectation("digits"))
        typing.press("20")
        typing.keypad.close()
        await asyncio.sleep(2 * DIGITS_PAUSE_S)
        assert typing.got == []

    run_virtually(script())
