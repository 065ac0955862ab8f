"""``./hotline up``: prepare the data folder, train the bot when needed, start everything, say where it is."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from config.errors import HotlineError
from config.settings import ACTIVE_FILE, ROOT
from gateway.commands.common import CityOption, DataOption, JsonOption, print_json, refusals, run_async, settings_for
from gateway.running import running_status, wait_until_ready

if TYPE_CHECKING:
    from config.settings import Settings

READY_TIMEOUT_S: Final = 240.0


def up(
    data: DataOption = None,
    city: CityOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="在后台运行，就绪后返回")] = False,
    sip: Annotated[str | None, typer.Option("--sip", metavar="后端", help="aiosipua（默认）或 pyvoip")] = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="全部使用空闲端口，便于同时运行几套")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the hotline; safe to run again."""
    started = time.monotonic()
    with refusals(as_json):
        settings = settings_for(data, city, as_json=as_json)
        if running_status(settings) is not None:
            _tell(settings, _document(settings, 0.0), as_json, again=True)
            return
        settings = _with_choices(settings, sip, free_ports)
        _check_ports(settings)
        plan_file = _prepare(settings)
        if not detach:
            _tell(settings, None, as_json)
            os.execv(sys.executable, [sys.executable, "-m", "gateway.supervisor", str(plan_file)])  # noqa: S606 # our own program
        _start_detached(settings, plan_file)
        wait_until_ready(settings, READY_TIMEOUT_S, _progress)
        _tell(settings, _document(settings, time.monotonic() - started), as_json)


def _with_choices(settings: "Settings", sip: str | None, free_ports: bool) -> "Settings":
    (settings.data_dir / ACTIVE_FILE).unlink(missing_ok=True)
    from config.settings import Settings

    given: dict[str, Any] = {"data_dir": settings.data_dir, "city": settings.city}
    if sip is not None:
        if sip not in {"aiosipua", "pyvoip"}:
            raise HotlineError("bad_sip_backend", "--sip 只能是 aiosipua 或 pyvoip")
        given["sip_backend"] = sip
    if free_ports:
        from gateway.ports import free_ports as find_free

        given |= find_free()
    return Settings(**given)


def _check_ports(settings: "Settings") -> None:
    from gateway.plan import PORTS

    for name, title in PORTS.items():
        port = getattr(settings, name)
        kind = socket.SOCK_DGRAM if name == "sip_port" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError:
                raise HotlineError(
                    "port_taken",
                    f"端口 {port}（{title}）已被别的程序占用。请换一个：HOTLINE_{name.upper()}=端口号 ./hotline up，"
                    f"或写进 {settings.data_dir / 'settings.yaml'}（{name}: 端口号），"
                    "或用 ./hotline up --free-ports 自动选择",
                ) from None


def _prepare(settings: "Settings") -> Path:
    """Everything that must be there before the first process starts; every step is safe to repeat."""
    from config.rulebook import load_rulebook
    from config.rulebook import warnings as rulebook_warnings
    from dialog import bot_training
    from gateway.plan import make_plan, write_plan

    for folder in (settings.data_dir, settings.run_dir, settings.log_dir, settings.secrets_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for warning in rulebook_warnings(load_rulebook(settings.city, settings.data_dir), _today()):
        _progress(f"提醒：{warning.message}")
    run_async(_load_knowledge(settings))
    model = bot_training.model_to_serve(settings, _progress)
    bot_training.note_served(settings, model, settings.rasa_port)
    _say_which_model(settings)
    return write_plan(settings, make_plan(settings, rasa_model=model))


def _today() -> Any:
    from config.clock import SystemClock, local

    return local(SystemClock().now()).date()


async def _load_knowledge(settings: "Settings") -> None:
    from config.clock import SystemClock
    from gateway.commands.common import opened_store
    from knowledge.repository import Repository

    async with opened_store(settings) as (database, _):
        added = await Repository(database, SystemClock()).load_samples()
        if added:
            _progress(f"已装入样例知识库：{added} 条（仅供演示，请换成本市的知识）")


def _say_which_model(settings: "Settings") -> None:
    from asr_models.library import current

    model = current(settings)
    if model.demo:
        _progress(
            f"识别模型：{model.name}。这是用合成语音做的演示模型，听不懂真人说话；"
            "正式使用请先安装官方模型：./hotline asr install 模型名或ZIP文件"
        )
    else:
        _progress(f"识别模型：{model.name}")


def _start_detached(settings: "Settings", plan_file: Path) -> None:
    log_file = settings.log_dir / "supervisor.log"
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway.supervisor", str(plan_file)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    (settings.run_dir / "supervisor.pid").write_text(str(process.pid), encoding="ascii")


def _document(settings: "Settings", ready_s: float) -> dict[str, Any]:
    setup = ROOT / ".hotline" / "last-setup.json"
    download_s = json.loads(setup.read_text(encoding="ascii"))["setup_s"] if setup.is_file() else 0.0
    return {
        "ready_s": round(ready_s + download_s, 1),
        "download_s": download_s,
        "web": f"http://{settings.host}:{settings.web_port}/",
        "kb": f"http://{settings.host}:{settings.web_port}/kb",
        "sip": f"sip:12345@{settings.host}:{settings.sip_port}",
        "data": str(settings.data_dir),
    }


def _tell(settings: "Settings", document: dict[str, Any] | None, as_json: bool, *, again: bool = False) -> None:
    if as_json:
        print_json(document or _document(settings, 0.0))
        return
    web = f"http://{settings.host}:{settings.web_port}/"
    data = "" if settings.data_dir == ROOT / ".hotline" / "data" else f" --data {settings.data_dir}"
    lines = [
        "热线已经在运行。"
        if again
        else ("热线已就绪。" if document else "正在启动，出现“全部就绪”后即可使用。按 Ctrl-C 停止。"),
        f"  市民聊天  {web}",
        f"  话务台    {web}desk",
        f"  知识库    {web}kb",
        f"  电话      sip:12345@{settings.host}:{settings.sip_port}",
        "试试看：",
        f"  ./hotline call --say 请问公积金怎么提取{data}",
        "知识库要两个人：一人编写，一人审核。还没有账号时先新增：",
        f"  ./hotline agent add 编写人账号 --role editor{data}",
        f"  ./hotline agent add 审核人账号 --role reviewer{data}",
        f"停止：./hotline down{data}",
    ]
    typer.echo("\n".join(lines))
    sys.stdout.flush()


def _progress(text: str) -> None:
    typer.echo(f"· {text}", err=True)
