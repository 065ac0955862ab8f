"""What every room's tests share: a data folder, a migrated database, a vault, a clock, and ``need``.

``database`` is SQLite; a room whose statements must hold on PostgreSQL too takes ``each_database``.
"""

import asyncio
import logging
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
import structlog

from config.clock import ManualClock
from config.settings import Settings
from store.engine import Database
from store.ids import new_id
from store.vault import Vault

Need = Callable[[str, str], Path]


def _need(program: str, hint: str) -> Path:
    found = shutil.which(program)
    if found:
        return Path(found)
    if os.environ.get("HOTLINE_TEST_ALL") == "1":
        pytest.fail(f"缺少 {program}：{hint}", pytrace=False)
    pytest.skip(f"缺少 {program}：{hint}")


@pytest.fixture(scope="session")
def need() -> Need:
    """``need(program, hint)``: the path of an outside program; without it the test skips, or, with
    ``HOTLINE_TEST_ALL=1``, fails. ``program`` is a name on PATH or an absolute path; ``hint`` says how to get it.
    """
    return _need


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command that is run in this process sends the logs to a stderr that is closed after its test."""
    before, handlers = structlog.get_config(), list(logging.getLogger().handlers)
    yield
    if structlog.get_config() != before:
        structlog.configure(**before)
    logging.getLogger().handlers = handlers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation of its own in a fresh folder."""
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def clock() -> ManualClock:
    """2023-04-03 10:00 in Asia/Shanghai, a Monday; moves when told to."""
    return ManualClock(datetime(2023, 4, 3, 2, 0, tzinfo=UTC))


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault(settings)


def _run_apart(make: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a coroutine in a thread: a session's fixture may be asked for from within a running event loop."""
    thread = threading.Thread(target=lambda: asyncio.run(make()))
    thread.start()
    thread.join()


async def _migrate(url: str) -> None:
    database = Database(url)
    await database.migrate()
    await database.close()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database as the migrations leave it, to be copied: migrating takes a third of a second each time."""
    file = tmp_path_factory.mktemp("migrated") / "hotline.db"
    _run_apart(lambda: _migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@asynccontextmanager
async def _sqlite(settings: Settings, migrated: Path) -> AsyncIterator[Database]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated, settings.data_dir / "hotline.db")
    database = Database(settings.effective_database_url)
    yield database
    await database.close()


@pytest.fixture
async def database(settings: Settings, migrated: Path) -> AsyncIterator[Database]:
    """A migrated SQLite database."""
    async with _sqlite(settings, migrated) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
async def each_database(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Database]:
    """A migrated database, on each of the two."""
    if request.param == "sqlite":
        async with _sqlite(settings, request.getfixturevalue("migrated")) as database:
            yield database
        return
    postgres = request.getfixturevalue("postgres")
    async with _postgres_database(postgres, request.getfixturevalue("postgres_template")) as url:
        database = Database(url)
        yield database
        await database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def each_empty_url(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[str]:
    """The URL of an empty database, on each of the two."""
    if request.param == "sqlite":
        yield settings.effective_database_url
        return
    async with _postgres_database(request.getfixturevalue("postgres"), "template0") as url:
        yield url


@pytest.fixture(scope="session")
def postgres(need: Need) -> Iterator[Path]:
    """The socket folder of a throw-away cluster of our own; its superuser is ``hotline``, without a password."""
    pg_ctl = need(_postgres_bin(), "请运行 apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
    user = _unprivileged()
    if user:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(pg_ctl.with_name(program)), *arguments]
        done = subprocess.run(
            command, user=user, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    data = folder / "data"
    run("initdb", "-D", str(data), "-U", "hotline", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield folder
    run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_template(postgres: Path) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""

    async def make() -> None:
        await _execute(postgres, "CREATE DATABASE migrated")
        await _migrate(_postgres_url(postgres, "migrated"))

    _run_apart(make)
    return "migrated"


def _postgres_bin() -> str:
    """The newest ``pg_ctl`` that Debian's packages put outside of PATH; else whatever PATH has."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[-3]))
    return str(found[-1]) if found else "pg_ctl"


def _unprivileged() -> str | None:
    """The user to run the cluster as: ``initdb`` refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _postgres_url(postgres: Path, name: str) -> str:
    return f"postgresql+asyncpg://hotline@/{name}?host={postgres}"


@asynccontextmanager
async def _postgres_database(postgres: Path, template: str) -> AsyncIterator[str]:
    name = f"t{new_id()}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _postgres_url(postgres, name)
    await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(postgres: Path, statement: str) -> None:
    connection = await asyncpg.connect(host=str(postgres), user="hotline", database="postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
