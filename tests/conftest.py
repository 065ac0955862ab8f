"""What every room's tests share: a data folder, a migrated database, a vault, a clock, and ``need``."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.settings import Settings
from store.engine import Database
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


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database as the migrations leave it, to be copied: migrating takes a third of a second each time."""
    file = tmp_path_factory.mktemp("migrated") / "hotline.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{file}")
        await database.migrate()
        await database.close()

    _run_apart(make)
    return file


@pytest.fixture
async def database(settings: Settings, migrated: Path) -> AsyncIterator[Database]:
    """A migrated SQLite database."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated, settings.data_dir / "hotline.db")
    database = Database(settings.effective_database_url)
    await database.migrate()
    yield database
    await database.close()
