"""Trains the bot and says how to serve it. Runs in our environment; Rasa is only ever started as a program in its own.

A model belongs to a fingerprint of everything it is made from, and is kept under that name in the data folder and, for
other data folders to share, under ``.hotline/rasa-models`` of the checkout. A model without a matching seal (its SHA-256
beside it) does not count: an interrupted training or a damaged file is trained again.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from config.errors import HotlineError
from config.settings import ROOT, Settings
from dialog.live_model import LiveModel, read_live, write_live
from dialog.rasa_client import CHANNEL_HEADER, PATH, synthetic_turn
from dialog.rasa_process import Limits, Stopped, run
from store.files import replace_file

BOT: Final = ROOT / "dialog" / "bot"
RASA_PYTHON: Final = ROOT / ".hotline" / "env" / "rasa" / "bin" / "python"
SHARED_MODELS: Final = ROOT / ".hotline" / "rasa-models"
MADE_FROM: Final = ("config.yml", "domain.yml", "data", "dictionary", "components", "vectors")
TRAINING_LIMIT_S: Final = 1800
FINGERPRINT_FORMAT: Final = b"1"
"""Raise when the way of training changes without any file changing."""
STEPS: Final = {
    "JiebaTokenizer": "分词",
    "CountVectorsFeaturizer": "提取特征",
    "CRFEntityExtractor": "训练实体识别",
    "ActClassifier": "训练对话行为分类",
    "LogisticRegressionClassifier": "训练对话行为分类（最久的一步）",
    "RulePolicy": "核对对话规则",
}

Progress = Callable[[str], None]
Examples = Sequence[tuple[str, str]]
"""Text and act of examples that were added to the bot's own."""


def fingerprint(bot: Path | None = None, added: Examples = ()) -> str:
    """20 hexadecimal digits of SHA-256 over data, configuration, domain, dictionary, components and Rasa's lock file.

    ``added`` examples count too, in whatever order they come.
    """
    bot = bot or BOT
    total = hashlib.sha256(FINGERPRINT_FORMAT)
    for name, file in [
        ("lock", ROOT / "requirements-rasa.lock"),
        *((str(f.relative_to(bot)), f) for f in _sources(bot)),
    ]:
        content = file.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    for text, act in sorted(added):
        total.update(f"added\0{len(text)}\0{text}\0{act}\0".encode())
    return total.hexdigest()[:20]


def _sources(bot: Path) -> list[Path]:
    found: list[Path] = []
    for name in MADE_FROM:
        part = bot / name
        found += sorted(part.rglob("*")) if part.is_dir() else [part]
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def model_path(settings: Settings, model: str = "") -> Path:
    """Where a model lies or will lie: the one of that fingerprint, else the one for the program's present sources."""
    return settings.data_dir / "rasa" / "models" / f"{model or fingerprint()}.tar.gz"


def model_to_serve(settings: Settings, progress: Progress) -> Path:
    """The model an instance starts with: the promoted one, else the one for the program's sources, trained when needed.

    A promoted model that belongs to another release of the program (its base differs), or that is damaged, is not served.
    """
    live, base = read_live(settings), fingerprint()
    if live is not None and live.base == base and is_sound(model_path(settings, live.model)):
        return model_path(settings, live.model)
    if live is not None and live.model != live.base:
        why = "属于另一版程序" if live.base != base else "文件已损坏"
        progress(f"上线的对话模型 {live.model} {why}，改用随程序的模型；请在训练页重新训练并上线")
    return train_if_needed(settings, progress)


def note_served(settings: Settings, model: Path, port: int) -> None:
    """Write down which model an instance that starts now has in service, and where."""
    write_live(settings, LiveModel(model.name.removesuffix(".tar.gz"), fingerprint(), port))


def is_sound(model: Path) -> bool:
    """Whether ``model`` is whole: its bytes have the SHA-256 that was noted when it was trained."""
    try:
        seal = json.loads(_seal(model).read_text(encoding="utf-8"))
        return bool(seal["sha256"] == _sha256(model))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def describe(model: Path) -> dict[str, Any]:
    """A trained model for people and programs: path, fingerprint, SHA-256, size in bytes, seconds of training."""
    seal = json.loads(_seal(model).read_text(encoding="utf-8"))
    return {
        "model": str(model),
        "fingerprint": model.name.removesuffix(".tar.gz"),
        "sha256": seal["sha256"],
        "bytes": model.stat().st_size,
        "train_s": seal["seconds"],
    }


def train_if_needed(settings: Settings, progress: Progress, *, force: bool = False) -> Path:
    """The model for the present sources, trained now unless a sound one exists. ``progress`` gets Chinese sentences.

    Raises :class:`HotlineError` (``no_rasa_environment``, ``train_failed``); the training's output is in
    ``log/rasa-train.log`` of the data folder.
    """
    model = model_path(settings)
    if not force and is_sound(model):
        return model
    with _shared_store() as shared:
        kept = shared / model.name
        if not force and is_sound(kept):
            progress("已有训练好的对话模型，直接使用")
        elif not os.access(shared, os.W_OK):
            _train(settings, model, progress)
            return model
        else:
            _train(settings, kept, progress)
        _place(kept, model, json.loads(_seal(kept).read_text(encoding="utf-8")))
    return model


def serve_command(
    settings: Settings, model: Path | None = None, port: int = 0
) -> tuple[list[str], dict[str, str], Path]:
    """Command line, environment and folder of the Rasa server, for the supervisor.

    ``model`` and ``port`` default to the program's own model and the port of the settings.

    The server binds to 127.0.0.1 without Rasa's HTTP API: the one route is the gateway channel, behind a secret that
    travels in the environment and not on the command line. Raises :class:`HotlineError` (``no_rasa_model``) when the
    model is missing or damaged: Rasa itself would silently serve another one.
    """
    model = model or model_path(settings)
    if not is_sound(model):
        raise HotlineError("no_rasa_model", "对话模型不存在或已损坏；请运行 ./hotline train")
    argv = [str(rasa_python()), "-W", "ignore", "-m", "rasa", "run", "--interface", "127.0.0.1"]
    argv += ["--port", str(port or settings.rasa_port), "--model", str(model)]
    argv += ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
    environment = environment_for(settings) | {"HOTLINE_RASA_CHANNEL_SECRET": settings.secret("rasa_channel")}
    return argv, environment, BOT


def probe(settings: Settings, port: int = 0) -> dict[str, Any]:
    """How the supervisor finds out whether Rasa truly works: a synthetic turn through channel, model and rules."""
    return {
        "kind": "http",
        "method": "POST",
        "url": f"http://127.0.0.1:{port or settings.rasa_port}{PATH}",
        "headers": {CHANNEL_HEADER: settings.secret("rasa_channel")},
        "body": synthetic_turn(),
        "wants": ["messages"],
        "timeout_s": 5,
    }


def rasa_python() -> Path:
    """The Python of Rasa's environment. Raises :class:`HotlineError` (``no_rasa_environment``)."""
    if not RASA_PYTHON.is_file():
        raise HotlineError(
            "no_rasa_environment", "对话模型的运行环境还没有装好；请运行 ./hotline train 或 ./hotline up"
        )
    return RASA_PYTHON


def environment_for(settings: Settings) -> dict[str, str]:
    """Nothing is reported to anyone, nothing of ours is handed over, and all files stay in the data folder.

    Byte code is kept, whatever our own environment says: compiling Rasa and TensorFlow anew doubles each start.
    """
    home = settings.data_dir / "rasa"
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOTLINE_")}
    return inherited | {
        "RASA_TELEMETRY_ENABLED": "false",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONUNBUFFERED": "1",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


@contextlib.contextmanager
def _shared_store() -> Iterator[Path]:
    """The checkout's store of models, held alone where it can be written (in an image it cannot)."""
    try:
        SHARED_MODELS.mkdir(parents=True, exist_ok=True)
        handle = (SHARED_MODELS / "lock").open("w")
    except OSError:
        yield SHARED_MODELS
        return
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left_over in SHARED_MODELS.glob(".training-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield SHARED_MODELS


def _train(settings: Settings, target: Path, progress: Progress) -> None:
    progress("正在训练对话模型（约一分钟；只在第一次启动和语料改动后进行）……")
    target.parent.mkdir(parents=True, exist_ok=True)
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    log = settings.log_dir / "rasa-train.log"
    log.unlink(missing_ok=True)
    started = time.monotonic()

    def told(line: str) -> None:
        step = step_of(line)
        if step in STEPS:
            progress(f"  {STEPS[step]}")

    with tempfile.TemporaryDirectory(prefix=".training-", dir=target.parent) as folder:
        argv, environment = train_command(settings, Path(folder), rasa_python())
        try:
            limits = Limits(TRAINING_LIMIT_S)
            status = run(argv, cwd=BOT, environment=environment, log=log, limits=limits, on_line=told)
        except Stopped as error:
            raise HotlineError("train_failed", f"对话模型训练失败：{error.message}，详情见 {log}") from error
        trained = Path(folder) / "model.tar.gz"
        if status != 0 or not trained.is_file():
            raise HotlineError("train_failed", f"对话模型训练失败（退出码 {status}），详情见 {log}")
        seconds = round(time.monotonic() - started, 1)
        place(trained, target, seconds)
    progress(f"对话模型训练完成，用时 {seconds:.0f} 秒")


def train_command(settings: Settings, folder: Path, python: Path) -> tuple[list[str], dict[str, str]]:
    """Command line and environment that train the bot of the working directory into ``folder/model.tar.gz``."""
    argv = [str(python), "-W", "ignore", "-m", "rasa", "train", "--skip-validation", "--out", str(folder)]
    argv += ["--domain", "domain.yml", "--config", "config.yml", "--data", "data", "--fixed-model-name", "model"]
    return argv, environment_for(settings) | {"RASA_CACHE_DIRECTORY": str(folder / "cache")}


def step_of(line: str) -> str:
    """The component that Rasa begins to train, where a line of its output says so; else empty."""
    step = re.search(r"Starting to train component '(\w+)'", line)
    return step[1] if step else ""


def place(trained: Path, target: Path, seconds: float) -> None:
    """Put a trained model in its place under a seal."""
    _place(trained, target, {"sha256": _sha256(trained), "seconds": seconds})


def _place(source: Path, target: Path, seal: dict[str, Any]) -> None:
    """Put a model and its seal in place; a crash in between leaves a model that :func:`is_sound` refuses."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _seal(target).unlink(missing_ok=True)
    replace_file(target, source.read_bytes())
    replace_file(_seal(target), json.dumps(seal).encode())


def _seal(model: Path) -> Path:
    return model.with_name(model.name.removesuffix(".tar.gz") + ".json")


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
