"""The database: one engine for SQLite and PostgreSQL, migrated at start.

On SQLite a write transaction begins with ``BEGIN IMMEDIATE``: it waits for its turn before it reads, so it never fails
when a read lock would have to become a write lock. Commits are synchronous: what a citizen was told is on disk.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from asyncpg.exceptions import PostgresError  # type: ignore[import-untyped]
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from store.errors import StoreBusy, StoreUnreachable
from store.migration import is_current, upgrade

BUSY_TIMEOUT_S: Final = 10.0
"""How long a writer waits for another one on SQLite."""
_ADVISORY_LOCK: Final = 12345_0001
"""PostgreSQL advisory lock held while migrating."""
_WRITES: Final = "hotline_writes"


class Database:
    """The one way to the store. ``url`` is an SQLAlchemy URL: ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.is_sqlite: Final = self._url.get_backend_name() == "sqlite"
        self._engine = create_async_engine(self._url, pool_pre_ping=not self.is_sqlite)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._writing = asyncio.Lock()
        if self.is_sqlite:
            _prepare_sqlite(self._engine.sync_engine)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One write transaction: committed on leaving, rolled back on an exception. Do not nest.

        Raises :class:`StoreBusy` when another writer does not finish in time.
        """
        if not self.is_sqlite:
            async with self._engine.begin() as connection:
                yield connection
            return
        try:
            async with asyncio.timeout(BUSY_TIMEOUT_S):
                await self._writing.acquire()
        except TimeoutError as error:
            raise StoreBusy(BUSY_TIMEOUT_S) from error
        try:
            async with self._writer.connect() as connection:
                try:
                    await connection.begin()
                except OperationalError as error:
                    if "locked" not in str(error.orig):
                        raise
                    raise StoreBusy(BUSY_TIMEOUT_S) from error
                yield connection
                await connection.commit()
        finally:
            self._writing.release()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; one snapshot; changes are not kept."""
        async with self._engine.connect() as connection:
            yield connection

    async def migrate(self) -> None:
        """Bring the schema to the newest version; safe when several processes start at once.

        Raises :class:`StoreUnreachable`, and :class:`store.errors.StoreTooNew` when a newer release has been here.
        """
        try:
            if self.is_sqlite:
                await asyncio.to_thread(_create_file, self._file)
            async with self.connect() as connection:
                if await connection.run_sync(is_current):
                    return
        except (OSError, DBAPIError, sqlite3.Error, PostgresError) as error:
            raise StoreUnreachable(self._url.render_as_string(hide_password=True), _reason(error)) from error
        async with self.begin() as connection:
            if not self.is_sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            await connection.run_sync(upgrade)

    async def close(self) -> None:
        """Give every connection back."""
        await self._engine.dispose()

    @property
    def _file(self) -> Path:
        if not self._url.database:
            raise ValueError("an SQLite database needs a file")
        return Path(self._url.database)


def _reason(error: BaseException) -> str:
    """The driver's own words, in one line."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())


def _create_file(file: Path) -> None:
    """Make the database file, readable by its owner only, in WAL mode; one process at a time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        plain = sqlite3.connect(file, timeout=BUSY_TIMEOUT_S)
        try:
            plain.execute("PRAGMA journal_mode=WAL")
        finally:
            plain.close()
    finally:
        os.close(descriptor)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver opens no transactions of its own
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_S * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
