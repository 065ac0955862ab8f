"""Trains candidates, compares them, puts them into service: implements :class:`knowledge.training.Trainer`.

A training runs in a process of its own (:mod:`dialog.training_job`), one at a time for a data folder: it holds the lock
``training/lock``, so whoever else looks, in whatever process, knows that it is at work, and a gateway that was restarted
finds it again. Rows of ``models`` follow what the files say.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from config.errors import HotlineError
from config.settings import ROOT, Settings
from dialog import bot_training, model_store
from dialog.live_model import LiveModel, read_live
from dialog.model_change import ModelChanges
from dialog.rasa_process import started_at
from dialog.training_files import LOCK, at_work, document_in, job_pid, lock_of
from dialog.training_job import Task
from knowledge.labels import LABELLERS, Labels
from knowledge.training import Model, ModelStatus, Overview, Person, Running, TrainingError
from store import audit, versions
from store.engine import Database
from store.schema import models

log = structlog.get_logger("training")

VERSION_NAME: Final = "model"
REVIEWER: Final = "reviewer"
_SHOWN: Final = 50

Swap = Callable[[Path, LiveModel], Awaitable[None]]
"""Puts a model into service without losing a turn and writes ``live.json``; raises :class:`HotlineError` and leaves the
old one serving. The port in the given :class:`LiveModel` is the swap's to choose."""


class Candidates:
    """See :class:`knowledge.training.Trainer`. ``watched``: the process whose end also ends a training; 0: ours."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        labels: Labels,
        swap: Swap,
        *,
        watched: int = 0,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._labels = labels
        self._swap = swap
        self._watched = watched or os.getpid()
        self._changes = ModelChanges(settings)
        self._changing: set[asyncio.Task[Model]] = set()

    async def start(self, by: Person) -> str:
        """Begin to train; raises ``forbidden``, ``busy``, ``nothing_new``."""
        if by.role not in LABELLERS or not by.id:
            raise TrainingError("forbidden", "只有知识编辑与知识审核可以开始训练")
        examples = [(one.text, one.label) for one in await self._labels.added()]
        known = await self.overview()
        id = await asyncio.to_thread(bot_training.fingerprint, bot_training.BOT, examples)
        same = next((one for one in known.models if one.id == id), None)
        if same is not None and same.status in {ModelStatus.LIVE, ModelStatus.CANDIDATE}:
            where = "已经在线" if same.status is ModelStatus.LIVE else "已训练好，等待上线"
            raise TrainingError("nothing_new", f"示例没有变化：用它们训练的模型 {id} {where}", id)
        python = bot_training.rasa_python()
        lock = await self._alone()
        if lock is None:
            raise TrainingError("busy", "正在训练，请等它结束或先取消")
        try:
            live = known.live.id if known.live else ""
            folder = self._prepare(id, python, examples, live)
            await self._begin(id, by, len(examples))
            self._spawn(folder, lock)
        finally:
            os.close(lock)
        log.info("training_started", model=id, examples=len(examples), by=by.id)
        return id

    async def cancel(self, by: Person) -> None:
        """End the training under way; raises ``not_found`` when there is none."""
        if by.role not in LABELLERS:
            raise TrainingError("forbidden", "只有知识编辑与知识审核可以取消训练")
        row = await self._training_row()
        pid = job_pid(self._home / row.id) if row else 0
        if row is None or not pid:
            raise TrainingError("not_found", "没有正在进行的训练")
        os.kill(pid, signal.SIGTERM)
        async with self._database.begin() as connection:
            await self._audit(connection, by.id, "model.cancelled", row.id)

    async def overview(self) -> Overview:
        """All models, the newest first, and the training under way."""
        changing = await asyncio.to_thread(self._changes.last)  # first: once it is over, the rows say so
        await self._take_up()
        await self._follow_live()
        async with self._database.connect() as connection:
            query = select(models).order_by(models.c.created_at.desc(), models.c.id).limit(_SHOWN)
            rows = (await connection.execute(query)).all()
        running = next((self._running(row) for row in rows if row.status == ModelStatus.TRAINING), None)
        return Overview([_model(row) for row in rows], running, changing)

    async def report(self, model_id: str) -> dict[str, Any]:
        """The report of a trained model; raises ``not_found``, ``not_ready``."""
        await self._take_up()
        row = await self._row(model_id)
        found = row.metrics.get("report")
        if not isinstance(found, dict):
            raise TrainingError("not_ready", "这个模型没有评估报告：训练未完成，或随程序提供")
        return found

    async def begin_promotion(self, model_id: str, by: Person) -> str:
        """See :class:`knowledge.training.Trainer`. Raises ``forbidden``, ``second_person``, ``not_ready``, ``busy``."""
        await self._promotion(model_id, by)
        return model_id

    async def begin_roll_back(self, by: Person) -> str:
        """See :class:`knowledge.training.Trainer`. Raises ``forbidden``, ``no_previous``, ``busy``."""
        id, _ = await self._rolling_back(by)
        return id

    async def promote(self, model_id: str, by: Person) -> Model:
        """As :meth:`begin_promotion`, and wait. Raises ``swap_failed`` too."""
        return await asyncio.shield(await self._promotion(model_id, by))

    async def roll_back(self, by: Person) -> Model:
        """As :meth:`begin_roll_back`, and wait. Raises ``swap_failed`` too."""
        _, changing = await self._rolling_back(by)
        return await asyncio.shield(changing)

    async def _promotion(self, model_id: str, by: Person) -> "asyncio.Task[Model]":
        _reviews(by)
        await self._take_up()
        row = await self._row(model_id)
        if row.status != ModelStatus.CANDIDATE:
            raise TrainingError("not_ready", f"模型 {model_id} 不是待上线的候选模型")
        if not row.by or row.by == by.id:
            raise TrainingError("second_person", "训练与上线须由两个人完成，请另一位知识审核上线")
        return await self._put_live(row, by, "model.promoted")

    async def _rolling_back(self, by: Person) -> "tuple[str, asyncio.Task[Model]]":
        _reviews(by)
        known = await self.overview()
        base = await asyncio.to_thread(bot_training.fingerprint)
        async with self._database.connect() as connection:
            served = (models.c.status == ModelStatus.RETIRED) & models.c.promoted_at.is_not(None)
            query = select(models).where(served).order_by(models.c.promoted_at.desc())
            rows = (await connection.execute(query)).all()
        for row in rows:
            if row.metrics.get("base") == base and self._sound(row):
                return row.id, await self._put_live(row, by, "model.rolled_back")
        now = f"现在在线的是 {known.live.id}" if known.live else "没有在线模型"
        raise TrainingError("no_previous", f"没有可以退回的模型（{now}）")

    async def _alone(self) -> int | None:
        """The lock, or ``None`` while a training is at work; whoever only looks at it holds it for a moment."""
        for _ in range(5):
            if (lock := lock_of(self._home / LOCK)) is not None:
                return lock
            await asyncio.sleep(0.02)
        return None

    @property
    def _home(self) -> Path:
        return self._settings.data_dir / "training"

    def _prepare(self, id: str, python: Path, examples: list[tuple[str, str]], live: str) -> Path:
        """A fresh folder with the task; what killed trainings left is swept away."""
        for left in self._home.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        folder = self._home / id
        folder.mkdir(mode=0o700)
        Task(
            model=id,
            python=str(python),
            bot=str(bot_training.BOT),
            examples=examples,
            live=live,
            watched=(self._watched, started_at(self._watched)),
            data_dir=str(self._settings.data_dir),
            city=self._settings.city,
            memory_mb=self._settings.training_memory_mb,
            limit_s=self._settings.training_limit_s,
        ).write(folder)
        return folder

    def _spawn(self, folder: Path, lock: int) -> None:
        """Start the job in a session of its own; it inherits the lock and holds it for as long as it lives."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_SECRET")}
        job = subprocess.Popen(
            [sys.executable, "-m", "dialog.training_job", str(folder)],
            cwd=ROOT,
            env=inherited,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(lock,),
        )
        (folder / "pid").write_text(f"{job.pid} {started_at(job.pid)}", encoding="ascii")
        threading.Thread(target=job.wait, name="training-job", daemon=True).start()

    async def _begin(self, id: str, by: Person, examples: int) -> None:
        now = self._clock.now()
        async with self._database.begin() as connection:
            await connection.execute(delete(models).where(models.c.id == id))
            values = {"id": id, "created_at": now, "by": by.id, "status": ModelStatus.TRAINING.value}
            base = {"base": bot_training.fingerprint()}
            await connection.execute(insert(models).values(**values, examples=examples, metrics=base))
            await self._audit(connection, by.id, "model.training", id, f"{examples} 句新增示例")

    async def _take_up(self) -> None:
        """Write down what a training that is over has left: a candidate, or why there is none."""
        row = await self._training_row()
        if row is None:
            return
        training = at_work(self._home / LOCK)
        result = document_in(self._home / row.id / "result.json")
        if result is None and training:
            return
        found = result or {"ok": False, "error": "训练进程意外结束（可能是内存不足），请看日志 log/training.log"}
        values = self._outcome(row, found)
        async with self._database.begin() as connection:
            here = (models.c.id == row.id) & (models.c.status == ModelStatus.TRAINING.value)
            changed = await connection.execute(update(models).where(here).values(**values))
            if changed.rowcount:
                await self._audit(connection, row.by, f"model.{values['status']}", row.id, str(values["error"]))
        await self._tidy()

    def _outcome(self, row: Row[Any], found: dict[str, Any]) -> dict[str, Any]:
        if not found.get("ok"):
            return {"status": ModelStatus.FAILED.value, "error": str(found.get("error") or "未知原因")}
        return {
            "status": ModelStatus.CANDIDATE.value,
            "error": "",
            "seconds": float(found["seconds"]),
            "sha256": str(found["sha256"]),
            "metrics": {**row.metrics, "report": found["report"]},
        }

    async def _follow_live(self) -> None:
        """The row that is live is the model in service, also after a start with another release or a crash in a swap."""
        base = await asyncio.to_thread(bot_training.fingerprint)
        async with self._database.connect() as connection:
            if await _marked_live(connection) == [await asyncio.to_thread(model_store.live_id, self._settings, base)]:
                return
        async with self._database.begin() as connection:  # again: a change may have been written down, with who made it
            live = await asyncio.to_thread(read_live, self._settings)
            id = live.model if live else base
            if await _marked_live(connection) != [id]:
                await self._mark_live(connection, id, live.base if live else base, by="", at=self._clock.now())

    async def _put_live(self, row: Row[Any], by: Person, action: str) -> "asyncio.Task[Model]":
        """Begin the change; it goes on to its end even when whoever asked has gone away meanwhile."""
        base = await asyncio.to_thread(bot_training.fingerprint)
        if row.metrics.get("base") != base:
            raise TrainingError("not_ready", "程序或自带语料已更新，请重新训练后再上线")
        lock = await self._changes.begin(row.id, by.id, self._clock.now())
        try:
            if not self._sound(row):
                raise TrainingError("not_ready", "模型文件不在或已损坏，请重新训练")
        except BaseException:
            self._changes.end(lock)
            raise
        changing = asyncio.create_task(self._change(lock, row.id, base, by, action), name="change-model")
        self._changing.add(changing)
        changing.add_done_callback(self._changed)
        return changing

    def _changed(self, changing: "asyncio.Task[Model]") -> None:
        self._changing.discard(changing)
        if not changing.cancelled() and changing.exception() is not None:
            log.warning("model_not_changed", error=type(changing.exception()).__name__)

    async def _change(self, lock: int, id: str, base: str, by: Person, action: str) -> Model:
        """Swap and write it down; what fails is told to who waits, and by ``overview``."""
        error = "系统出错，请看日志后重试"
        try:
            await self._swap(bot_training.model_path(self._settings, id), LiveModel(id, base, 0))
            now = self._clock.now()
            async with self._database.begin() as connection:
                await self._mark_live(connection, id, base, by=by.id, at=now)
                await versions.bump(connection, VERSION_NAME)
                await self._audit(connection, by.id, action, id)
            error = ""
        except HotlineError as refusal:
            error = f"模型没有换上，原来的继续服务：{refusal.message}"
            raise TrainingError("swap_failed", error) from refusal
        finally:
            self._changes.end(lock, error)
        log.info("model_live", model=id, by=by.id)
        await self._tidy()
        return _model(await self._row(id))

    async def _tidy(self) -> None:
        """Take away the files of models that nobody will ask for; the rows stay, with their reports."""
        base = await asyncio.to_thread(bot_training.fingerprint)
        with self._changes.alone() as alone:
            if not alone:
                return
            async with self._database.begin() as connection:
                rows = (await connection.execute(select(models))).all()
                live = await asyncio.to_thread(model_store.live_id, self._settings, base)
                old = [row.id for row in model_store.surplus(rows, base, live)]
                where = models.c.id.in_(old) & (models.c.status == ModelStatus.CANDIDATE.value)
                retired = {"status": ModelStatus.RETIRED.value, "error": model_store.REMOVED}
                await connection.execute(update(models).where(where).values(**retired))
            kept = model_store.wanted(rows, base, live)
            removed = await asyncio.to_thread(model_store.remove_others, self._settings, kept)
        if removed:
            log.info("models_removed", models=removed)

    async def _mark_live(self, connection: AsyncConnection, id: str, base: str, *, by: str, at: datetime) -> None:
        live = models.c.status == ModelStatus.LIVE.value
        await connection.execute(
            update(models).where(live & (models.c.id != id)).values(status=ModelStatus.RETIRED.value)
        )
        values = {"status": ModelStatus.LIVE.value, "promoted_by": by, "promoted_at": at}
        changed = await connection.execute(update(models).where(models.c.id == id).values(**values))
        if not changed.rowcount:
            row = {"id": id, "created_at": at, "by": "", "metrics": {"base": base}, **values}
            await connection.execute(insert(models).values(**row))

    def _sound(self, row: Row[Any]) -> bool:
        """Whether the model's file is whole and the one that was measured."""
        model = bot_training.model_path(self._settings, row.id)
        if not bot_training.is_sound(model):
            return False
        return not row.sha256 or bot_training.describe(model)["sha256"] == row.sha256

    async def _training_row(self) -> Row[Any] | None:
        async with self._database.connect() as connection:
            query = select(models).where(models.c.status == ModelStatus.TRAINING.value)
            return (await connection.execute(query)).first()

    async def _row(self, id: str) -> Row[Any]:
        async with self._database.connect() as connection:
            row = (await connection.execute(select(models).where(models.c.id == id))).first()
        if row is None:
            raise TrainingError("not_found", f"没有模型 {id}")
        return row

    def _running(self, row: Row[Any]) -> Running:
        told = document_in(self._home / row.id / "progress.json") or {}
        return Running(row.id, str(told.get("step", "准备语料")), float(told.get("progress", 0.0)), row.created_at)

    async def _audit(self, connection: AsyncConnection, by: str, action: str, subject: str, detail: str = "") -> None:
        now = self._clock.now()
        await audit.record(connection, at=now, by=by, action=action, subject=subject, detail=detail)


def _reviews(by: Person) -> None:
    if by.role != REVIEWER or not by.id:
        raise TrainingError("forbidden", "只有知识审核可以上线或退回模型")


async def _marked_live(connection: AsyncConnection) -> list[str]:
    """The models whose rows say that they are live."""
    rows = await connection.execute(select(models.c.id).where(models.c.status == ModelStatus.LIVE.value))
    return [str(one) for one in rows.scalars()]


def _model(row: Row[Any]) -> Model:
    candidate = (row.metrics.get("report") or {}).get("candidate") or {}
    return Model(
        id=row.id,
        status=ModelStatus(row.status),
        created_at=row.created_at,
        by=row.by,
        seconds=row.seconds,
        examples=row.examples,
        error=row.error,
        promoted_by=row.promoted_by or "",
        promoted_at=row.promoted_at,
        headline={name: candidate[name] for name in ("accuracy", "macro_f1") if name in candidate},
    )
