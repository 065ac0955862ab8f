"""What is kept for labelling, and that a turn never suffers for it."""

from collections.abc import Mapping, Sequence

import pytest

from dialog.rasa_client import RasaStep, RasaUnavailable, Resume, Stage
from dialog.unsure import UnsureListener

CLEAR = (("ask", 0.9), ("complain", 0.05))


class Rasa:
    def __init__(self, *steps: RasaStep) -> None:
        self.steps = list(steps)

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: Mapping[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep:
        if not self.steps:
            raise RasaUnavailable("down")
        return self.steps.pop(0)


class Notes:
    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.kept: list[tuple[str, str, str]] = []

    async def note(
        self, conversation_id: str, text: str, stage: str, ranking: Sequence[tuple[str, float]], why: str
    ) -> str | None:
        if self.broken:
            raise OSError("the disk is full")
        self.kept.append((text, stage, why))
        return "id"


def step(act: str, *ranking: tuple[str, float]) -> RasaStep:
    return RasaStep(act, ranking[0][1], ranking, ({"do": "kb_lookup"},))


async def heard(rasa: Rasa, notes: Notes, *texts: str, stage: Stage = Stage.OPEN) -> None:
    listener = UnsureListener(rasa, notes)
    for text in texts:
        await listener.turn("c1", text, {}, False, Resume(stage))
    await listener.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (step("ask", *CLEAR), None),
        (step("ask", ("ask", 0.45), ("complain", 0.1)), "low_confidence"),
        (step("ask", ("ask", 0.55), ("complain", 0.44)), "low_confidence"),
        (step("nlu_fallback", ("nlu_fallback", 0.9), *CLEAR), "fallback"),
    ],
)
async def test_only_what_was_not_clear_is_kept(answer: RasaStep, why: str | None) -> None:
    notes = Notes()
    await heard(Rasa(answer), notes, "夜宵摊的事")
    assert notes.kept == ([("夜宵摊的事", "open", why)] if why else [])


async def test_what_a_citizen_denies_is_kept() -> None:
    notes = Notes()
    denied = step("deny", ("deny", 0.95), ("affirm", 0.02))
    await heard(Rasa(step("ask", *CLEAR), denied), notes, "夜宵摊的事", "不是问这个")
    assert notes.kept == [("夜宵摊的事", "open", "corrected")]


async def test_a_no_to_what_was_read_back_denies_no_act() -> None:
    notes = Notes()
    denied = step("deny", ("deny", 0.95), ("affirm", 0.02))
    await heard(Rasa(step("inform", ("inform", 0.95)), denied), notes, "昨天", "不对", stage=Stage.CONFIRMING)
    assert notes.kept == []


async def test_a_turn_does_not_notice_that_nothing_can_be_kept() -> None:
    await heard(Rasa(step("nlu_fallback", ("ask", 0.2))), Notes(broken=True), "什么")


async def test_a_failing_rasa_fails_as_before() -> None:
    with pytest.raises(RasaUnavailable):
        await heard(Rasa(), Notes(), "什么")
