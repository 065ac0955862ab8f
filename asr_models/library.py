"""Which recogniser models are installed, which one is in use, and how others are put in.

The shipped demonstration model lies in the repository; installed ones lie in ``asr_models/`` under the data folder, with
``library.json`` beside them (what is chosen, and the SHA-256 of every archive at its first installation). A running node sees a new
choice by :func:`revision` and takes it over between two utterances.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from config.errors import HotlineError
from config.settings import Settings

SHIPPED: Final = Path(__file__).resolve().parent / "hotline-demo-zh"
SOURCE_VARIABLE: Final = "HOTLINE_ASR_SOURCE"
"""Environment variable with the address (http, https or file) under which ``<name>.zip`` lie."""

_REQUIRED: Final = ("am/final.mdl", "conf/model.conf", "graph")
_MAX_ENTRIES: Final = 2000
_MAX_UNPACKED: Final = 8 * 2**30
"""The largest official Chinese model unpacks to under 3 GB; more is no model."""
_MAX_RATIO: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,79}")
_LOAD_TIMEOUT_S: Final = 300
_DOWNLOAD_TIMEOUT_S: Final = 30
_BLOCK: Final = 1 << 20
_PROBE: Final = """
import sys
from vosk import KaldiRecognizer, Model, SetLogLevel
SetLogLevel(-1)
recogniser = KaldiRecognizer(Model(sys.argv[1]), 8000)
recogniser.AcceptWaveform(bytes(16000))
recogniser.FinalResult()
"""


class ModelError(HotlineError):
    """A model cannot be found, installed or used."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One recogniser model. ``sha256`` is that of the archive it was installed from; the shipped one has none."""

    name: str
    path: Path
    sha256: str | None
    demo: bool
    description: str


def shipped() -> ModelInfo:
    """The demonstration model in the repository."""
    return ModelInfo(
        SHIPPED.name,
        SHIPPED,
        None,
        demo=True,
        description="自带的演示模型：只用合成语音训练，听不懂真人说话，仅供试用和测试",
    )


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "asr_models"


def _read(settings: Settings) -> dict[str, Any]:
    file = _folder(settings) / "library.json"
    if not file.is_file():
        return {"current": None, "sha256": {}}
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _write(settings: Settings, library: dict[str, Any]) -> None:
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "library.json.partial"
    with partial.open("w", encoding="utf-8") as handle:
        json.dump(library, handle, ensure_ascii=False, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, folder / "library.json")


def installed(settings: Settings) -> list[ModelInfo]:
    """All models that can be used, the shipped one first."""
    hashes = _read(settings)["sha256"]
    found = [shipped()]
    folder = _folder(settings)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir() and _NAME.fullmatch(path.name) and all((path / part).exists() for part in _REQUIRED):
            found.append(ModelInfo(path.name, path, hashes.get(path.name), False, "由 ./hotline asr install 安装"))
    return found


def find(name: str, settings: Settings) -> ModelInfo:
    """The installed model ``name``. Raises ``ModelError``."""
    models = installed(settings)
    for model in models:
        if model.name == name:
            return model
    names = "、".join(model.name for model in models)
    raise ModelError(
        "asr_model_unknown",
        f"没有安装识别模型 {name}。已有：{names}。安装：./hotline asr install ZIP文件",
    )


def current(settings: Settings) -> ModelInfo:
    """The model in use: the one that the settings name, else the one chosen, else the shipped one. Raises ``ModelError``."""
    name = settings.asr_model or _read(settings)["current"]
    return find(name, settings) if name else shipped()


def revision(settings: Settings) -> tuple[int, int]:
    """What changes whenever another model is chosen or installed: cheap to ask for, twice a second."""
    try:
        told = (_folder(settings) / "library.json").stat()
    except OSError:
        return (0, 0)
    return (told.st_mtime_ns, told.st_ino)


def use(name: str, settings: Settings) -> ModelInfo:
    """Choose an installed model after loading it once. Raises ``ModelError``."""
    model = find(name, settings)
    check_loads(model.path)
    _write(settings, _read(settings) | {"current": None if model.demo else model.name})
    return model


def check_loads(path: Path) -> None:
    """Load the model in a process of its own, which a broken model may take down. Raises ``ModelError``."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, str(path)], capture_output=True, timeout=_LOAD_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            "asr_model_slow", f"模型 {path.name} 在 {_LOAD_TIMEOUT_S} 秒内没有载入，未启用。请换小一些的模型。"
        ) from error
    if done.returncode:
        raise ModelError(
            "asr_model_broken",
            f"Vosk 载入不了模型 {path.name}，未启用。请确认 ZIP 是完整的 Vosk 模型，重新下载后再装。",
        )


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _checked_members(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """What the archive holds, if it stays inside the folder and within bounds. Raises ``ModelError``."""
    members = [(member, PurePosixPath(member.filename)) for member in archive.infolist() if not member.is_dir()]
    if len(members) > _MAX_ENTRIES or sum(member.file_size for member, _ in members) > _MAX_UNPACKED:
        raise ModelError("asr_zip_too_big", "ZIP 里的文件太多或太大，不像识别模型，未安装。")
    for member, path in members:
        kind = (member.external_attr >> 16) & 0o170000
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or kind not in (0, 0o100000):
            raise ModelError("asr_zip_unsafe", f"ZIP 里有越界的文件名（{member.filename[:60]}），未安装。")
        if member.file_size > _MAX_RATIO * max(member.compress_size, 1 << 10):
            raise ModelError("asr_zip_too_big", "ZIP 解压后异常地大，未安装。")
    return members


def _root_of(members: list[tuple[zipfile.ZipInfo, PurePosixPath]]) -> PurePosixPath:
    """The folder inside the archive that is the model: where ``am/final.mdl`` lies."""
    roots = [path.parent.parent for _, path in members if path.parts[-2:] == ("am", "final.mdl")]
    if len(roots) != 1:
        raise ModelError("asr_zip_no_model", "ZIP 里没有 Vosk 模型（缺 am/final.mdl），未安装。")
    return roots[0]


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    if not file.is_file():
        raise ModelError("asr_zip_missing", f"找不到文件 {file}。")
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError("asr_zip_broken", f"{file.name} 不是完好的 ZIP，请重新下载。") from error


def _unpack(archive: zipfile.ZipFile, target: Path) -> None:
    members = _checked_members(archive)
    root = _root_of(members)
    for member, path in members:
        if not path.is_relative_to(root):
            continue
        destination = target / path.relative_to(root)
        destination.parent.mkdir(parents=True, exist_ok=True)
        left = member.file_size
        with archive.open(member) as source, destination.open("wb") as sink:
            while block := source.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise ModelError("asr_zip_too_big", "ZIP 里的文件比它自己写明的大，未安装。")
                sink.write(block)
    missing = [part for part in _REQUIRED if not (target / part).exists()]
    if missing:
        raise ModelError("asr_zip_no_model", f"ZIP 里的模型不全（缺 {'、'.join(missing)}），未安装。")


def _require_same(name: str, digest: str, library: dict[str, Any]) -> None:
    recorded = library["sha256"].get(name)
    if recorded not in (None, digest):
        raise ModelError(
            "asr_zip_changed",
            f"{name} 的 SHA-256 与首次安装时记下的不同（原 {recorded[:12]}…，现 {digest[:12]}…），未安装。"
            "请核对来源；确属新版本的，请把 ZIP 改名再装。",
        )


def install_zip(file: Path, settings: Settings) -> ModelInfo:
    """Install the Vosk model in the archive ``file`` under the file's name, and switch over to it.

    Nothing changes unless the model loads. Raises ``ModelError``.
    """
    name = file.name.removesuffix(".zip")
    if not _NAME.fullmatch(name) or name == SHIPPED.name:
        raise ModelError("asr_zip_name", f"ZIP 的文件名 {file.name} 不能作模型名：请改为字母、数字、点和横线。")
    with _opened(file) as archive:
        library = _read(settings)
        digest = _sha256(file)
        _require_same(name, digest, library)
        folder = _folder(settings)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".installing-") as work:
            unpacked = Path(work) / name
            _unpack(archive, unpacked)
            check_loads(unpacked)
            target = folder / name
            if target.exists():
                target.rename(Path(work) / "replaced")
            unpacked.rename(target)
    _write(settings, {"current": name, "sha256": library["sha256"] | {name: digest}})
    return replace(find(name, settings), sha256=digest)


def install_named(name: str, settings: Settings) -> ModelInfo:
    """Fetch ``<name>.zip`` from the address in ``HOTLINE_ASR_SOURCE`` and install it. Raises ``ModelError``."""
    if not _NAME.fullmatch(name):
        raise ModelError("asr_model_unknown", f"{name} 不是模型名。例如：vosk-model-small-cn-0.22")
    by_hand = (
        f"请在能上网的电脑上从 Vosk 官方网站的模型页下载 {name}.zip，拷到这台机器，再运行："
        f"./hotline asr install {name}.zip"
    )
    base = os.environ.get(SOURCE_VARIABLE, "").rstrip("/")
    if not base:
        raise ModelError("asr_source_unset", f"没有设置下载地址（环境变量 {SOURCE_VARIABLE}）。{by_hand}")
    if not base.startswith(("https://", "http://", "file://")):
        raise ModelError("asr_source_bad", f"{SOURCE_VARIABLE} 应以 https://、http:// 或 file:// 开头。")
    folder = _folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as work:
        file = Path(work) / f"{name}.zip"
        try:
            _download(f"{base}/{name}.zip", file)
        except (OSError, urllib.error.URLError, ValueError) as error:
            raise ModelError("asr_source_unreachable", f"从设置的地址下载 {name} 失败（{error}）。{by_hand}") from error
        return install_zip(file, settings)


def _download(address: str, file: Path) -> None:
    with urllib.request.urlopen(address, timeout=_DOWNLOAD_TIMEOUT_S) as answer, file.open("wb") as sink:  # noqa: S310 - scheme checked
        length = int(answer.headers.get("Content-Length") or 0)
        if length > shutil.disk_usage(file.parent).free / 3:
            raise OSError("磁盘空间不够")
        got = 0
        while block := answer.read(_BLOCK):
            got += len(block)
            if got > _MAX_UNPACKED:
                raise OSError("文件过大")
            sink.write(block)
        if length and got != length:
            raise OSError("下载不完整")
