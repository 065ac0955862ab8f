"""``python -m dialog.training_job FOLDER``: one training in a process of its own, from examples to a measured candidate.

All is told through files of ``FOLDER``: ``task.json`` (in), ``progress.json`` while it works, and at the very end
``result.json``: ``{"ok": true, "seconds", "sha256", "report"}`` or ``{"ok": false, "error"}``. The model is put in its place
just before that; whatever else was made is swept away, also what a killed predecessor left. It ends by itself when the
process named in the task is gone, so that no instance leaves a training behind.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

import yaml

from config.errors import HotlineError
from config.settings import Settings
from dialog import bot_training
from dialog.acts import BotActs
from dialog.nlu_report import Report, compare, report
from dialog.rasa_process import Limits, run, started_at

FOLDS: Final = 4
WORST: Final = 30
"""Confusions that are kept."""
CHANGES: Final = 300
_SHARES: Final = {"train": 0.45, "judge": 0.15, "cross": 0.4}
_STEP_NAMES: Final = {"train": "训练", "judge": "评估", "cross": "交叉验证"}
_NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Task:
    """What to train. ``live``: the model to compare with (empty: none); ``watched``: process id and start of who must live;
    ``python``: of Rasa's environment; ``bot``: the folder with the bot's own sources.
    """

    model: str
    python: str
    bot: str
    examples: list[tuple[str, str]]
    live: str
    watched: tuple[int, int]
    data_dir: str
    city: str
    memory_mb: int
    limit_s: float
    folds: int = FOLDS

    def write(self, folder: Path) -> None:
        _write(folder / "task.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> "Task":
        given = json.loads((folder / "task.json").read_text(encoding="utf-8"))
        examples = [(str(text), str(act)) for text, act in given.pop("examples")]
        return cls(examples=examples, watched=tuple(given.pop("watched")), **given)


class Progress:
    """The state of the work, on disk with each change; ``progress`` never goes back."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "progress.json"
        self._done = dict.fromkeys(_SHARES, 0.0)
        self._lock = threading.Lock()
        self._step = "准备语料"
        self._tell()

    def step(self, name: str) -> None:
        with self._lock:
            self._step = name
            self._tell()

    def reached(self, part: str, share: float) -> None:
        """``share`` of one part of the work is done."""
        with self._lock:
            self._done[part] = max(self._done[part], min(share, 1.0))
            if part == "cross" and self._done["judge"] == 1.0:
                self._step = "交叉验证"
            self._tell()

    def _tell(self) -> None:
        total = sum(self._done[part] * weight for part, weight in _SHARES.items())
        _write(self._file, {"step": self._step, "progress": round(total, 3)})


class Job:
    """One training."""

    def __init__(self, folder: Path, task: Task) -> None:
        self._folder = folder
        self._task = task
        self._settings = Settings(data_dir=Path(task.data_dir), city=task.city)
        self._acts = BotActs()
        self._progress = Progress(folder)
        self._over: HotlineError | None = None
        self._deadline = 0.0
        self._seconds: dict[str, float] = {}

    def end(self, reason: HotlineError) -> None:
        """Give up; the programs are ended within a fraction of a second."""
        self._over = self._over or reason

    def work(self) -> dict[str, Any]:
        """Train, judge, cross-validate, put the model in place; the contents of ``result.json``."""
        started = time.monotonic()
        self._settings.log_dir.mkdir(parents=True, exist_ok=True)
        (self._settings.log_dir / "training.log").unlink(missing_ok=True)
        bot = self._assemble()
        self._deadline = started + self._task.limit_s
        with ThreadPoolExecutor(1) as beside:
            crossing = beside.submit(self._cross, bot)
            try:
                trained = self._train(bot)
                acts = self._judge(bot, trained)
                crossed = crossing.result()
            except BaseException:
                self.end(HotlineError("ended", "已停止"))
                raise
        seconds = round(time.monotonic() - started, 1)
        found = {**self._compare(acts), "cross_validation": _figures(crossed) | {"folds": self._task.folds}}
        found["seconds"] = self._seconds
        target = bot_training.model_path(self._settings, self._task.model)
        bot_training.place(trained, target, seconds)
        seal = bot_training.describe(target)
        return {"ok": True, "seconds": seconds, "sha256": seal["sha256"], "report": found}

    def _assemble(self) -> Path:
        """The bot's sources and the added examples, in a folder of this training alone."""
        bot = self._folder / "bot"
        shutil.rmtree(bot, ignore_errors=True)
        bot.mkdir(mode=0o700)
        for name in (*bot_training.MADE_FROM, "measure.py"):
            source = Path(self._task.bot) / name
            if source.is_dir():
                shutil.copytree(source, bot / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, bot / name)
        if self._task.examples:
            (bot / "data" / "nlu" / "added.yml").write_text(_nlu(self._task.examples), encoding="utf-8")
        return bot

    def _train(self, bot: Path) -> Path:
        pipeline = yaml.safe_load((bot / "config.yml").read_text(encoding="utf-8"))["pipeline"]
        seen: list[str] = []

        def told(line: str) -> None:
            if step := bot_training.step_of(line):
                seen.append(step)
                if name := bot_training.STEPS.get(step):
                    self._progress.step(name)
                self._progress.reached("train", len(seen) / (len(pipeline) + 1))

        out = self._folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(mode=0o700)
        argv, environment = bot_training.train_command(self._settings, out, Path(self._task.python))
        self._run("train", argv, bot, environment, told)
        self._progress.reached("train", 1)
        trained = out / "model.tar.gz"
        if not trained.is_file():
            raise HotlineError("train_failed", "训练没有产生模型，请看日志 log/training.log")
        return trained

    def _judge(self, bot: Path, trained: Path) -> dict[str, list[str]]:
        self._progress.step("在评估集上比较")
        models = {"candidate": str(trained)}
        live = bot_training.model_path(self._settings, self._task.live) if self._task.live else None
        if live is not None and bot_training.is_sound(live):
            models["live"] = str(live)
        cases = [{"text": one.text, "stage": one.stage, "requested": one.requested} for one in self._acts.cases]
        found: dict[str, dict[str, list[str]]] = self._measure(bot, "judge", {"models": models, "cases": cases})
        return found["acts"]

    def _cross(self, bot: Path) -> dict[str, list[str]]:
        task = {"config": str(bot / "config.yml"), "data": str(bot / "data" / "nlu"), "folds": self._task.folds}
        found: dict[str, list[str]] = self._measure(bot, "cross", task)
        return found

    def _measure(self, bot: Path, part: str, task: dict[str, Any]) -> Any:
        """Run :mod:`dialog.bot.measure` in Rasa's environment; its answer."""
        question, answer = self._folder / f"{part}.json", self._folder / f"{part}.answer.json"
        answer.unlink(missing_ok=True)
        _write(question, {part: task})

        def told(line: str) -> None:
            if line.startswith("done "):
                done, _, whole = line.removeprefix("done ").partition("/")
                self._progress.reached(part, float(done) / float(whole))

        argv = [self._task.python, "-W", "ignore", "-m", "measure", str(question), str(answer)]
        self._run(part, argv, bot, bot_training.environment_for(self._settings), told)
        self._progress.reached(part, 1)
        return json.loads(answer.read_text(encoding="utf-8"))

    def _run(
        self, part: str, argv: list[str], cwd: Path, environment: dict[str, str], told: Callable[[str], None]
    ) -> None:
        started = time.monotonic()
        limits = Limits(max(1.0, self._deadline - started), self._task.memory_mb, _NICE)
        log = self._settings.log_dir / "training.log"
        stopped = self._must_stop
        status = run(argv, cwd=cwd, environment=environment, log=log, limits=limits, on_line=told, stopped=stopped)
        self._seconds[part] = round(time.monotonic() - started, 1)
        if status != 0:
            what = _STEP_NAMES[part]
            raise HotlineError("train_failed", f"{what}失败（退出码 {status}），请看日志 log/training.log")

    def _must_stop(self) -> HotlineError | None:
        pid, began = self._task.watched
        if pid and started_at(pid) != began:
            self.end(HotlineError("ended", "发起训练的程序已停止，训练随之结束"))
        return self._over

    def _compare(self, acts: dict[str, list[str]]) -> dict[str, Any]:
        """Candidate and live model on the evaluation set, as ``docs/api.md`` describes the report."""
        cases = self._acts.cases
        expected, texts = [case.act for case in cases], [case.text for case in cases]
        candidate = acts["candidate"]
        found: dict[str, Any] = {"candidate": report_json(report(expected, candidate)), "live": None, "changed": []}
        if "live" in acts:
            both = compare(texts, expected, acts["live"], candidate)
            found["live"] = report_json(both.before)
            found["changed"] = [
                {"text": one.text, "live": one.before, "candidate": one.after, "want": one.expected}
                for one in both.changes[:CHANGES]
            ]
        return found


def report_json(found: Report) -> dict[str, Any]:
    """Figures in the form of the report: all shares 0…1."""
    names = ("label", "precision", "recall", "f1", "support")
    return {
        "accuracy": round(found.accuracy.value, 4),
        "accuracy_low": round(found.accuracy.low, 4),
        "accuracy_high": round(found.accuracy.high, 4),
        "macro_f1": round(found.macro_f1, 4),
        "total": found.accuracy.whole,
        "labels": [
            {name: round(value, 4) if isinstance(value := getattr(label, name), float) else value for name in names}
            for label in found.labels
        ],
        "confusions": [[one.expected, one.found, one.count] for one in found.confusions[:WORST]],
    }


def _figures(crossed: dict[str, list[str]]) -> dict[str, Any]:
    found = report_json(report(crossed["expected"], crossed["found"]))
    return {name: found[name] for name in ("accuracy", "macro_f1", "total")}


def _nlu(examples: list[tuple[str, str]]) -> str:
    """The added examples as a file of training data; their texts hold no mark-up (``knowledge.example_text.problem``)."""
    by_act: dict[str, list[str]] = {}
    for text, act in sorted(examples, key=lambda pair: pair[1]):
        by_act.setdefault(act, []).append(f"- {text}\n")
    blocks = [{"intent": act, "examples": "".join(lines)} for act, lines in by_act.items()]
    return yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True, sort_keys=False, width=10_000)


def _write(file: Path, document: object) -> None:
    """Replace a file, readable by its owner only."""
    scratch = file.with_suffix(f".{threading.get_ident()}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(document, handle, ensure_ascii=False)
    scratch.replace(file)


def sweep(folder: Path) -> None:
    """Take away everything of a training but its result: what it learned from was there in clear."""
    for left in folder.iterdir():
        if left.name != "result.json":
            with suppress(OSError):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def main() -> None:
    folder = Path(sys.argv[1])
    job = Job(folder, Task.read(folder))

    def told(_: int, __: FrameType | None) -> None:
        job.end(HotlineError("cancelled", "已取消"))

    signal.signal(signal.SIGTERM, told)
    result: dict[str, Any] = {"ok": False, "error": "训练程序被中断", "code": "ended"}
    try:
        result = job.work()
    except HotlineError as error:
        result = {"ok": False, "error": error.message, "code": error.code}
    except Exception as error:
        result = {"ok": False, "error": f"训练程序出错：{type(error).__name__}", "code": "broken"}
        raise
    finally:
        sweep(folder)
        _write(folder / "result.json", result)


if __name__ == "__main__":
    main()
