"""The engine, on SQLite and PostgreSQL: commits, rollbacks, many writers, many processes migrating at once."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError

from config.settings import ROOT, Settings
from store import engine as engine_module
from store import versions
from store.engine import Database
from store.errors import StoreBusy, StoreTooNew, StoreUnreachable
from store.migration import current_revisions, newest_revision
from store.schema import audit, metadata, tickets
from store.schema import versions as versions_table


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_exactly_the_schema(database: Database) -> None:
    async with database.connect() as connection:
        assert await connection.run_sync(_differences) == [], "store/schema.py changed: write a migration"
        assert await connection.run_sync(current_revisions) == {newest_revision()}


async def test_migrating_again_changes_nothing(database: Database) -> None:
    async with database.begin() as connection:
        await versions.bump(connection, "kept")
    await database.migrate()
    async with database.connect() as connection:
        assert await versions.read(connection, "kept") == 1


async def test_a_database_from_a_newer_release_is_refused(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match="更新的版本"):
        await database.migrate()


async def test_what_is_committed_stays_and_what_fails_does_not(database: Database) -> None:
    async with database.begin() as connection:
        await versions.bump(connection, "a")
    with pytest.raises(RuntimeError):
        async with database.begin() as connection:
            await versions.bump(connection, "a")
            raise RuntimeError
    async with database.connect() as connection:
        assert await versions.read(connection, "a") == 1
        assert await versions.read(connection, "never") == 0


async def test_foreign_keys_hold(database: Database) -> None:
    now = datetime(2023, 4, 3, tzinfo=UTC)
    row = {"id": "1", "channel": "web", "city": "x", "type": "help", "status": "draft", "created_at": now}
    with pytest.raises(IntegrityError):
        async with database.begin() as connection:
            await connection.execute(insert(tickets).values(**row, conversation_id="nowhere"))


async def test_moments_come_back_aware_and_in_utc(database: Database) -> None:
    east = datetime(2023, 4, 3, 8, 0, tzinfo=timezone(timedelta(hours=8)))
    async with database.begin() as connection:
        await connection.execute(insert(audit).values(id="1", at=east, by="x", action="y", subject="z"))
    async with database.connect() as connection:
        found = (await connection.execute(select(audit.c.at))).scalar_one()
    assert found == east
    assert found.utcoffset() == timedelta()


async def test_a_naive_moment_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="aware"):
        async with database.begin() as connection:
            await connection.execute(
                insert(audit).values(id="1", at=datetime(2023, 4, 3), by="x", action="y", subject="z")
            )


async def test_writers_in_one_process_wait_for_each_other(database: Database) -> None:
    async def one() -> int:
        async with database.begin() as connection:
            before = await versions.read(connection, "c")
            await asyncio.sleep(0)
            await versions.bump(connection, "c")
            return before

    await asyncio.gather(*(one() for _ in range(20)))
    async with database.connect() as connection:
        assert await versions.read(connection, "c") == 20


_PROCESS = """
import asyncio, sys
from store import versions
from store.engine import Database

async def main(url):
    database = Database(url)
    await database.migrate()
    for _ in range(10):
        async with database.begin() as connection:
            await versions.read(connection, "p")
            await versions.bump(connection, "p")
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


async def _run_process(url: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROCESS, url, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


async def test_processes_migrate_and_write_at_once(url: str) -> None:
    results = await asyncio.gather(*(_run_process(url) for _ in range(3)))
    assert [code for code, _ in results] == [0] * 3, [errors for _, errors in results]
    database = Database(url)
    async with database.connect() as connection:
        assert await versions.read(connection, "p") == 30
    await database.close()


async def test_a_writer_that_waits_too_long_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0.05)
    first, second = Database(settings.effective_database_url), Database(settings.effective_database_url)
    await first.migrate()
    async with first.begin() as connection:
        await versions.bump(connection, "x")
        with pytest.raises(StoreBusy, match="数据库正忙"):
            async with second.begin():
                raise AssertionError("两个写入者不能同时进入")
        with pytest.raises(StoreBusy):
            async with first.begin():
                raise AssertionError("写事务不能嵌套")
    await first.close()
    await second.close()


async def test_a_database_that_is_not_there_is_explained(url: str) -> None:
    database = Database(url.replace("data/hotline.db", "").replace("@/t", "@/no_such_"))
    with pytest.raises(StoreUnreachable, match="打不开数据库"):
        await database.migrate()
    await database.close()


async def test_a_server_that_does_not_answer_is_explained_without_its_password() -> None:
    database = Database("postgresql+asyncpg://hotline:geheim@/hotline?host=/nowhere")
    with pytest.raises(StoreUnreachable) as caught:
        await database.migrate()
    assert "geheim" not in caught.value.message
    await database.close()


async def test_sqlite_is_set_up_to_lose_nothing(settings: Settings) -> None:
    database = Database(settings.effective_database_url)
    await database.migrate()
    async with database.connect() as connection:
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    await database.close()
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}
    assert _mode(settings.data_dir / "hotline.db") & 0o077 == 0


def _mode(file: Path) -> int:
    return file.stat().st_mode


async def test_a_reader_keeps_nothing(database: Database) -> None:
    async with database.connect() as connection:
        await connection.execute(insert(versions_table).values(name="r", value=1))
    async with database.connect() as connection:
        assert await versions.read(connection, "r") == 0
