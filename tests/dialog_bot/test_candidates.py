"""Candidates with real processes and a small program in Rasa's place: measured, promoted by another, or nothing at all."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from config.clock import ManualClock
from config.errors import HotlineError
from config.settings import Settings
from dialog import bot_training
from dialog.acts import BotActs
from dialog.candidates import Candidates
from dialog.live_model import LiveModel, read_live, write_live
from dialog.model_change import ModelChanges
from dialog.rasa_process import started_at
from knowledge.contract import Actor
from knowledge.labels import Labels
from knowledge.training import ModelStatus, Overview, TrainingError
from store.accounts import Role
from store.engine import Database
from store.schema import audit, models
from store.vault import Vault
from store.versions import read

EDITOR, REVIEWER, OTHER = Actor("ed", Role.EDITOR), Actor("rev", Role.REVIEWER), Actor("rev2", Role.REVIEWER)
AGENT = Actor("ag", Role.AGENT)
FAKE = """#!{python}
import json, os, pathlib, sys, time
arguments, mode = sys.argv[1:], {mode!r}
assert not [name for name in os.environ if name.startswith("HOTLINE_")]
if "measure" in arguments:
    task = json.loads(pathlib.Path(arguments[-2]).read_text())
    if "judge" in task:
        wanted = {acts}
        acts = {{name: [wanted.get(case["text"], "ask") for case in task["judge"]["cases"]] for name in task["judge"]["models"]}}
        if "candidate" in acts: acts["candidate"][0] = "chitchat"
        answer = {{"acts": acts}}
    else:
        answer = {{"expected": ["ask", "ask", "bye", "bye"], "found": ["ask", "ask", "bye", "ask"]}}
    print("done 1/1", flush=True)
    pathlib.Path(arguments[-1]).write_text(json.dumps(answer))
    sys.exit(0)
print("Starting to train component 'JiebaTokenizer'.", flush=True)
added = pathlib.Path("data/nlu/added.yml")
if mode == "slow": time.sleep(120)
if mode == "big": held = bytearray(700_000_000); time.sleep(120)
if mode == "fails": sys.exit(3)
folder = pathlib.Path(arguments[arguments.index("--out") + 1])
(folder / "model.tar.gz").write_bytes(b"model of " + (added.read_bytes() if added.exists() else b""))
"""


class Workshop:
    """The trainer of one data folder, what swaps models there, and the program in Rasa's place."""

    def __init__(self, settings: Settings, database: Database, vault: Vault, clock: ManualClock, program: Path) -> None:
        self.settings, self.database, self.clock = settings, database, clock
        self.program = program
        self.labels = Labels(database, vault, clock, BotActs())
        self.swapped: list[str] = []
        self.refuses = ""
        self.may_swap = asyncio.Event()
        self.may_swap.set()
        self.behave("works")
        self.trainer = self.again()

    def behave(self, mode: str) -> None:
        wanted = {case.text: case.act for case in BotActs().cases}
        self.program.write_text(FAKE.format(python=sys.executable, mode=mode, acts=wanted), encoding="utf-8")
        self.program.chmod(0o755)

    def again(self) -> Candidates:
        """Another trainer on the same folder, as after a restart of the gateway."""
        return Candidates(self.settings, self.database, self.clock, self.labels, self.swap)

    async def swap(self, model: Path, live: LiveModel) -> None:
        await self.may_swap.wait()
        if self.refuses:
            raise HotlineError("swap_refused", self.refuses)
        assert bot_training.is_sound(model)
        self.swapped.append(live.model)
        self.clock.advance(1)
        write_live(self.settings, live)

    async def until(self, condition: Callable[[Overview], bool], trainer: Candidates | None = None) -> Overview:
        async with asyncio.timeout(60):
            while True:
                if condition(overview := await (trainer or self.trainer).overview()):
                    return overview
                await asyncio.sleep(0.05)

    async def trained(self, text: str, act: str = "complain") -> str:
        """A candidate that learned one more sentence."""
        await self.labels.add_example(text, act, EDITOR)
        id = await self.trainer.start(EDITOR)
        await self.until(lambda overview: overview.running is None)
        self.clock.advance(60)
        return id

    async def laid_down(self, by: Actor, id: str = "c" * 20) -> str:
        """A trained candidate, as a training of ``by`` would have left it."""
        trained = self.settings.data_dir / "trained"
        trained.write_bytes(b"a model")
        bot_training.place(trained, bot_training.model_path(self.settings, id), 1.0)
        row = {"id": id, "created_at": self.clock.now(), "by": by.id, "status": "candidate"}
        sha256 = bot_training.describe(bot_training.model_path(self.settings, id))["sha256"]
        await self.trainer.overview()
        self.clock.advance(60)
        async with self.database.begin() as connection:
            metrics = {"base": bot_training.fingerprint()}
            await connection.execute(insert(models).values(**row, sha256=sha256, metrics=metrics))
        return id

    def job(self, id: str) -> int:
        return int((self.settings.data_dir / "training" / id / "pid").read_text().split()[0])


@pytest.fixture
async def workshop(
    settings: Settings,
    database: Database,
    vault: Vault,
    clock: ManualClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Workshop:
    program = tmp_path / "python"
    monkeypatch.setattr(bot_training, "RASA_PYTHON", program)
    monkeypatch.setattr(bot_training, "SHARED_MODELS", tmp_path / "shared")
    workshop = Workshop(settings, database, vault, clock, program)
    bot_training.train_if_needed(settings, lambda _: None)
    return workshop


async def gone(pid: int) -> bool:
    """Whether a process ends within 20 seconds."""
    for _ in range(400):
        if not started_at(pid):
            return True
        await asyncio.sleep(0.05)
    return False


def only(overview: Overview, id: str) -> Any:
    return next(model for model in overview.models if model.id == id)


async def test_from_an_example_to_the_live_model_and_back(workshop: Workshop) -> None:
    base = bot_training.fingerprint()
    assert (await workshop.trainer.overview()).live is not None
    id = await workshop.trained("楼上天天半夜剁馅")
    model = only(await workshop.trainer.overview(), id)
    assert (model.status, model.by, model.examples, model.error) == (ModelStatus.CANDIDATE, "ed", 1, "")
    report = await workshop.trainer.report(id)
    first = BotActs().cases[0]
    assert report["changed"] == [{"text": first.text, "live": first.act, "candidate": "chitchat", "want": first.act}]
    assert report["live"]["accuracy"] == 1.0 > report["candidate"]["accuracy"] > 0.99
    assert report["candidate"]["confusions"] == [[first.act, "chitchat", 1]]
    assert report["cross_validation"] == {"accuracy": 0.75, "macro_f1": 0.7333, "total": 4, "folds": 4}
    promoted = await workshop.trainer.promote(id, REVIEWER)
    assert (promoted.status, promoted.promoted_by) == (ModelStatus.LIVE, "rev")
    live = read_live(workshop.settings)
    assert live is not None and (live.model, live.base) == (id, base)
    assert bot_training.model_to_serve(workshop.settings, lambda _: None).name == f"{id}.tar.gz"
    back = await workshop.trainer.roll_back(REVIEWER)
    assert (back.id, back.status) == (base, ModelStatus.LIVE)
    assert only(await workshop.trainer.overview(), id).status is ModelStatus.RETIRED
    assert (await workshop.trainer.roll_back(OTHER)).id == id
    assert workshop.swapped == [id, base, id]
    async with workshop.database.connect() as connection:
        assert await read(connection, "model") == 3
        actions = [row.action for row in await connection.execute(select(audit)) if row.action.startswith("model.")]
    assert actions.count("model.promoted") == 1
    assert actions.count("model.rolled_back") == 2


async def test_what_it_learned_from_does_not_stay_in_clear(workshop: Workshop) -> None:
    id = await workshop.trained("楼上天天半夜剁馅")
    folder = workshop.settings.data_dir / "training" / id
    assert [file.name for file in folder.iterdir()] == ["result.json"]
    assert "剁馅" not in (folder / "result.json").read_text(encoding="utf-8")


async def test_two_people_are_needed(workshop: Workshop) -> None:
    id = await workshop.laid_down(REVIEWER)
    for person, code in ((REVIEWER, "second_person"), (EDITOR, "forbidden"), (Actor("", Role.REVIEWER), "forbidden")):
        with pytest.raises(TrainingError) as refusal:
            await workshop.trainer.promote(id, person)
        assert refusal.value.code == code
    assert workshop.swapped == []
    assert (await workshop.trainer.promote(id, OTHER)).status is ModelStatus.LIVE


async def test_who_may_not_may_not(workshop: Workshop) -> None:
    attempts = (
        workshop.trainer.start(AGENT),
        workshop.trainer.cancel(AGENT),
        workshop.trainer.promote("x", AGENT),
        workshop.trainer.roll_back(EDITOR),
    )
    for attempt in attempts:
        with pytest.raises(TrainingError) as refusal:
            await attempt
        assert refusal.value.status == 403


async def test_without_anything_new_there_is_nothing_to_train(workshop: Workshop) -> None:
    with pytest.raises(TrainingError, match="已经在线"):
        await workshop.trainer.start(EDITOR)
    await workshop.trained("楼上天天半夜剁馅")
    with pytest.raises(TrainingError, match="等待上线"):
        await workshop.trainer.start(EDITOR)
    with pytest.raises(TrainingError, match="没有可以退回的模型"):
        await workshop.trainer.roll_back(REVIEWER)


@pytest.mark.slow
async def test_one_at_a_time_and_a_new_gateway_finds_it_and_can_cancel_it(workshop: Workshop) -> None:
    workshop.behave("slow")
    await workshop.labels.add_example("楼上天天半夜剁馅", "complain", EDITOR)
    id = await workshop.trainer.start(EDITOR)
    await workshop.labels.add_example("楼下天天半夜剁骨头", "complain", EDITOR)
    other = workshop.again()
    overview = await workshop.until(lambda found: bool(found.running and found.running.step == "分词"), other)
    assert overview.running is not None
    assert (overview.running.id, overview.running.started_at) == (id, workshop.clock.now())
    assert 0 < overview.running.progress < 1
    with pytest.raises(TrainingError) as refusal:
        await other.start(EDITOR)
    assert refusal.value.code == "busy"
    job = workshop.job(id)
    await other.cancel(EDITOR)
    overview = await workshop.until(lambda found: found.running is None, other)
    assert only(overview, id).error == "已取消"
    assert await gone(job)
    assert not bot_training.model_path(workshop.settings, id).exists()
    workshop.behave("works")
    again = await other.start(EDITOR)
    overview = await workshop.until(lambda found: found.running is None, other)
    assert only(overview, again).status is ModelStatus.CANDIDATE


@pytest.mark.slow
async def test_a_killed_training_leaves_no_half_candidate(workshop: Workshop) -> None:
    workshop.behave("slow")
    await workshop.labels.add_example("楼上天天半夜剁馅", "complain", EDITOR)
    id = await workshop.trainer.start(EDITOR)
    await workshop.until(lambda found: bool(found.running and found.running.step == "分词"))
    os.kill(workshop.job(id), signal.SIGKILL)
    overview = await workshop.until(lambda found: found.running is None)
    assert only(overview, id).status is ModelStatus.FAILED
    assert "意外结束" in only(overview, id).error
    assert not bot_training.model_path(workshop.settings, id).exists()
    with pytest.raises(TrainingError) as refusal:
        await workshop.trainer.promote(id, REVIEWER)
    assert refusal.value.code == "not_ready"
    workshop.behave("works")
    assert await workshop.trainer.start(EDITOR) == id
    overview = await workshop.until(lambda found: found.running is None)
    assert only(overview, id).status is ModelStatus.CANDIDATE


@pytest.mark.parametrize(
    ("mode", "changes", "says"),
    [
        ("fails", {}, "退出码 3"),
        ("big", {"training_memory_mb": 500}, "超过上限 500 MB"),
        ("slow", {"training_limit_s": 4.0}, "秒仍没有完成"),
    ],
)
async def test_a_training_that_fails_says_why(
    workshop: Workshop, mode: str, changes: dict[str, Any], says: str
) -> None:
    workshop.behave(mode)
    workshop.settings = workshop.settings.model_copy(update=changes)
    workshop.trainer = workshop.again()
    id = await workshop.trained("楼上天天半夜剁馅")
    model = only(await workshop.trainer.overview(), id)
    assert model.status is ModelStatus.FAILED
    assert says in model.error
    assert not bot_training.model_path(workshop.settings, id).exists()


async def test_a_swap_that_fails_leaves_the_old_model_live(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    workshop.refuses = "新的进程启动后退出了"
    with pytest.raises(TrainingError, match="原来的继续服务") as refusal:
        await workshop.trainer.promote(id, REVIEWER)
    assert (refusal.value.code, refusal.value.status) == ("swap_failed", 503)
    overview = await workshop.trainer.overview()
    assert overview.live is not None and overview.live.id == bot_training.fingerprint()
    assert only(overview, id).status is ModelStatus.CANDIDATE


async def test_a_damaged_or_exchanged_model_is_not_promoted(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    model = bot_training.model_path(workshop.settings, id)
    model.write_bytes(b"another")
    with pytest.raises(TrainingError, match="已损坏"):
        await workshop.trainer.promote(id, REVIEWER)
    bot_training.place(model, model, 1.0)
    assert bot_training.is_sound(model)
    with pytest.raises(TrainingError, match="已损坏"):
        await workshop.trainer.promote(id, REVIEWER)
    assert (await workshop.trainer.overview()).changing is None


async def test_a_crash_between_swap_and_books_is_made_good(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    write_live(workshop.settings, LiveModel(id, bot_training.fingerprint(), 1))
    overview = await workshop.again().overview()
    assert overview.live is not None and overview.live.id == id


async def test_a_model_of_another_release_is_not_served(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    write_live(workshop.settings, LiveModel(id, "0" * 20, 0))
    told: list[str] = []
    assert bot_training.model_to_serve(workshop.settings, told.append).name.startswith(bot_training.fingerprint())
    assert any("另一版程序" in sentence for sentence in told)


async def test_a_promotion_answers_at_once_and_is_watched_from_anywhere(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    workshop.may_swap.clear()
    assert await workshop.trainer.begin_promotion(id, REVIEWER) == id
    other = workshop.again()
    changing = (await other.overview()).changing
    assert changing is not None
    assert (changing.id, changing.by, changing.running, changing.error) == (id, "rev", True, "")
    for trainer in (workshop.trainer, other):
        with pytest.raises(TrainingError) as refusal:
            await trainer.begin_promotion(id, REVIEWER)
        assert refusal.value.code == "busy"
    workshop.may_swap.set()
    overview = await workshop.until(lambda found: found.changing is None, other)
    assert overview.live is not None and overview.live.id == id
    assert await workshop.trainer.begin_roll_back(REVIEWER) == bot_training.fingerprint()
    overview = await workshop.until(lambda found: found.changing is None, other)
    assert overview.live is not None and overview.live.id == bot_training.fingerprint()


async def test_a_promotion_that_fails_later_says_why_to_everybody(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    workshop.refuses = "新的进程启动后退出了"
    await workshop.trainer.begin_promotion(id, REVIEWER)
    other = workshop.again()
    overview = await workshop.until(lambda found: found.changing is None or not found.changing.running, other)
    assert overview.changing is not None
    assert "原来的继续服务：新的进程启动后退出了" in overview.changing.error
    workshop.refuses = ""
    await workshop.trainer.promote(id, REVIEWER)
    assert (await other.overview()).changing is None


async def test_a_promotion_that_died_with_its_gateway_is_told_as_what_it_was(workshop: Workshop) -> None:
    id = await workshop.laid_down(EDITOR)
    changes = ModelChanges(workshop.settings)
    os.close(await changes.begin(id, "rev", workshop.clock.now()))
    changing = (await workshop.trainer.overview()).changing
    assert changing is not None
    assert (changing.running, "中途停止" in changing.error) == (False, True)
    write_live(workshop.settings, LiveModel(id, bot_training.fingerprint(), 1))
    assert (await workshop.trainer.overview()).changing is None
    with pytest.raises(TrainingError, match="不是待上线"):
        await workshop.trainer.begin_promotion(id, REVIEWER)


def age(workshop: Workshop) -> None:
    """Make all model files two days old."""
    for file in bot_training.model_path(workshop.settings).parent.iterdir():
        os.utime(file, (time.time() - 2 * 86400,) * 2)


def kept(workshop: Workshop) -> set[str]:
    """The models whose files are there, each with its seal."""
    folder = bot_training.model_path(workshop.settings).parent
    models, seals = ({file.name.removesuffix(end) for file in folder.glob(f"*{end}")} for end in (".tar.gz", ".json"))
    assert models == seals
    return models


async def test_old_models_go_and_those_in_use_stay(workshop: Workshop) -> None:
    base = bot_training.fingerprint()
    ids = [await workshop.laid_down(EDITOR, f"{number:020}") for number in range(8)]
    age(workshop)
    left = bot_training.model_path(workshop.settings).with_name(".placing-crash")
    left.write_bytes(b"half")
    age(workshop)
    await workshop.trainer.promote(ids[0], REVIEWER)
    assert kept(workshop) == {base, ids[0], *ids[3:]}
    assert not left.exists()
    overview = await workshop.trainer.overview()
    assert [model.id for model in overview.candidates] == ids[:2:-1]
    assert "已清理" in only(overview, ids[1]).error
    with pytest.raises(TrainingError, match="不是待上线"):
        await workshop.trainer.promote(ids[1], REVIEWER)
    assert (await workshop.trainer.roll_back(OTHER)).id == base
    assert (await workshop.trainer.roll_back(OTHER)).id == ids[0]
    await workshop.trainer.promote(ids[7], REVIEWER)
    assert kept(workshop) == {base, ids[0], *ids[3:]}, (
        "the live one, the one before it, the program's own, the candidates"
    )
    await workshop.trainer.promote(ids[6], REVIEWER)
    assert kept(workshop) == {base, *ids[3:]}, "what was live before the last is no longer wanted"
    assert (await workshop.trainer.roll_back(OTHER)).id == ids[7]


async def test_young_files_and_those_of_a_change_under_way_stay(workshop: Workshop) -> None:
    foreign = bot_training.model_path(workshop.settings, "f" * 20)
    trained = workshop.settings.data_dir / "trained"
    trained.write_bytes(b"another release's model, about to be served")
    bot_training.place(trained, foreign, 1.0)
    id = await workshop.laid_down(EDITOR)
    await workshop.trainer.promote(id, REVIEWER)
    assert foreign.name.removesuffix(".tar.gz") in kept(workshop)
    age(workshop)
    lock = await ModelChanges(workshop.settings).begin(id, "rev", workshop.clock.now())
    await workshop.trainer._tidy()
    assert foreign.exists()
    ModelChanges(workshop.settings).end(lock)
    await workshop.trainer._tidy()
    assert kept(workshop) == {bot_training.fingerprint(), id}
