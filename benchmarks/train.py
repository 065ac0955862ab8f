"""``./hotline bench train``: from new examples to a model in service, with citizens talking all the while.

In a data folder of its own with a Rasa server under a supervisor of its own: a few examples are added, a candidate is
trained, measured on the evaluation set and cross-validated, and promoted by a second person. From just before the swap to
just after it, complaints are told turn after turn through the conversation core. A turn is lost when it raises, or when
Rasa's place had to be taken by the fallback.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.clock import SystemClock
from config.logs import set_up_logs
from config.settings import ROOT, Settings
from dialog import bot_training
from dialog.contract import Channel, Contact, Utterance
from dialog.engine import Dialog
from dialog.factory import build_dialog
from dialog.rasa_client import connect
from gateway.plan import make_plan, write_plan
from gateway.ports import free_ports
from gateway.running import running_status
from gateway.training import build_labels, build_trainer
from knowledge.repository import Repository
from knowledge.search import Search
from knowledge.training import Overview, Trainer
from store.accounts import Account, Role
from store.engine import Database
from store.ids import new_id
from store.vault import Vault

TOTAL_S: Final = 180.0
READY_S: Final = 240.0
EDITOR: Final = Account("bench_editor", Role.EDITOR, "", True)
REVIEWER: Final = Account("bench_reviewer", Role.REVIEWER, "", True)
TALKERS: Final = 3
PAUSE_S: Final = 0.1
AROUND_S: Final = 3.0
"""Talking begins so long before the swap and ends so long after it."""
COMPLAINT: Final = (
    "我要投诉",
    "楼下烧烤店的油烟一直往我家里飘",
    "昨天晚上十点半开始的",
    "在赤坎区海滨大道",
    "我姓王",
    "希望尽快停业整顿",
    "对",
)
ADDED: Final = {
    "complain": ["楼下鸡公煲天天半夜剁骨头咚咚响", "代办公司收了三千块材料都没交上去"],
    "ask_help": ["巷子里的化粪池盖板塌了半边麻烦来垫一下", "奶奶的助听器落在三路车上了帮忙问问"],
    "ask": ["新能源车挂靠外省牌照能过户回来不", "孩子的居住证签注要不要带出生证"],
}


@dataclass
class Talk:
    """What came of the turns that were sent. ``ms`` of each; ``lost``: what went wrong with each lost one."""

    ms: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    dialogues: int = 0
    tickets: int = 0
    across: int = 0
    """Dialogues that began on the old model and ended on the new one."""


def run(settings: Settings, *, as_json: bool) -> int:
    """Measure; 0 when all targets are met."""
    set_up_logs("WARNING")
    with tempfile.TemporaryDirectory(prefix="bench-train-") as folder:
        given: dict[str, Any] = {"data_dir": Path(folder), "city": settings.city, **free_ports()}
        own = Settings(**given)
        bot_training.train_if_needed(own, _tell)
        return publish("train", asyncio.run(measure(own)), as_json=as_json)


async def measure(settings: Settings, *, added: dict[str, list[str]] = ADDED) -> list[Row]:
    """Train, compare, swap under load, and swap back; the figures."""
    database, vault, clock = Database(settings.effective_database_url), Vault(settings), SystemClock()
    try:
        await database.migrate()
        async with serving(settings):
            labels = build_labels(database, vault, clock)
            for act, texts in added.items():
                for text in texts:
                    await labels.add_example(text, act, EDITOR)
            trainer = build_trainer(settings, database, clock, labels)
            started = time.monotonic()
            id = await trainer.start(EDITOR)
            overview = await _trained(trainer)
            trained_s = time.monotonic() - started
            failed = [model.error for model in overview.models if model.id == id and model.error]
            if failed:
                raise RuntimeError(failed[0])
            report = await trainer.report(id)
            async with core(settings, database, vault) as dialog:
                talk, swap_s = await talking(dialog, trainer.promote(id, REVIEWER))
                back, back_s = await talking(dialog, trainer.roll_back(REVIEWER))
    finally:
        await database.close()
    return [*rows(report, trained_s, swap_s, talk), *_talk_rows("roll back", back_s, back)]


def rows(report: dict[str, Any], trained_s: float, swap_s: float, talk: Talk) -> list[Row]:
    """The figures of a promotion. Training and cross-validation go on at the same time, so their sum is no wall clock."""
    parts = report["seconds"]
    return [
        Row("training", parts["train"], "s"),
        Row("evaluation of candidate and live model", parts["judge"], "s"),
        Row("cross-validation beside the training", parts["cross"], "s"),
        Row("train, evaluate and cross-validate", round(trained_s, 1), "s"),
        *_talk_rows("swap", swap_s, talk),
        at_most("total", round(trained_s + swap_s, 1), "s", TOTAL_S),
        Row("candidate accuracy on the evaluation set", report["candidate"]["accuracy"], "share"),
        Row("candidate macro-F1 on the evaluation set", report["candidate"]["macro_f1"], "share"),
        Row("cross-validated accuracy", report["cross_validation"]["accuracy"], "share"),
    ]


def _talk_rows(name: str, seconds: float, talk: Talk) -> list[Row]:
    return [
        Row(name, round(seconds, 1), "s"),
        at_least(f"{name}: turns sent", len(talk.ms), "count", 1),
        at_most(f"{name}: turns lost", len(talk.lost), "count", 0),
        at_least(f"{name}: forms begun before and ended after", talk.across, "count", 1),
        at_least(f"{name}: dialogues that ended in a ticket", talk.tickets, "count", talk.dialogues),
        Row(f"{name}: turn p50", round(percentile(talk.ms, 0.5), 1), "ms"),
        Row(f"{name}: turn p95", round(percentile(talk.ms, 0.95), 1), "ms"),
        Row(f"{name}: turn p99", round(percentile(talk.ms, 0.99), 1), "ms"),
        Row(f"{name}: slowest turn", round(max(talk.ms), 1), "ms"),
    ]


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    """Rasa alone under a supervisor, with the model that the data folder has in service."""
    model = bot_training.model_to_serve(settings, _tell)
    bot_training.note_served(settings, model, settings.rasa_port)
    plan = make_plan(settings, rasa_model=model)
    plan["parts"] = [part for part in plan["parts"] if part["name"] == "rasa"]
    file = write_plan(settings, plan)
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    with (settings.log_dir / "supervisor.log").open("ab") as log:
        supervisor = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, "-m", "gateway.supervisor", str(file)], cwd=ROOT, stderr=log
        )
    try:
        async with asyncio.timeout(READY_S):
            while not (running_status(settings) or {}).get("ready"):
                if supervisor.poll() is not None:
                    raise RuntimeError(f"the supervisor ended; see {settings.log_dir}")
                await asyncio.sleep(0.2)
        yield
    finally:
        supervisor.terminate()
        await asyncio.to_thread(supervisor.wait)


@contextlib.asynccontextmanager
async def core(settings: Settings, database: Database, vault: Vault) -> AsyncIterator[Dialog]:
    """The conversation core over the sample knowledge, with a client that follows the model in service."""
    clock = SystemClock()
    await Repository(database, clock).load_samples()
    search = Search(database, settings, clock)
    await search.refresh_if_changed()
    async with connect(settings, follow=True) as rasa:
        dialog = build_dialog(settings, database, vault, clock, search=search, understanding=rasa)
        await _warm(dialog)
        yield dialog


async def talking(dialog: Dialog, swap: Any) -> tuple[Talk, float]:
    """Have citizens complain while ``swap`` is awaited; what came of it, and the seconds that the swap took."""
    talk, over, swapped = Talk(), asyncio.Event(), asyncio.Event()
    talkers = [asyncio.create_task(_complain(dialog, talk, over, swapped)) for _ in range(TALKERS)]
    await asyncio.sleep(AROUND_S)
    started = time.monotonic()
    try:
        await swap
    finally:
        seconds = time.monotonic() - started
        swapped.set()
        await asyncio.sleep(AROUND_S)
        over.set()
        await asyncio.gather(*talkers)
    return talk, seconds


async def _complain(dialog: Dialog, talk: Talk, over: asyncio.Event, swapped: asyncio.Event) -> None:
    """One complaint after the other; the one under way is told to its end."""
    clock = SystemClock()
    while not over.is_set():
        began_before = not swapped.is_set()
        conversation, _ = await dialog.open(Channel.WEB, Contact(), new_id(), clock.now())
        ticket = False
        for text in COMPLAINT:
            ticket = await _turn(dialog, conversation, text, talk) or ticket
            await asyncio.sleep(PAUSE_S)
        await dialog.close(conversation, "bench", clock.now())
        talk.dialogues += 1
        talk.tickets += ticket
        talk.across += began_before and swapped.is_set() and ticket


async def _warm(dialog: Dialog) -> None:
    """One turn that does not count: it loads dictionaries."""
    clock = SystemClock()
    conversation, _ = await dialog.open(Channel.WEB, Contact(), new_id(), clock.now())
    await dialog.turn(conversation, Utterance("你好"), clock.now())
    await dialog.close(conversation, "bench", clock.now())


async def _turn(dialog: Dialog, conversation: str, text: str, talk: Talk) -> bool:
    """One turn; whether it filed a ticket."""
    started = time.perf_counter()
    try:
        reply = await dialog.turn(conversation, Utterance(text), SystemClock().now())
    except Exception as error:
        talk.lost.append(type(error).__name__)
        return False
    talk.ms.append((time.perf_counter() - started) * 1000)
    if reply.engine == "fallback":
        talk.lost.append("fallback")
    return bool(reply.ticket_no)


async def _trained(trainer: Trainer) -> Overview:
    while (overview := await trainer.overview()).running is not None:
        _tell(f"  {overview.running.step} {overview.running.progress:.0%}")
        await asyncio.sleep(2.0)
    return overview


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def values(measured: Sequence[Row]) -> dict[str, float]:
    """The values by their name."""
    return {row.metric: row.value for row in measured}
