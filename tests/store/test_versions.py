"""Counters and the audit trail, within the transaction of what they record."""

from sqlalchemy import select

from config.clock import ManualClock
from store import versions
from store.audit import record
from store.engine import Database
from store.schema import audit


async def test_each_name_counts_by_itself(database: Database) -> None:
    async with database.begin() as connection:
        assert [await versions.bump(connection, "knowledge") for _ in range(3)] == [1, 2, 3]
        assert await versions.bump(connection, "restrictions") == 1
    async with database.connect() as connection:
        assert await versions.read(connection, "knowledge") == 3


async def test_an_audit_row_says_who_did_what(database: Database, clock: ManualClock) -> None:
    async with database.begin() as connection:
        await record(connection, at=clock.now(), by="boss", action="restriction.added", subject="abc")
    async with database.connect() as connection:
        row = (await connection.execute(select(audit))).one()
    assert (row.at, row.by, row.action, row.subject, row.detail) == (
        clock.now(), "boss", "restriction.added", "abc", "",
    )  # fmt: skip
