"""The store on both databases: SQLite in a file, and a throw-away PostgreSQL cluster on a Unix socket."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.settings import Settings
from store.engine import Database
from store.ids import new_id

Need = Callable[[str, str], Path]


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


@pytest.fixture(scope="session")
def postgres(need: Need) -> Iterator[Path]:
    """The socket folder of a running cluster of our own; its superuser is ``hotline``, without a password."""
    pg_ctl = need(_postgres_bin(), "apt-get install postgresql")
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
def template(postgres: Path) -> str:
    """The name of a migrated PostgreSQL database, to be copied."""

    async def make() -> None:
        await _execute(postgres, "CREATE DATABASE migrated")
        database = Database(_url(postgres, "migrated"))
        await database.migrate()
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(make()))  # this may be asked for in a running event loop
    thread.start()
    thread.join()
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[str]:
    """The URL of an empty database, on each of the two."""
    if request.param == "sqlite":
        yield settings.effective_database_url
        return
    postgres = request.getfixturevalue("postgres")
    async with _postgres_database(postgres) as name:
        yield _url(postgres, name)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Database]:
    """A migrated database, on each of the two."""
    if request.param == "sqlite":
        settings.data_dir.mkdir(parents=True)
        shutil.copy(request.getfixturevalue("migrated"), settings.data_dir / "hotline.db")
        database = Database(settings.effective_database_url)
        yield database
        await database.close()
        return
    postgres = request.getfixturevalue("postgres")
    async with _postgres_database(postgres, request.getfixturevalue("template")) as name:
        database = Database(_url(postgres, name))
        yield database
        await database.close()


def _url(postgres: Path, name: str) -> str:
    return f"postgresql+asyncpg://hotline@/{name}?host={postgres}"


@asynccontextmanager
async def _postgres_database(postgres: Path, template: str = "template0") -> AsyncIterator[str]:
    name = f"t{new_id()}"
    await _execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield name
    await _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(socket: Path, statement: str) -> None:
    import asyncpg  # type: ignore[import-untyped]

    connection = await asyncpg.connect(host=str(socket), user="hotline", database="postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
