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
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from config.errors import HotlineError
from config.settings import ROOT, Settings
from dialog.rasa_client import CHANNEL_HEADER, PATH, synthetic_turn

BOT: Final = ROOT / "dialog" / "bot"
RASA_PYTHON: Final = ROOT / ".hotline" / "env" / "rasa" / "bin" / "python"
SHARED_MODELS: Final = ROOT / ".hotline" / "rasa-models"
MADE_FROM: Final = ("config.yml", "domain.yml", "data", "dictionary", "components")
TRAINING_LIMIT_S: Final = 1800
FINGERPRINT_FORMAT: Final = b"1"
"""Raise when the way of training changes without any file changing."""
STEPS: Final = {
    "JiebaTokenizer": "分词",
    "CountVectorsFeaturizer": "提取特征",
    "CRFEntityExtractor": "训练实体识别",
    "LogisticRegressionClassifier": "训练对话行为分类（最久的一步）",
    "RulePolicy": "核对对话规则",
}

Progress = Callable[[str], None]


def fingerprint(bot: Path = BOT) -> str:
    """20 hexadecimal digits of SHA-256 over data, configuration, domain, dictionary, components and Rasa's lock file."""
    total = hashlib.sha256(FINGERPRINT_FORMAT)
    for name, file in [
        ("lock", ROOT / "requirements-rasa.lock"),
        *((str(f.relative_to(bot)), f) for f in _sources(bot)),
    ]:
        content = file.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:20]


def _sources(bot: Path) -> list[Path]:
    found: list[Path] = []
    for name in MADE_FROM:
        part = bot / name
        found += sorted(part.rglob("*")) if part.is_dir() else [part]
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def model_path(settings: Settings) -> Path:
    """Where the model for the present sources lies or will lie."""
    return settings.data_dir / "rasa" / "models" / f"{fingerprint()}.tar.gz"


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


def serve_command(settings: Settings) -> tuple[list[str], dict[str, str], Path]:
    """Command line, environment and folder of the Rasa server, for the supervisor.

    The server binds to 127.0.0.1 without Rasa's HTTP API: the one route is the gateway channel, behind a secret that
    travels in the environment and not on the command line. Raises :class:`HotlineError` (``no_rasa_model``) when the
    model is missing or damaged: Rasa itself would silently serve another one.
    """
    model = model_path(settings)
    if not is_sound(model):
        raise HotlineError("no_rasa_model", "对话模型不存在或已损坏；请运行 ./hotline train")
    argv = [str(_rasa_python()), "-W", "ignore", "-m", "rasa", "run", "--interface", "127.0.0.1"]
    argv += ["--port", str(settings.rasa_port), "--model", str(model)]
    argv += ["--endpoints", "endpoints.yml", "--credentials", "credentials.yml"]
    environment = _environment(settings) | {"HOTLINE_RASA_CHANNEL_SECRET": settings.secret("rasa_channel")}
    return argv, environment, BOT


def probe(settings: Settings) -> dict[str, Any]:
    """How the supervisor finds out whether Rasa truly works: a synthetic turn through channel, model and rules."""
    return {
        "kind": "http",
        "method": "POST",
        "url": f"http://127.0.0.1:{settings.rasa_port}{PATH}",
        "headers": {CHANNEL_HEADER: settings.secret("rasa_channel")},
        "body": synthetic_turn(),
        "wants": ["messages"],
        "timeout_s": 5,
    }


def _rasa_python() -> Path:
    if not RASA_PYTHON.is_file():
        raise HotlineError(
            "no_rasa_environment", "对话模型的运行环境还没有装好；请运行 ./hotline train 或 ./hotline up"
        )
    return RASA_PYTHON


def _environment(settings: Settings) -> dict[str, str]:
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
    python = _rasa_python()
    progress("正在训练对话模型（约一分钟；只在第一次启动和语料改动后进行）……")
    target.parent.mkdir(parents=True, exist_ok=True)
    settings.log_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".training-", dir=target.parent) as folder:
        argv = [str(python), "-W", "ignore", "-m", "rasa", "train", "--skip-validation", "--out", folder]
        argv += ["--domain", "domain.yml", "--config", "config.yml", "--data", "data", "--fixed-model-name", "model"]
        log = settings.log_dir / "rasa-train.log"
        environment = _environment(settings) | {"RASA_CACHE_DIRECTORY": str(Path(folder) / "cache")}
        status = _run(argv, environment, log, progress)
        trained = Path(folder) / "model.tar.gz"
        if status != 0 or not trained.is_file():
            raise HotlineError("train_failed", f"对话模型训练失败（退出码 {status}），详情见 {log}")
        seconds = round(time.monotonic() - started, 1)
        _place(trained, target, {"sha256": _sha256(trained), "seconds": seconds})
    progress(f"对话模型训练完成，用时 {seconds:.0f} 秒")


def _run(argv: list[str], environment: dict[str, str], log: Path, progress: Progress) -> int:
    """Run Rasa to its end, tell of its steps, and take it along when we are interrupted."""
    deadline = time.monotonic() + TRAINING_LIMIT_S
    with log.open("w", encoding="utf-8") as record:
        process = subprocess.Popen(
            argv,
            cwd=BOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        try:
            for line in process.stdout or ():
                record.write(line)
                step = re.search(r"Starting to train component '(\w+)'", line)
                if step and step[1] in STEPS:
                    progress(f"  {STEPS[step[1]]}")
                if time.monotonic() > deadline:
                    break
            return process.wait(timeout=max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return 124
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


def _place(source: Path, target: Path, seal: dict[str, Any]) -> None:
    """Put a model and its seal in place; a crash in between leaves a model that :func:`is_sound` refuses."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _seal(target).unlink(missing_ok=True)
    _replace(target, source.read_bytes())
    _replace(_seal(target), json.dumps(seal).encode())


def _replace(target: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".placing-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _seal(model: Path) -> Path:
    return model.with_name(model.name.removesuffix(".tar.gz") + ".json")


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
