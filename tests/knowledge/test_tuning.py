"""Weights fitted here: what they are fitted on, when they are taken, and how running processes get them."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.errors import HotlineError
from config.settings import Settings
from knowledge.consultations import Consultation, Consultations, Result
from knowledge.entries import sample_entries
from knowledge.ranking import fitted, model_of
from knowledge.repository import Repository
from knowledge.search import Search
from knowledge.tuned import Origin, TunedWeights, shipped_weights
from knowledge.tuning import LEAST_WAYS, Outcome, gathered, reason_against, tuned
from knowledge.tuning_process import LIMIT_S, run
from store.engine import Database
from store.vault import Vault

from .conftest import MakeForm

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
ORIGIN = Origin(AT, 40, 200, 3)
ENTRIES = [replace(entry, similar=entry.similar[:3]) for entry in (form.entry(1) for form in sample_entries()[::6])]

FIRST_ONLY = Outcome(first=True, right=False, wrong=False)
ANSWERED = Outcome(first=True, right=True, wrong=False)
SILENT = Outcome(first=False, right=False, wrong=False)
WRONG = Outcome(first=False, right=False, wrong=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AT)


@pytest.fixture
def kept(settings: Settings) -> TunedWeights:
    return TunedWeights(settings)


def other_words(answer: float = 0.999) -> dict[str, object]:
    """The shipped weights for words, but for the threshold of an answer."""
    words = shipped_weights()["words"]
    return {"words": words | {"thresholds": words["thresholds"] | {"answer": answer}}}


def test_too_few_ways_of_asking_are_refused() -> None:
    with pytest.raises(HotlineError) as refused:
        gathered([replace(entry, similar=()) for entry in ENTRIES], ())
    assert refused.value.code == "too_few_ways"
    with pytest.raises(HotlineError):
        gathered(ENTRIES[:19], ())
    assert gathered(ENTRIES, ()).ways < sum(len(entry.similar) for entry in ENTRIES) >= LEAST_WAYS


def test_what_is_compared_with_was_not_fitted_on() -> None:
    confirmed = [(f"请问{entry.question}该找谁", entry.id) for entry in ENTRIES]
    material = gathered(ENTRIES, confirmed)
    fitted_on, held = {entry.id for entry in material.entries}, {entry.id for entry in material.held_out}
    assert fitted_on
    assert held
    assert not fitted_on & held
    assert {id for _, id in material.confirmed} == fitted_on
    assert {id for _, id in material.held_confirmed} == held
    again = gathered(ENTRIES[1:], ())
    assert {entry.id for entry in again.held_out} == held - {ENTRIES[0].id}


def test_confirmed_answers_that_teach_nothing_are_left_out() -> None:
    entry = gathered(ENTRIES, ()).entries[0]
    pairs = [
        ("怎么弄呀这个", entry.id),
        ("怎么弄呀这个", entry.id),
        (entry.question, entry.id),
        ("早没了", "GONE-1"),
        (" ", entry.id),
    ]
    assert gathered(ENTRIES, pairs).confirmed == (("怎么弄呀这个", entry.id),)


def test_a_large_base_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.tuning.MOST_FITTED", 5)
    monkeypatch.setattr("knowledge.tuning.MOST_BASE", 12)
    material = gathered(ENTRIES, ())
    assert (len(material.entries), len(material.base), material.sampled) == (5, 12, True)
    assert not gathered(ENTRIES[:20], ()).entries[0].similar[10:]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ([ANSWERED] * 50, [ANSWERED] * 50, ""),
        ([FIRST_ONLY] * 50, [ANSWERED] * 50, ""),
        ([ANSWERED] * 50, [ANSWERED] * 49 + [SILENT], "排第一的对的少了"),
        ([SILENT] * 50, [WRONG] * 2 + [SILENT] * 48, ""),
        ([SILENT] * 50, [WRONG] * 5 + [SILENT] * 45, "答错的多了"),
        ([ANSWERED] * 50, [FIRST_ONLY] * 10 + [ANSWERED] * 40, "答对的少了，答错的没有少"),
        ([ANSWERED] * 40 + [WRONG] * 10, [FIRST_ONLY] * 10 + [ANSWERED] * 30 + [SILENT] * 10, ""),
    ],
)
def test_worse_weights_are_told_from_noise(old: list[Outcome], new: list[Outcome], reason: str) -> None:
    assert reason_against(old, new) == reason


@pytest.mark.slow
def test_what_is_not_read_yet_is_tuned_by_words_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.tuning.MOST_UNREAD", -1)
    material = gathered(ENTRIES, [("单位一直没给我缴那个钱", ENTRIES[0].id)])
    steps: list[str] = []
    (part,) = tuned(material, shipped_weights(), tmp_path, lambda step, done, all_: steps.append(step))
    assert part.name == "words"
    assert list(dict.fromkeys(steps)) == ["fit", "compare"]
    assert part.present.asked == part.tuned.asked > part.present.answerable > 0
    assert part.tuned.first > part.tuned.answerable / 2
    assert part.tuned.right + part.tuned.wrong <= part.tuned.asked
    model_of(shipped_weights() | {"words": part.weights})


def test_a_process_that_breaks_off_or_takes_too_long_changes_nothing() -> None:
    for material, seconds in ((None, 0.0), (gathered(ENTRIES, ()), LIMIT_S)):
        with pytest.raises(HotlineError) as failed:
            run(material, shipped_weights(), None, lambda step, done, all_: None, lambda at=seconds: at)  # type: ignore[arg-type,misc]
        assert failed.value.code == "tuning_failed"


async def test_running_searches_take_up_new_weights_and_their_end(
    database: Database, settings: Settings, clock: ManualClock, kept: TunedWeights, make_form: MakeForm
) -> None:
    await Repository(database, clock).publish([make_form("A-1", "公积金怎么提取", "取公积金")])
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    assert search.model is fitted()
    kept.write(other_words(), ORIGIN)
    await search.refresh_if_changed()
    assert search.model.answer == 0.999
    assert search.model.meaning is not None
    kept.write(other_words(0.5), ORIGIN)
    await search.refresh_if_changed()
    assert search.model.answer == 0.5
    assert kept.remove()
    assert not kept.remove()
    await search.refresh_if_changed()
    assert search.model is fitted()


def test_only_numbers_are_kept(kept: TunedWeights) -> None:
    kept.write(other_words(), ORIGIN)
    document = json.loads(kept.file.read_text(encoding="utf-8"))
    assert set(document) == {"format", "features", "made_at", "entries", "ways", "confirmed", "weights"}
    assert list(kept.file.parent.glob(".search-weights-*")) == []


@pytest.mark.parametrize("damage", ["half", "features", "format", "infinite", "missing", "threshold", "list", "large"])
def test_a_file_that_cannot_be_used_is_passed_over(kept: TunedWeights, damage: str) -> None:
    kept.write(other_words(), ORIGIN)
    assert kept.model() is not None
    text = kept.file.read_text(encoding="utf-8")
    document = json.loads(text)
    words = document["weights"]["words"]
    if damage in {"features", "format"}:
        document[damage] = "other"
    elif damage == "infinite":
        words["order"]["words"] = float("inf")
    elif damage == "missing":
        del words["trust"]["lead"]
    elif damage == "threshold":
        words["thresholds"]["answer"] = 0
    elif damage == "list":
        document["weights"] = ["words"]
    content = {"half": text[: len(text) // 2], "large": " " * 2_000_000}.get(damage, json.dumps(document))
    kept.file.write_text(content, encoding="utf-8")
    assert kept.model() is None
    assert kept.weights() == shipped_weights()


def test_a_change_is_seen_once(kept: TunedWeights) -> None:
    assert not kept.changed()
    kept.write(other_words(), ORIGIN)
    assert kept.changed()
    assert not kept.changed()
    os.utime(kept.file, ns=(1, 1))
    assert kept.changed()


async def test_confirmed_answers_are_what_citizens_chose_and_agents_named(
    database: Database, vault: Vault, clock: ManualClock
) -> None:
    log = Consultations(database, vault, clock)
    for number, (result, entry_id) in enumerate(
        [
            (Result.CHOSEN, "A-1"),
            (Result.ANSWERED, "A-2"),
            (Result.AGENT_ANSWERED, "A-3"),
            (Result.AGENT_ANSWERED, None),
            (Result.DENIED, "A-4"),
        ]
    ):
        at = AT + timedelta(minutes=number)
        await log.record(Consultation("c", "p", "web", f"问题{number}", at, result, entry_id=entry_id))
    assert await log.confirmed(AT, 10) == (("问题2", "A-3"), ("问题0", "A-1"))
    assert await log.confirmed(AT, 1) == (("问题2", "A-3"),)
    assert await log.confirmed(AT + timedelta(minutes=1), 10) == (("问题2", "A-3"),)
