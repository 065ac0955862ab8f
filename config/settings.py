"""Settings of one installation: environment ``HOTLINE_*`` over ``settings.yaml`` in the data folder over defaults."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: the folder that holds the rooms."""


def default_data_dir() -> Path:
    """Where state lives when nothing else is said: ``.hotline/data`` under the checkout."""
    return Path(os.environ.get("HOTLINE_DATA_DIR") or ROOT / ".hotline" / "data")


ACTIVE_FILE: Final = "run/active.json"
"""What the running instance was started with (ports, city): other commands with the same ``--data`` find it there."""

SLOTS_A_WORKER: Final = 40
"""Calls per recognition worker: 77 dialogues at once on two workers and two cores lose no turn (``bench calls``)."""

_SOCKET_PATH_LIMIT: Final = 100
"""A Unix socket's path has at most 107 bytes (``sockaddr_un``); some room is left for the name."""


class _DataFolderFile(PydanticBaseSettingsSource):
    """Reads one file of the data folder."""

    def __init__(self, settings_cls: type[BaseSettings], name: str) -> None:
        super().__init__(settings_cls)
        self._name = name

    def get_field_value(self, field: object, field_name: str) -> tuple[object, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, object]:
        given = self.current_state.get("data_dir")
        path = Path(str(given)) if given else default_data_dir()
        file = path / self._name
        if not file.is_file():
            return {}
        loaded = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if not isinstance(loaded, dict):
            raise ValueError(f"{file}: 应为“键: 值”形式的 YAML")
        return loaded


class Settings(BaseSettings):
    """One installation's settings. Ports are on 127.0.0.1 unless ``host`` says otherwise; times are seconds."""

    model_config = SettingsConfigDict(env_prefix="HOTLINE_", extra="forbid")

    data_dir: Path = Field(default_factory=default_data_dir)
    city: str = "zhanjiang"
    host: str = "127.0.0.1"

    web_port: int = 8080
    """Pages, chat, desk (aiohttp)."""
    operator_port: int = 8081
    """Loopback only: health, calls by Call-ID, metrics; guarded by the operator token file."""
    node_port: int = 8082
    """Loopback only by default: the WebSocket listener for ivr nodes."""
    gateway_address: str = ""
    """``host:port`` of the gateway's node listener, for a node on a machine of its own; empty: here, on ``node_port``."""
    rasa_port: int = 5005
    sip_port: int = 5060
    rtp_port_low: int = 20000
    rtp_port_high: int = 20999
    """RTP ports of the ivr node, even ones used; the range also limits the number of calls."""

    sip_backend: Literal["aiosipua", "pyvoip"] = "aiosipua"
    sip_domain: str = "127.0.0.1"
    sip_trunk: str = ""
    """``host[:port]`` that takes our calls to ``tel:`` numbers; empty: the registrar, if there is one."""
    sip_registrar: str = ""
    """``host[:port]`` to register with (digest); empty: the trunk knows our address and needs no registration."""
    sip_user: str = ""
    """The trunk's account, ``12345`` or ``12345@domain``. Its password: ``HOTLINE_SECRET_SIP`` or ``secrets/sip``."""
    sip_auth_user: str = ""
    """The name that goes with the password, where it is not that of ``sip_user``."""
    sip_register_expires: int = Field(default=300, ge=60, le=86_400)
    """Seconds of registration to ask for; it is refreshed every 30 s at the latest."""
    sip_area_code: str = Field(default="", pattern=r"^(0\d{2,3})?$")
    """``0759``: put before callers' numbers that the local exchange sends without an area code."""
    max_calls: int = 77
    max_restricted_calls: int = 8
    recognition_slots: int = 0
    """Calls that are recognised at the same time; further ones fall under the city's overflow rule. 0: by the workers."""
    longest_call_s: float = 1800.0
    """A call with the bot ends after this, warned a minute before; never one in an emergency or with a person. 0: no end."""
    drain_s: float = 120.0
    """How long a node that is told to leave (SIGTERM) lets its calls go on; new ones are refused with 503 meanwhile."""
    recogniser_workers: int = Field(default=0, ge=0, le=256)
    """Recognition processes. 0: one per core, but no more than ``max_calls`` need and never only one: another takes over."""
    voice_workers: int = 2
    """Processes that synthesise speech: while one is being replaced, or is busy with a long sentence, another speaks."""
    asr_model: str = ""
    """Name of an installed recogniser model; empty: the one chosen by ``./hotline asr``, else the shipped one."""

    search_meaning: bool = True
    """Whether search reads questions and entries for their meaning (70 MB, 30 ms of a core a question); else by words alone."""

    database_url: str = ""
    """Empty: SQLite in the data folder. ``postgresql+asyncpg://…`` in production."""
    redis_url: str = ""
    """Empty: a private Redis started by the supervisor on a Unix socket in the data folder."""

    rasa_timeout: float = 2.0
    """A turn that takes Rasa longer than this falls back (DESIGN §1, a human is always reachable)."""
    training_memory_mb: int = Field(default=3000, ge=500)
    """Resident memory that each program of a training may use, MB; a training of 2,200 examples takes 720."""
    training_limit_s: float = Field(default=1800.0, gt=0)
    """A training that takes longer than this is ended."""
    agent_answer_timeout: float = 20.0
    """How long an agent may take to accept before the next one is asked."""
    queue_timeout: float = 60.0
    """How long a citizen waits in the queue before a callback is promised."""
    agent_attempts: int = 3
    """So many agents may fail one caller with ``queue_timeout`` beginning anew; after that it runs on to a callback."""
    transfer_mode: Literal["bridge", "refer"] = "bridge"
    """How callers are put through: a second leg bridged in the node, or SIP REFER where the trunk is known to take it."""
    transfer_modes: dict[str, Literal["bridge", "refer"]] = {}
    """Exceptions by SIP address or by its host: ``{"pbx.example": "refer"}``."""
    outgoing_uri: str = ""
    """How numbers outside are dialled: ``sip:{number}@trunk.example``; empty: the node dials no outside numbers."""
    ivr_fallback_uri: str = ""
    """SIP address that takes a call which has lost its gateway; empty: a callback record on the node's disk."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        started_with = _DataFolderFile(settings_cls, ACTIVE_FILE)
        return init_settings, env_settings, started_with, _DataFolderFile(settings_cls, "settings.yaml")

    @property
    def effective_recognition_slots(self) -> int:
        """``recognition_slots``, or what the workers are good for."""
        return self.recognition_slots or self.effective_recogniser_workers * SLOTS_A_WORKER

    @property
    def effective_recogniser_workers(self) -> int:
        """``recogniser_workers``, or what this machine has and the lines need."""
        needed = -(-self.max_calls // SLOTS_A_WORKER)
        return self.recogniser_workers or max(2, min(len(os.sched_getaffinity(0)), needed))

    @property
    def secrets_dir(self) -> Path:
        """Keys and tokens made on first run, mode 0700, outside the database."""
        return self.data_dir / "secrets"

    @property
    def run_dir(self) -> Path:
        """Process ids, sockets, status files of the running instance."""
        return self.data_dir / "run"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'hotline.db'}"

    @property
    def effective_gateway_address(self) -> str:
        """Where an ivr node finds its gateway."""
        return self.gateway_address or f"{self.host}:{self.node_port}"

    @property
    def effective_redis_url(self) -> str:
        return self.redis_url or f"unix://{self.socket_path('redis')}"

    def socket_path(self, name: str) -> Path:
        """Where the Unix socket ``name`` of this instance lies; a deep data folder gets a short folder of its own."""
        path = self.run_dir / f"{name}.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.data_dir.resolve())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"hotline-{os.getuid()}-{digest}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise ValueError(f"{folder} 属于别的用户；请换一个较短的数据目录")
        return folder / f"{name}.sock"

    def secret(self, name: str) -> str:
        """The secret ``name``: from ``HOTLINE_SECRET_<NAME>``, else from its file, made on first use (0600)."""
        from_environment = os.environ.get(f"HOTLINE_SECRET_{name.upper()}")
        if from_environment:
            return from_environment
        file = self.secrets_dir / name
        if not file.exists():
            self.secrets_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create_secret(file)
        return file.read_text(encoding="ascii").strip()


def _create_secret(file: Path) -> None:
    """Write a new secret so that no other process ever sees an empty or a second one."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        handle.write(secrets.token_hex(32))
        handle.flush()
        os.fsync(handle.fileno())
    with contextlib.suppress(FileExistsError):  # another process made it first: that one counts
        os.link(draft, file)
    draft.unlink()
